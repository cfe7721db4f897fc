"""Reading stores."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import table_of
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


def stores_by_code(session: Session, codes: Collection[str] | None = None) -> dict[str, StoreFacts]:
    """Every store or the given ones, by code; without those that have ended."""
    table = table_of(Store)
    query = select(table).where(table.c.ended_at.is_(None))
    if codes is not None:
        query = query.where(table.c.code.in_(sorted(codes)))
    return {row.code: _facts(row) for row in session.connection().execute(query)}


def stores_by_id(session: Session, ids: Collection[int] | None = None) -> dict[int, StoreFacts]:
    """Every store or the given ones, ended ones too (their follow-ups still run out), by id.

    Given ones are read once per transaction, however often they are asked for: a chain has thousands.
    """
    table = table_of(Store)
    if ids is None:
        return {row.id: _facts(row) for row in session.connection().execute(select(table))}
    known: dict[int, StoreFacts] = session.info.setdefault("stores", {})
    missing = set(ids) - known.keys()
    if missing:
        rows = session.connection().execute(select(table).where(table.c.id.in_(sorted(missing))))
        known.update((row.id, _facts(row)) for row in rows)
    return {store_id: known[store_id] for store_id in ids if store_id in known}


def hours_of(session: Session, store_ids: Iterable[int]) -> dict[int, StoreHours]:
    """The opening hours of these stores only, ended ones too."""
    query = select(Store.id, Store.time_zone, Store.opens_at, Store.closes_at)
    rows = session.execute(query.where(Store.id.in_(sorted(set(store_ids)))))
    return {row.id: _hours(row.time_zone, row.opens_at, row.closes_at) for row in rows}
