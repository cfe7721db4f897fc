"""Whatever a rule says can be written and read back; whatever text is read either says something or is refused."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.criteria.criterion import Criterion
from app.criteria.grammar import MAX_CHARACTERS, parse
from app.criteria.refusing import explain_refusal
from app.criteria.tree import Node
from app.criteria.words import QUOTES, SPELLINGS, Language
from app.errors import Invalid
from tests.criteria.samples import VOCABULARY, nodes

LANGUAGES = st.sampled_from(list(Language))
ODDS = ["\\", "3", "1.50", "2026-03-01", "x", " ", "\n", "額"]
PIECES = sorted({*SPELLINGS, *VOCABULARY.names, *"".join(QUOTES), *ODDS})
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read_or_refused(text: str) -> Criterion | None:
    """The criterion, or None where the text was refused in the one way there is, in plain words."""
    try:
        return parse(text, VOCABULARY)
    except Invalid as error:
        refused = error
    assert refused.code == "bad_criterion"
    assert 1 <= refused.details["position"] <= len(text) + 1  # type: ignore[operator]
    for language in Language:
        assert explain_refusal(refused, language).isprintable()
    assert json.loads(json.dumps(refused.details).encode()) == refused.details
    return None


@patient
@given(nodes(is_wild=True), LANGUAGES)
def test_what_is_written_is_read_back(node: Node, language: Language):
    criterion = Criterion(node)
    text = criterion.text(language)
    assert parse(json.loads(json.dumps(text)), VOCABULARY) == criterion
    assert parse(text, VOCABULARY).text(language) == text


@patient
@given(nodes(), LANGUAGES, st.randoms(use_true_random=False))
def test_blanks_widths_and_capitals_outside_quotes_say_nothing(
    node: Node, language: Language, chance: random.Random
):
    text = Criterion(node).text(language)
    inside, escaped, written = False, False, []
    for letter in text:
        quote = letter == '"' and not escaped
        escaped = letter == "\\" and not escaped
        inside ^= quote
        written.append(letter if inside or quote else disguised(letter, chance))
    assert parse("".join(written), VOCABULARY) == Criterion(node)


def disguised(letter: str, chance: random.Random) -> str:
    """The same sign in another width or case; a blank as several."""
    if letter == " ":
        return chance.choice([" ", "  ", "\n", "\u3000\t"])
    wide = chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter
    return chance.choice([letter, letter.upper(), wide])


@patient
@given(st.text(st.characters(exclude_categories=[]), max_size=60))
@example("ſ and K")
@example("İ = ²")
@example('level = "\U000e0001"')
def test_any_text_is_read_or_refused(text: str):
    read_or_refused(text)


@settings(patient, max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=25), st.sampled_from(["", " "]))
def test_any_words_are_read_or_refused_and_what_was_read_can_be_written(pieces: list[str], between: str):
    criterion = read_or_refused(between.join(pieces))
    if criterion is not None:
        for language in Language:
            assert parse(criterion.text(language), VOCABULARY) == criterion


@patient
@given(nodes(is_wild=True), LANGUAGES, st.data())
def test_a_rule_with_a_slip_is_read_or_refused(node: Node, language: Language, data: st.DataObject):
    text = Criterion(node).text(language)
    at = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 3))
    slip = data.draw(st.sampled_from(["", *PIECES]))
    read_or_refused(text[:at] + slip + text[at + length :])


@pytest.mark.parametrize(
    "piece", ["(", "not ", "[", '"', "\\", "a", "金", "1", "vip ", "vip and ", "-", "\ud800", " "]
)
def test_long_texts_are_read_or_refused(piece: str):
    read_or_refused((piece * MAX_CHARACTERS)[:MAX_CHARACTERS])
    assert read_or_refused(piece * MAX_CHARACTERS + piece) is None
