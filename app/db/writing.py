"""Writing many rows at once, in few statements.

With PyMySQL the statements are written here, past its and SQLAlchemy's handling of each parameter: this is the one
place of textual SQL that values go into, and they are escaped by the connection they are sent over, which knows its
character set and whether its server takes a backslash for what it is. [M] A row of 13 columns costs 4 us of processor
time instead of 25.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from operator import itemgetter
from types import NoneType
from typing import Any

from sqlalchemy import Connection, Table, update
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.db.tables import Base, is_among, table_of

# Characters, of at most four bytes each, that the server takes in one statement even where nobody raised its limit.
LONGEST_STATEMENT = 250_000
# What a driver may have to do something about in a text.
ESCAPED = re.compile("[\x00\n\r\x1a\"'\\\\]")
# Keys looked up by one statement: of more MariaDB makes a table to join.
CHUNK = 500
# Kinds of values that may equal one of another kind and are written otherwise: 1 and True.
UNLIKE = {int, bool, float, Decimal}


def insert_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert plain dicts, all with the same keys, in as few statements as their size allows; none for no rows."""
    if not rows:
        return
    table, connection = table_of(model), session.connection()
    if connection.dialect.driver == "pymysql":
        _write(connection, table, rows)
    else:
        connection.execute(table.insert(), list(rows))


def upsert_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or overwrite every non-key column where the primary key exists."""
    _insert_or(session, model, rows, _names_beside_key(model, rows), adds=False)


def add_to_rows(
    session: Session,
    model: type[Base],
    rows: Sequence[Mapping[str, Any]],
    added: Collection[str] | None = None,
) -> None:
    """Insert rows of counts, or add the columns `added` to what stands there where the primary key exists.

    None: every non-key column. Other columns of rows that are there stay as they are. On MariaDB every row is locked
    until the transaction ends, even where nothing is added: an ignored duplicate would not be.
    """
    names = [name for name in _names_beside_key(model, rows) if added is None or name in added]
    _insert_or(session, model, rows, names, adds=True)


def update_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Overwrite the given columns of rows that are there, named by their primary key, which is one column.

    Rows that become alike are written by one statement: for what takes few different values at a time.
    """
    table, connection = table_of(model), session.connection()
    (key,) = (column.name for column in table.primary_key)
    names = _names_beside_key(model, rows)
    alike: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for row in rows:
        alike[tuple([row[name] for name in names])].append(row[key])
    for values, ids in alike.items():
        for start in range(0, len(ids), CHUNK):
            some = sorted(ids[start : start + CHUNK])
            # MariaDB reads, and locks, the whole of a small table rather than look so many up.
            its = update(table).with_hint("FORCE INDEX (PRIMARY)", dialect_name="mysql")
            connection.execute(
                its.where(is_among(table.c[key], some)).values(dict(zip(names, values, strict=True)))
            )


def _names_beside_key(model: type[Base], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = {column.name for column in table_of(model).primary_key}
    return [name for name in rows[0] if name not in keys] if rows else []


def _insert_or(
    session: Session,
    model: type[Base],
    rows: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    *,
    adds: bool,
) -> None:
    """Insert, or overwrite these columns, or add to them, where the primary key exists."""
    if not rows:
        return
    table, connection = table_of(model), session.connection()
    keys = [column.name for column in table.primary_key]
    if connection.dialect.driver == "pymysql":
        quote = connection.dialect.identifier_preparer.quote
        before = {name: f"{quote(name)} + " if adds else "" for name in names}
        ending = ", ".join(
            f"{quote(name)} = {before.get(name, '')}VALUES({quote(name)})" for name in names or keys
        )
        _write(connection, table, rows, f" ON DUPLICATE KEY UPDATE {ending}")
        return
    if connection.dialect.name == "sqlite":
        lite = sqlite_insert(table)
        new, statement = lite.excluded, lite.on_conflict_do_nothing()
        becoming = {name: table.c[name] + new[name] if adds else new[name] for name in names}
        if becoming:
            statement = lite.on_conflict_do_update(index_elements=keys, set_=becoming)
        connection.execute(statement, list(rows))
    else:
        mine = mysql_insert(table)
        becoming = {
            name: table.c[name] + mine.inserted[name] if adds and name in names else mine.inserted[name]
            for name in names or keys
        }
        connection.execute(mine.on_duplicate_key_update(becoming), list(rows))


def _write(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], ending: str = "") -> None:
    names, quote = list(rows[0]), connection.dialect.identifier_preparer.quote
    literals = _Literals(connection)
    values = map(itemgetter(*names), rows) if len(names) > 1 else ((row[names[0]],) for row in rows)
    columns = [literals.of(column) for column in zip(*values, strict=True)]
    beginning = f"INSERT INTO {quote(table.name)} ({', '.join(map(quote, names))}) VALUES "  # noqa: S608
    for some in _fitting(list(map(",".join, zip(*columns, strict=True)))):
        statement = f"{beginning}({'),('.join(some)}){ending}"
        try:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        except DBAPIError as error:
            error.statement = beginning  # values stand in no error, and thereby in no log
            raise


class _Literals(dict[Any, str]):
    """How PyMySQL's connection writes values; the same text or instant is written once."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        raw: Any = connection.connection.dbapi_connection
        self._escape: Callable[[Any], str] = raw.escape

    def of(self, values: Sequence[Any]) -> list[str]:
        """The values of one column."""
        kinds = set(map(type, values))
        if len(kinds) == 1 and values.count(values[0]) == len(values):  # of many columns
            return [self._escape(_driver_value(values[0]))] * len(values)
        if kinds == {int}:
            return list(map(str, values))
        if kinds == {int, NoneType}:
            return ["NULL" if value is None else str(value) for value in values]
        if kinds & UNLIKE:
            return [self._escape(value) for value in values]
        return list(map(self.__getitem__, values))

    def __missing__(self, value: Any) -> str:
        if isinstance(value, str) and not ESCAPED.search(value):
            written = (
                f"'{value}'"  # what the driver comes to as well, [M] 30 times as long for a text in Chinese
            )
        else:
            written = self._escape(_driver_value(value))
        self[value] = written
        return written


def _fitting(rows: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many rows at a time as surely fit into a statement."""
    start = size = 0
    for end, row in enumerate(rows):
        if size + len(row) > LONGEST_STATEMENT and end > start:
            yield rows[start:end]
            start, size = end, 0
        size += len(row)
    yield rows[start:]


def _driver_value(value: Any) -> Any:
    """An instant as MariaDB writes it, in UTC; everything else as it is. Refuses naive datetimes like `Instant`."""
    if type(value) is not datetime:
        return value
    if value.tzinfo is None:
        raise ValueError(f"naive datetime for an instant: {value!r}")
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(" ")
