"""Sharing through the database, where there is no Redis. Short transactions only; the clock is the database's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.clock import real_now
from app.db import Database, table_of, upsert_rows
from app.wecom.models import WeComValue
from app.wecom.sealing import Seal
from app.wecom.shared_cache import SharedCache, StoreAway
from app.wecom.token_cache import Kept

PATIENCE_S = 2.0  # a database that makes us wait longer counts as away


class DatabaseStore:
    """Rows of `wecom_values`, over connections of its own: callers' transactions neither wait for it nor hold it up."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, patience_s=PATIENCE_S)

    def read(self, key: str) -> Kept | None:
        """The value and how long it lives on."""
        with self._session("BEGIN") as session:
            row = session.get(WeComValue, key)
            if row is None or row.value is None or row.ends_at is None:
                return None
            left_s = (row.ends_at - real_now(session)).total_seconds()
            return Kept(row.value, left_s) if left_s > 0 else None

    def write(self, key: str, value: str, lives_s: float) -> None:
        """Keep a value; claims stand."""
        with self._session() as session:
            ends_at = _later(session, lives_s)
            upsert_rows(session, WeComValue, [{"key": key, "value": value, "ends_at": ends_at}])

    def delete(self, key: str) -> None:
        """Drop the value and whatever claim there is."""
        with self._session() as session:
            session.execute(delete(WeComValue).where(WeComValue.key == key))

    def claim(self, key: str, holder: str, lives_s: float) -> bool:
        """True for one holder at a time."""
        if self._is_claimed(key):
            return False  # most of those who wait only read
        try:
            with self._session() as session:
                return _claimed(session, key, holder, lives_s)
        except IntegrityError:
            return False  # another process inserted it in the same moment

    def give_back(self, key: str, holder: str) -> None:
        """End the claim, if it is still the holder's."""
        with self._session() as session:
            held = update(WeComValue).where(WeComValue.key == key, WeComValue.holder == holder)
            session.execute(held.values(renewing_until=None, holder=None))

    def _is_claimed(self, key: str) -> bool:
        with self._session("BEGIN") as session:
            until = session.scalar(select(WeComValue.renewing_until).where(WeComValue.key == key))
            return until is not None and until > real_now(session)

    @contextmanager
    def _session(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[Session]:
        """Not `Database.transaction`: that queues behind all writers of a file and leases ids."""
        try:
            with Session(self._database.engine.execution_options(begin=begin)) as session, session.begin():
                yield session
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            raise StoreAway(type(getattr(error, "orig", None) or error).__name__) from None


class DatabaseCache(SharedCache):
    """Shared by all processes that use this database and have the same secret."""

    def __init__(self, url: str, secret_key: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(DatabaseStore(url), Seal(secret_key), monotonic)


def _later(session: Session, seconds: float) -> datetime:
    return real_now(session) + timedelta(seconds=seconds)


def _claimed(session: Session, key: str, holder: str, lives_s: float) -> bool:
    until = _later(session, lives_s)
    free = or_(WeComValue.renewing_until.is_(None), WeComValue.renewing_until <= real_now(session))
    mine = update(table_of(WeComValue)).where(WeComValue.key == key, free)
    if session.connection().execute(mine.values(renewing_until=until, holder=holder)).rowcount:
        return True
    if session.scalar(select(WeComValue.key).where(WeComValue.key == key)) is not None:
        return False
    session.add(WeComValue(key=key, renewing_until=until, holder=holder))
    session.flush()
    return True
