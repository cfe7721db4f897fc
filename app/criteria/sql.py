"""The same question to the database: who meets a rule, with exactly the outcomes `evaluation` has.

An unknown fact is NULL, and SQL's logic of NULL is Kleene's, so `WHERE` picks those for whom the criterion holds. Only
the comparison of texts needs care: a database's collation may take case, accents or blanks at the end for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    LargeBinary,
    SQLColumnExpression,
    String,
    and_,
    case,
    cast,
    exists,
    literal,
    not_,
    null,
    or_,
    true,
    type_coerce,
)

from app.criteria.criterion import Criterion
from app.criteria.evaluation import OPERATORS
from app.criteria.tree import AllOf, Among, AnyOf, Between, Comparison, Flag, Has, Known, Node, Not, Scalar

Column = SQLColumnExpression[Any]
Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Texts:
    """How the database answers for a term that is a set of texts, kept as rows of another table.

    `has_any(texts)` is a condition, never NULL, that one of these texts is in the set; compare with `is_among`, which
    is exact. `known` is a condition, never NULL, that the set is known; None: it always is.
    """

    has_any: Callable[[Sequence[str]], Condition]
    known: Condition | None = None

    @classmethod
    def rows(cls, text: Column, *where: Condition, known: Condition | None = None) -> Texts:
        """The set of what stands in column `text` of the rows `where` (tie them to the outer row there)."""
        return cls(lambda texts: exists().where(*where, is_among(text, texts)), known)


Columns = Mapping[str, Column | Texts]


def to_sql(criterion: Criterion, columns: Columns) -> Condition:
    """A condition that is true, false or NULL as the criterion is met, unmet or unknown.

    `columns` has for every term of the criterion an expression of its kind (money in fen, flags 0 or 1, dates without
    time), for a set of texts a `Texts`. Raises `KeyError` for a term without one.
    """
    return _translate(criterion.node, columns)


def is_among(column: Column, texts: Sequence[str]) -> Condition:
    """That a column of texts is one of these, letter by letter, whatever its collation; NULL where the column is.

    The bytes decide; the comparison by collation beside them, which is never narrower, can use an index.
    """
    as_text, as_bytes = type_coerce(column, String()), _bytes_of(column)
    return and_(as_text.in_(list(texts)), as_bytes.in_([text.encode() for text in texts]))


def _translate(node: Node, columns: Columns) -> Condition:
    match node:
        case AllOf(parts):
            return and_(true(), *(_translate(part, columns) for part in parts))
        case AnyOf(parts):
            return or_(*(_translate(part, columns) for part in parts))
        case Not(part):
            return not_(_translate(part, columns).self_group())
        case _:
            column = columns[node.term.code]
            return _of_set(node, column) if isinstance(column, Texts) else _of_column(node, column)


def _of_column(node: Node, column: Column) -> Condition:
    match node:
        case Comparison(_, "eq", str() as text):
            return is_among(column, [text])
        case Comparison(_, "ne", str() as text):
            return _bytes_of(column) != text.encode()
        case Comparison(_, name, value):
            compared: Condition = OPERATORS[name](column, _bound(value))
            return compared
        case Between(_, low, high):
            return column.between(_bound(low), _bound(high))
        case Among(_, (str(), *_) as values):
            return is_among(column, [str(value) for value in values])
        case Among(_, values):
            return column.in_([_bound(value) for value in values])
        case Known():
            return column.is_not(None)
        case Flag():
            return column == true()
        case _:
            raise TypeError("a set of texts needs Texts, not a column")


def _of_set(node: Node, texts: Texts) -> Condition:
    known = true() if texts.known is None else texts.known
    match node:
        case Known():
            return known
        case Has(_, names, every):
            held = and_(*(texts.has_any([name]) for name in names)) if every else texts.has_any(names)
            return held if texts.known is None else case((known, held), else_=null())
        case _:
            raise TypeError("Texts answer for sets of texts only")


def _bound(value: Scalar) -> ColumnElement[Any]:
    return literal(value, Date()) if isinstance(value, date) else literal(value)


def _bytes_of(column: Column) -> ColumnElement[bytes]:
    return cast(column, LargeBinary())
