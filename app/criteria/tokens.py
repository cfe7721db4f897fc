"""A rule's text as tokens. Where nothing is known the token says so: whether that is wrong the grammar decides."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from app.criteria.refusing import refusal
from app.criteria.terms import Term, Vocabulary
from app.criteria.words import DATES, QUOTES, SPELLINGS, plain

NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
DATE = tuple(re.compile(pattern) for pattern in DATES)
ASCII_RUN = re.compile(r"[a-z0-9_]+")
CLOSING = {opening: frozenset(row) for row in QUOTES for opening in row}
ESCAPE = "\\"
# Neither can be shown, and the second not even be stored: control characters and halves of characters.
UNWRITABLE = frozenset({"Cc", "Cs"})


class What(StrEnum):
    """The sorts of tokens."""

    WORD = "word"
    TERM = "term"
    NUMBER = "number"
    DATE = "date"
    TEXT = "text"
    STRANGE = "strange"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text from `start` to `end`; of the rest it has what its sort says.

    `words` are the words of the language it may be, `parts` the digits of a number or date, `text` a text without its
    quotes.
    """

    what: What
    start: int
    end: int
    words: frozenset[str] = frozenset()
    term: Term | None = None
    parts: tuple[str, ...] = ()
    text: str = ""


def read_tokens(text: str, vocabulary: Vocabulary) -> tuple[Token, ...]:
    """The whole text, blanks left out, ending in END. Raises `Invalid` for a text in quotes that is not one."""
    return tuple(_read(text, plain(text), vocabulary))


def _read(text: str, flat: str, vocabulary: Vocabulary) -> Iterator[Token]:
    lexicon, at = _lexicon(vocabulary), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token = (
            _read_text(text, at)
            or _read_known(flat, at, lexicon, vocabulary)
            or _read_number(flat, at)
            or Token(What.STRANGE, at, _end_of_strange(flat, at, lexicon))
        )
        yield token
        at = token.end
    yield Token(What.END, at, at)


def _read_known(flat: str, at: int, lexicon: re.Pattern[str], vocabulary: Vocabulary) -> Token | None:
    match = lexicon.match(flat, at)
    if match is None:
        return None
    spelling = " ".join(match[0].split())
    term = vocabulary.names.get(spelling)
    if term is not None:
        return Token(What.TERM, at, match.end(), term=term)
    return Token(What.WORD, at, match.end(), words=SPELLINGS[spelling])


def _read_number(flat: str, at: int) -> Token | None:
    for pattern in DATE:
        if match := pattern.match(flat, at):
            return Token(What.DATE, at, match.end(), parts=match.groups())
    if match := NUMBER.match(flat, at):
        return Token(What.NUMBER, at, match.end(), parts=tuple(match[0].split(".")))
    return None


def _read_text(text: str, start: int) -> Token | None:
    """From the quote at `start` to the next of its family; a backslash takes the next character as it is."""
    closing, letters, at = CLOSING.get(text[start]), [], start + 1
    if closing is None:
        return None
    while at < len(text) and text[at] not in closing:
        at += text[at] == ESCAPE and at + 1 < len(text)
        if unicodedata.category(text[at]) in UNWRITABLE:
            raise refusal("control_character", text, at, at + 1)
        letters.append(text[at])
        at += 1
    if at >= len(text):
        raise refusal("unclosed_text", text, start, len(text))
    return Token(What.TEXT, start, at + 1, text="".join(letters))


def _end_of_strange(flat: str, start: int, lexicon: re.Pattern[str]) -> int:
    """The end of a word nobody knows: where a known one begins, or where letters end. At least one character."""
    if run := ASCII_RUN.match(flat, start):
        return run.end()
    at = start + 1
    if not flat[start].isalnum():
        return at
    while at < len(flat) and flat[at].isalnum() and not lexicon.match(flat, at):
        at += 1
    return at


@lru_cache(maxsize=64)
def _lexicon(vocabulary: Vocabulary) -> re.Pattern[str]:
    """Matches the longest word or name; one in ASCII letters only as a whole word, a phrase over any blanks."""
    names = sorted({*SPELLINGS, *vocabulary.names}, key=lambda name: (-len(name), name))
    return re.compile("|".join(map(_pattern, names)))


def _pattern(name: str) -> str:
    pattern = r"\s+".join(map(re.escape, name.split()))
    return pattern + r"(?![a-z0-9_])" if ASCII_RUN.fullmatch(name[-1]) else pattern
