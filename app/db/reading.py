"""Reading many rows at once.

PyMySQL takes rows apart in Python, byte by byte. Where many are read the server packs them into one value instead,
which is unpacked in C. [M] 500 rows of 16 columns: 1.5 ms of processor time against 12.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Boolean, Date, Integer, Select, String, Text, Time, func, select
from sqlalchemy.orm import Session

from app.db.tables import Instant

UNPACK: dict[type[Any], Callable[[Any], Any] | None] = {
    BigInteger: None,
    Integer: None,
    String: None,
    Text: None,
    Boolean: bool,
    Date: date.fromisoformat,
    Time: time.fromisoformat,
    Instant: lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC),
}


def read_rows(
    session: Session, query: Select[*tuple[Any, ...]], values: Mapping[str, Any] | None = None
) -> Sequence[Any]:
    """The rows of a query of columns in no particular order, all at once, with the query's names.

    `values` are the parameters of a query that is built once; without them it is built for this call. For hundreds of
    rows, which the query may lock. Raises `LookupError` for columns of types that no table here has.
    """
    connection = session.connection()
    if connection.dialect.driver != "pymysql":
        return connection.execute(query, values).all()
    packing = _packing(query) if values is None else _packing_once(query)
    number, packed = connection.execute(packing, values).one()
    rows = _rows_in(packed or "[]")
    if len(rows) != number:
        return connection.execute(query, values).all()
    columns = list(query.selected_columns)
    for place, column in enumerate(columns):
        unpack = UNPACK[type(column.type)]
        if unpack is not None:
            _unpack(rows, place, unpack)
    return list(map(_row_type(tuple(column.name for column in columns))._make, rows))


def _packing(query: Select[*tuple[Any, ...]]) -> Select[int, str]:
    its = query.subquery()
    return select(func.count(), func.json_arrayagg(func.json_array(*its.c), type_=Text)).select_from(its)


@lru_cache(maxsize=256)
def _packing_once(query: Select[*tuple[Any, ...]]) -> Select[int, str]:
    return _packing(query)


def _rows_in(packed: str) -> list[list[Any]]:
    """The rows, or fewer: MariaDB cuts off, anywhere, what is longer than its `group_concat_max_len`."""
    try:
        return msgspec.json.decode(packed, type=list[list[Any]])
    except msgspec.DecodeError:
        return []


def _unpack(rows: list[list[Any]], place: int, unpack: Callable[[Any], Any]) -> None:
    """Of one column; equal values, of which instants and dates have many, once."""
    known = {packed: unpack(packed) for packed in {row[place] for row in rows} if packed is not None}
    for row in rows:
        row[place] = known.get(row[place])


@lru_cache(maxsize=256)
def _row_type(names: tuple[str, ...]) -> Any:
    return namedtuple("Row", names)
