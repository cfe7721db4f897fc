"""The values a rule compares with, read as the term's kind has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TypeVar

from app.criteria.cursor import Cursor
from app.criteria.terms import Kind, Term
from app.criteria.tokens import Token, What
from app.criteria.tree import Scalar

LARGEST = 10**15  # fen or pieces: above any chain's turnover, within 64 bits of any database
FIRST_YEAR = 1000  # earlier ones MariaDB does not promise to hold
DECIMALS = 2
UNITS = {Kind.MONEY: "yuan", Kind.DAYS: "day"}
T = TypeVar("T")


def read_scalar(cursor: Cursor, term: Term) -> Scalar:
    """One value of the term's kind. Raises `Invalid` where something else stands."""
    match term.kind:
        case Kind.TEXT | Kind.TEXTS:
            return read_text(cursor, term)
        case Kind.DATE:
            return _read_date(cursor, term)
        case _:
            return _read_number(cursor, term)


def read_text(cursor: Cursor, term: Term) -> str:
    """A text in quotes."""
    return _take(cursor, term, What.TEXT).text


def read_list(cursor: Cursor, term: Term, read: Callable[[Cursor, Term], T]) -> tuple[T, ...]:
    """One or more values in square brackets; each once, in the order of first mention."""
    cursor.expect("open_list")
    found = [read(cursor, term)]
    while cursor.accept("comma"):
        found.append(read(cursor, term))
    if not cursor.accept("close_list"):
        raise cursor.unexpected("comma", "close_list")
    return tuple(dict.fromkeys(found))


def _read_number(cursor: Cursor, term: Term) -> int:
    sign = -1 if cursor.accept("minus") else 1
    token = _take(cursor, term, What.NUMBER)
    whole, *decimals = token.parts
    fraction = decimals[0] if decimals else ""
    if len(fraction) > (DECIMALS if term.kind is Kind.MONEY else 0):
        raise _wrong_value(cursor, term, token)
    digits = whole.lstrip("0") + (fraction.ljust(DECIMALS, "0") if term.kind is Kind.MONEY else "")
    if len(digits) > len(str(LARGEST)) or int(digits or "0") > LARGEST:
        raise cursor.refusal("too_large", token)
    if term.kind in UNITS:
        cursor.accept(UNITS[term.kind])
    return sign * int(digits or "0")


def _read_date(cursor: Cursor, term: Term) -> date:
    token = _take(cursor, term, What.DATE)
    try:
        day = date(*map(int, token.parts))
    except ValueError as error:
        raise cursor.refusal("no_such_date", token) from error
    if day.year < FIRST_YEAR:
        raise cursor.refusal("no_such_date", token)
    return day


def _take(cursor: Cursor, term: Term, what: What) -> Token:
    if cursor.token.what is not what:
        raise _wrong_value(cursor, term, cursor.token)
    return cursor.take()


def _wrong_value(cursor: Cursor, term: Term, token: Token) -> Exception:
    if token.what is What.END:
        return cursor.unexpected(term.kind)
    return cursor.refusal("wrong_value", token, expected=(term.kind,), term=term)
