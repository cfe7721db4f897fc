"""The language's own words (words.toml): data, because they are in two languages."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from string import ascii_uppercase
from typing import Any

# Full-width signs and letters are their ASCII twins, capitals are small letters: one character for one character, so
# that a place in the plain text is the same place in the text as written.
VISIBLE_ASCII = range(0x21, 0x7F)
TO_FULL_WIDTH = 0xFEE0
PLAIN = {ord(letter): letter.lower() for letter in ascii_uppercase}
PLAIN |= {code + TO_FULL_WIDTH: chr(code).lower() for code in VISIBLE_ASCII}


class Language(StrEnum):
    """In which words a rule, an explanation or a refusal is written."""

    ZH = "zh"
    EN = "en"


def plain(text: str) -> str:
    """How a text is read outside quotes: without full-width forms and capitals; as long as it was."""
    return text.translate(PLAIN)


def _read() -> Mapping[str, Any]:
    return tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))


def _spellings(words: Mapping[str, Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """By spelling, which words it may be: in English the `and` of `between` is spelled like the other."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, forms in words.items():
        for spelling in (forms["zh"], forms["en"], *forms.get("also", ())):
            found[plain(spelling)].add(name)
    return {spelling: frozenset(names) for spelling, names in found.items()}


_TEXTS = _read()
SPELLINGS = _spellings(_TEXTS["words"])
QUOTES: tuple[str, ...] = tuple(_TEXTS["signs"]["quotes"])
DATES: tuple[str, ...] = tuple(_TEXTS["signs"]["dates"])


def word(name: str, language: Language) -> str:
    """How a word of the language is written."""
    return str(_TEXTS["words"][name][language])


def says(name: str, language: Language) -> str:
    """A small word or a pattern of explanations and refusals."""
    return str(_TEXTS["says"][name][language])


def problem(name: str, language: Language) -> str:
    """What is wrong, with places for the particulars."""
    return str(_TEXTS["problems"][name][language])


def expectation(name: str, language: Language) -> str:
    """What was expected: a word as it is written, in quotes, or a description."""
    described = _TEXTS["expected"].get(name)
    return str(described[language]) if described else says("word", language).format(word=word(name, language))
