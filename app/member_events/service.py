"""Recording what happened to members, each thing once. Callers hold the members' `member_care` rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import insert_rows, table_of
from app.ids import new_ids
from app.member_events.models import MemberEvent, MemberEventKind
from app.member_events.rules import checked

# Whoever joins does so once, whoever tells of it.
JOIN_KEY = "join"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened to a member, once by (member, kind, key). `happened_on` is local to the store.

    Without an `id` it gets one; a reported one keeps that of its row in the inbox.
    """

    member_id: int
    kind: MemberEventKind
    key: str
    store_id: int
    associate_id: int | None
    happened_at: datetime
    happened_on: date
    time_known: bool
    data: Mapping[str, Any]
    id: int | None = None

    @property
    def identity(self) -> tuple[int, str, str]:
        """By what it is known."""
        return self.member_id, self.kind, self.key


def record_events(session: Session, events: Sequence[NewEvent], now: datetime) -> list[NewEvent]:
    """Keep those that are new, and return them in the order given; of one twice in a call the first counts.

    Raises `ValueError` for data that is not of its kind; nothing is kept then.
    """
    told: dict[tuple[int, str, str], NewEvent] = {}
    for event in events:
        told.setdefault(event.identity, event)
    known = _known(session, told)
    fresh = [event for identity, event in told.items() if identity not in known]
    ids = new_ids(session, len(fresh))
    insert_rows(session, MemberEvent, [_row(event, id_, now) for event, id_ in zip(fresh, ids, strict=True)])
    return fresh


def told_with(session: Session, member_id: int, key: str) -> list[tuple[str, str]]:
    """What was told of a member under this key: kind and data (`as_kept`)."""
    table = table_of(MemberEvent)
    its = (table.c.member_id == member_id, table.c.event_key == key)
    return [(kind, data) for kind, data in session.execute(select(table.c.kind, table.c.data).where(*its))]


def as_kept(kind: MemberEventKind, data: Mapping[str, Any]) -> str:
    """An event's data as it stands in its row. Raises `ValueError` for data that is not of its kind."""
    return json.dumps(checked(kind, data), ensure_ascii=False, separators=(",", ":"))


def _known(session: Session, told: Mapping[tuple[int, str, str], NewEvent]) -> set[tuple[int, str, str]]:
    if not told:
        return set()
    table = table_of(MemberEvent)
    query = select(table.c.member_id, table.c.kind, table.c.event_key).where(
        table.c.member_id.in_(sorted({event.member_id for event in told.values()})),
        table.c.kind.in_(sorted({event.kind for event in told.values()})),
        table.c.event_key.in_(sorted({event.key for event in told.values()})),
    )
    return {(member_id, kind, key) for member_id, kind, key in session.execute(query)}


def _row(event: NewEvent, id_: int, now: datetime) -> dict[str, Any]:
    return {
        "id": event.id or id_,
        "member_id": event.member_id,
        "kind": event.kind,
        "event_key": event.key,
        "store_id": event.store_id,
        "associate_id": event.associate_id,
        "happened_at": event.happened_at,
        "happened_on": event.happened_on,
        "time_known": event.time_known,
        "data": as_kept(event.kind, event.data),
        "recorded_at": now,
    }
