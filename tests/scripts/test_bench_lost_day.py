"""The bench of a lost day says which promise was missed; what it measures is shown, never judged by a test."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from scripts.commands.bench_lost_day import LOST_DAY, RATE, Stretch, verdicts, worked_off
from scripts.commands.bench_lost_day_tables import Promise, Promises, Spread
from scripts.commands.bench_lost_day_till import Sold

DUE_AT = datetime(2026, 3, 6, 2, tzinfo=UTC)
ON_TIME = [1.0] * 99 + [11.0]
TOLD = [70.0] * 100


def stretch(opening_s: list[float], telling_s: list[float], purchases: float = RATE * 10) -> Stretch:
    """Ten seconds of purchases; a tenth of a second of them makes a backlog of a hundred steps disappear."""
    opened = [Promise(DUE_AT, *seconds) for seconds in zip(opening_s, telling_s, strict=True)]
    promises = Promises(100, opened)
    return Stretch(Sold(round(purchases), 10.0, 0.1), promises, promises, 100, 100, 0.1)


def missed(measured: Stretch) -> list[str]:
    return [verdict.what.partition(": ")[2] for verdict in verdicts("x", measured) if not verdict.is_met]


def test_one_in_a_hundred_may_be_later():
    assert Spread.of(ON_TIME) == Spread(1.0, 1.0, 11.0)
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 3.0, 3.0)
    assert missed(stretch(ON_TIME, TOLD)) == []


def test_each_promise_that_is_missed_is_named():
    assert missed(stretch([*ON_TIME[1:], 11.0], TOLD)) == ["opened after due, p99"]
    assert missed(stretch(ON_TIME, [*TOLD[1:], 301.0])) == ["delivered after due, the latest"]
    assert missed(stretch(ON_TIME[:-1], TOLD[1:])) == ["30-minute steps not told"]
    assert missed(stretch(ON_TIME, TOLD, RATE * 9)) == ["of 10 times the peak taken in"]


def test_of_nothing_that_was_told_nothing_is_in_time():
    assert len(missed(stretch([], []))) == 3
    assert missed(stretch(ON_TIME, [*TOLD[1:], math.inf])) == [
        "delivered after due, the latest",
        "30-minute steps not told",
    ]


def test_what_fell_due_when_the_backlog_was_gone_was_not_behind_it():
    later = DUE_AT + timedelta(seconds=1)
    promises = Promises(2, [Promise(DUE_AT, 1.0, 60.0), Promise(later, 2.0, 70.0)])
    assert promises.due_until(DUE_AT).opening.most == 1.0
    assert promises.due_until(later).telling.most == 70.0


def test_a_lost_day_is_projected_from_what_was_worked_off():
    assert worked_off(stretch(ON_TIME, TOLD)).figure == LOST_DAY / 1_000 / 3_600
