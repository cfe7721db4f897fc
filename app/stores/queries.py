"""Reading stores."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.db import any_of, table_of
from app.stores.models import Store
from app.stores.rules import StoreHours


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What other domains need of a store."""

    id: int
    code: str
    name: str
    currency: str
    hours: StoreHours


@lru_cache(maxsize=8192)
def _hours(zone: str, opens_at: object, closes_at: object) -> StoreHours:
    return StoreHours(ZoneInfo(zone), opens_at, closes_at)  # type: ignore[arg-type]


def _facts(store: Any) -> StoreFacts:
    return StoreFacts(
        store.id,
        store.code,
        store.name,
        store.currency,
        _hours(store.time_zone, store.opens_at, store.closes_at),
    )


TABLE = table_of(Store)
EVERY = select(TABLE)
GIVEN = EVERY.where(any_of(TABLE.c.id, "ids"))
AT_WORK = EVERY.where(TABLE.c.ended_at.is_(None))
OF_CODES = AT_WORK.where(TABLE.c.code.in_(bindparam("codes", expanding=True)))


def stores_by_code(session: Session, codes: Collection[str] | None = None) -> dict[str, StoreFacts]:
    """Every store or the given ones, by code; without those that have ended."""
    connection = session.connection()
    rows = (
        connection.execute(AT_WORK)
        if codes is None
        else connection.execute(OF_CODES, {"codes": sorted(codes)})
    )
    return {row.code: _facts(row) for row in rows}


def stores_by_id(session: Session, ids: Collection[int] | None = None) -> dict[int, StoreFacts]:
    """Every store or the given ones, ended ones too (their follow-ups still run out), by id.

    Given ones are read once per transaction, however often they are asked for: a chain has thousands.
    """
    if ids is None:
        return {row.id: _facts(row) for row in session.connection().execute(EVERY)}
    known: dict[int, StoreFacts] = session.info.setdefault("stores", {})
    missing = set(ids) - known.keys()
    if missing:
        rows = session.connection().execute(GIVEN, {"ids": missing})
        known.update((row.id, _facts(row)) for row in rows)
    return {store_id: known[store_id] for store_id in ids if store_id in known}


def hours_of(session: Session, store_ids: Iterable[int]) -> dict[int, StoreHours]:
    """The opening hours of these stores only, ended ones too."""
    return {store.id: store.hours for store in stores_by_id(session, set(store_ids)).values()}
