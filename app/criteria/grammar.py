"""From text to what it says. The grammar stands in the package's description; this reads it by descent."""

from __future__ import annotations

from app.criteria.criterion import Criterion
from app.criteria.cursor import Cursor
from app.criteria.refusing import refusal
from app.criteria.terms import Kind, Term, Vocabulary
from app.criteria.tree import ALWAYS, Among, Between, Comparison, Flag, Has, Known, Node, Not, all_of, any_of
from app.criteria.values import read_list, read_scalar, read_text
from app.criteria.words import Language
from app.errors import Invalid

MAX_CHARACTERS = 4000
MAX_DEPTH = 16
MAX_CONDITIONS = 200

KNOWING = ("known", "unknown")
ORDERED = ("eq", "ne", "lt", "le", "gt", "ge", "between", "in", "not_in", *KNOWING)
OPERATORS: dict[Kind, tuple[str, ...]] = {
    **dict.fromkeys((Kind.NUMBER, Kind.MONEY, Kind.DAYS, Kind.DATE), ORDERED),
    Kind.TEXT: ("eq", "ne", "in", "not_in", *KNOWING),
    Kind.TEXTS: ("has", "lacks", "has_any", "has_all", *KNOWING),
    Kind.FLAG: KNOWING,
}
EVERY_OPERATOR = frozenset(name for names in OPERATORS.values() for name in names)


def parse(text: str, vocabulary: Vocabulary) -> Criterion:
    """The criterion a text says; of nothing but blanks, the one that always holds.

    Raises `Invalid` (`bad_criterion`, see `refusing`) and nothing else, whatever the text: for unknown terms (with the
    nearest one), comparisons and values that do not fit a term's kind, and for more than 4000 characters, 200
    conditions or 16 levels of brackets and `not`. What is accepted is so in its canonical texts too:
    `parse(criterion.text(language), vocabulary) == criterion`.
    """
    if len(text) > MAX_CHARACTERS:
        raise _too_long(text)
    criterion = Criterion(_Reader(text, vocabulary).read())
    if any(len(criterion.text(language)) > MAX_CHARACTERS for language in Language):
        raise _too_long(text)
    return criterion


def _too_long(text: str) -> Invalid:
    """Of the text as it stands, or of its canonical text, which may be longer."""
    return refusal("too_long", text, min(len(text), MAX_CHARACTERS), len(text), limit=MAX_CHARACTERS)


class _Reader:
    """One reading of one text."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self._cursor = Cursor(text, vocabulary)
        self._depth = self._conditions = 0

    def read(self) -> Node:
        if self._cursor.at_end:
            return ALWAYS
        node = self._any()
        self._cursor.expect_end("and", "or")
        return node

    def _any(self) -> Node:
        parts = [self._all()]
        while self._cursor.accept("or"):
            parts.append(self._all())
        return any_of(parts)

    def _all(self) -> Node:
        parts = [self._one()]
        while self._cursor.accept("and"):
            parts.append(self._one())
        return all_of(parts)

    def _one(self) -> Node:
        token = self._cursor.token
        opened = self._cursor.accept_one_of(("not", "open"))
        if opened is None:
            return self._condition()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._cursor.refusal("too_deep", token, limit=MAX_DEPTH)
        node = Not(self._one()) if opened == "not" else self._bracketed()
        self._depth -= 1
        return node

    def _bracketed(self) -> Node:
        node = self._any()
        if not self._cursor.accept("close"):
            raise self._cursor.unexpected("and", "or", "close")
        return node

    def _condition(self) -> Node:
        token = self._cursor.token
        if token.term is None:
            raise self._cursor.unknown_term()
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise self._cursor.refusal("too_many", token, limit=MAX_CONDITIONS)
        self._cursor.take()
        return _read_comparison(self._cursor, token.term)


def _read_comparison(cursor: Cursor, term: Term) -> Node:
    """What follows a term: an operator that its kind has and what belongs to that; nothing for a flag."""
    allowed, token = OPERATORS[term.kind], cursor.token
    operator = cursor.accept_one_of(EVERY_OPERATOR)
    if operator is None:
        if term.kind is Kind.FLAG:
            return Flag(term)
        raise cursor.unexpected(*allowed)
    if operator not in allowed:
        problem = "flag_compared" if term.kind is Kind.FLAG else "wrong_operator"
        raise cursor.refusal(problem, token, expected=allowed, term=term)
    return _read_operands(cursor, term, operator)


def _read_operands(cursor: Cursor, term: Term, operator: str) -> Node:
    match operator:
        case "known":
            return Known(term)
        case "unknown":
            return Not(Known(term))
        case "between":
            return _read_between(cursor, term)
        case "in":
            return Among(term, read_list(cursor, term, read_scalar))
        case "not_in":
            return Not(Among(term, read_list(cursor, term, read_scalar)))
        case "has":
            return Has(term, (read_text(cursor, term),))
        case "lacks":
            return Not(Has(term, (read_text(cursor, term),)))
        case "has_any" | "has_all":
            texts = read_list(cursor, term, read_text)
            return Has(term, texts, every=operator == "has_all" and len(texts) > 1)
        case _:
            return Comparison(term, operator, read_scalar(cursor, term))


def _read_between(cursor: Cursor, term: Term) -> Between:
    """Raises `Invalid` where nothing can lie between: that is a slip, never a wish."""
    low = read_scalar(cursor, term)
    cursor.expect("to")
    token, high = cursor.token, read_scalar(cursor, term)
    if low > high:  # type: ignore[operator]  # both are of the term's kind
        raise cursor.refusal("empty_range", token, term=term)
    return Between(term, low, high)
