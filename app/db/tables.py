"""What every table shares: its base, its column types, the names of its constraints."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, DateTime, Dialect, Integer, MetaData, Table, bindparam
from sqlalchemy.dialects.mysql import DATETIME as MYSQL_DATETIME
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator, UserDefinedType

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """A UTC instant with microseconds; only aware datetimes go in, only aware ones come out."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Use DATETIME(6) on MySQL and MariaDB, whose plain DATETIME drops microseconds."""
        return dialect.type_descriptor(MYSQL_DATETIME(fsp=6) if dialect.name == "mysql" else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive datetimes rather than guess their zone."""
        if value is None:
            return None
        if value.tzinfo is UTC:  # nearly always; the general way costs three times as much
            return value.replace(tzinfo=None)
        if value.tzinfo is None:
            raise ValueError(f"naive datetime for an instant: {value!r}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the stored wall clock its zone back."""
        return value if value is None else value.replace(tzinfo=UTC)


Id = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Declarative base of every table, with named constraints so that migrations can drop them."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: Instant(), int: Id}


def table_of(model: type[Base]) -> Table:
    """The Core table of a model, typed."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


class _Ids(UserDefinedType[Collection[int]]):
    """Whole numbers in brackets."""

    cache_ok = True

    def literal_processor(self, dialect: Dialect) -> Callable[[Collection[int]], str]:
        """Digits need no escaping."""
        return lambda ids: f"({','.join(str(int(each)) for each in ids if each is not None) or 'NULL'})"


def any_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """`is_among` of a statement that is built once: the ids are given by this name when it is executed.

    [M] Building a statement anew costs ten times as much as executing it.
    """
    return column.bool_op("IN")(bindparam(name, type_=_Ids(), literal_execute=True))


def is_among(column: ColumnElement[Any], ids: Collection[int]) -> ColumnElement[bool]:
    """`column IN (ids)` for hundreds of them: written into the statement as one piece instead of a parameter each."""
    return column.bool_op("IN")(bindparam(None, sorted(ids), _Ids(), literal_execute=True))
