"""Reading what happened to members."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.member_events.models import MemberEvent, MemberEventKind


class EventTold(NamedTuple):
    """A member event as it was told."""

    member_id: int
    kind: str
    key: str
    data: dict[str, Any]


def events_of(session: Session, member_ids: Collection[int], kinds: Collection[str]) -> list[EventTold]:
    """Every event of these kinds that happened to these members; one statement whatever their number."""
    query = select(MemberEvent.member_id, MemberEvent.kind, MemberEvent.event_key, MemberEvent.data).where(
        MemberEvent.member_id.in_(sorted(member_ids)), MemberEvent.kind.in_(sorted(kinds))
    )
    return [
        EventTold(member_id, kind, key, json.loads(data))
        for member_id, kind, key, data in session.execute(query)
    ]


def latest_events(
    session: Session, member_ids: Collection[int], kinds: Collection[MemberEventKind]
) -> dict[int, dict[str, dict[str, Any]]]:
    """By member and kind the data of the event that happened last; one statement whatever their number."""
    query = (
        select(MemberEvent.member_id, MemberEvent.kind, MemberEvent.data)
        .where(MemberEvent.member_id.in_(sorted(member_ids)), MemberEvent.kind.in_(sorted(kinds)))
        .order_by(MemberEvent.happened_at, MemberEvent.id)
    )
    found: dict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
    for member_id, kind, data in session.execute(query):
        found[member_id][kind] = json.loads(data)
    return found
