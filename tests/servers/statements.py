"""Each statement is compiled once for all engines of this test process, not anew for the engine of every test.

SQLAlchemy keeps what it compiled by the dialect *object*, which each engine has of its own. Alike ones - of one driver
and one server's version, made with the same options - compile alike: they are made equal, and share one memory.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.util import LRUCache

from app.db import database

# More than there are statements in the product and its tests.
MOST = 6000

_compiled: LRUCache[Any, Any] = LRUCache(MOST)


def compile_once() -> None:
    """From now on. Nothing of the product knows."""
    for dialect in (SQLiteDialect_pysqlite, MySQLDialect_pymysql):
        dialect.__eq__ = _alike  # type: ignore[method-assign, assignment]
        dialect.__hash__ = _kind  # type: ignore[method-assign, assignment]
    database.create_engine = _create_engine  # type: ignore[attr-defined]


def _create_engine(*arguments: Any, **options: Any) -> Engine:
    engine = create_engine(*arguments, **options)
    engine.update_execution_options(compiled_cache=_compiled)
    return engine


def _kind(dialect: Dialect) -> int:
    return hash(type(dialect))


def _alike(one: Dialect, other: object) -> bool:
    if one is other:
        return True
    return type(one) is type(other) and _traits(one) == _traits(other)


def _traits(dialect: Any) -> tuple[Any, ...]:
    return getattr(dialect, "server_version_info", None), dialect.paramstyle, dialect._json_serializer
