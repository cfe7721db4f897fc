"""The bench of fires says which promise was missed; what it measures is shown, never judged by a test."""

from __future__ import annotations

import pytest

from scripts.commands.bench_fires import Verdict, fewest_due, show_verdicts
from scripts.commands.bench_fires_floors import CHUNKS


@pytest.mark.parametrize(
    ("figure", "is_least", "is_met"),
    [(3.0, True, True), (2.99, True, False), (3.0, False, True), (3.01, False, False)],
)
def test_a_promise_is_kept_up_to_its_limit(figure: float, is_least: bool, is_met: bool):
    verdict = Verdict("claim", figure, 3.0, is_least=is_least)
    assert verdict.is_met is is_met
    assert ("MISSED" in str(verdict)) is not is_met


def test_one_missed_promise_fails_the_run(capsys: pytest.CaptureFixture[str]):
    kept, missed = Verdict("claim", 4.0, 3.0), Verdict("fire", 0.4, 0.5)
    assert show_verdicts([kept]) == 0
    assert show_verdicts([kept, missed]) == 1
    assert capsys.readouterr().out.count("MISSED") == 1


def test_there_are_steps_for_every_round():
    more = fewest_due(rounds=2, steps=1_000) - fewest_due(rounds=1, steps=1_000)
    assert more >= 3 * sum(max(chunk, 1_000) for chunk in CHUNKS)
