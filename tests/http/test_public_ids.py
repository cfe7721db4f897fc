"""Ids in URLs: there and back, and nothing to be guessed in between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import NotFound
from app.public_ids import PublicIds

IDS = PublicIds("a secret")
numbers = st.integers(min_value=0, max_value=2**63 - 1)


@given(numbers)
def test_there_and_back(number: int):
    text = IDS.encode("task", number)
    assert len(text) == 13
    assert IDS.decode("task", text) == number


@given(numbers)
def test_the_same_number_of_another_kind_is_another_text(number: int):
    assert IDS.encode("task", number) != IDS.encode("store", number)


@given(numbers)
def test_another_secret_makes_another_text(number: int):
    assert IDS.encode("task", number) != PublicIds("another").encode("task", number)


@given(st.text(max_size=20))
def test_any_other_text_is_not_found_or_some_number_of_its_own(text: str):
    try:
        number = IDS.decode("task", text)
    except NotFound:
        return
    assert IDS.encode("task", number) == text


def test_neighbours_look_unrelated():
    texts = [IDS.encode("task", number) for number in range(100)]
    assert len({text[:3] for text in texts}) > 90


@pytest.mark.parametrize("text", ["", "A" * 13, "1" * 13, "a" * 12, "a" * 14, "é" * 13, "aaaaaaaaaaaa="])
def test_malformed_texts_are_not_found(text: str):
    with pytest.raises(NotFound):
        IDS.decode("task", text)
