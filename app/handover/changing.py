"""Members get another owner: their open tasks go along, their series go on or end as their plans say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.handovers import schedule_handovers
from app.associates.models import Associate
from app.db import table_of
from app.follow_ups.series.stopping import stop_for
from app.follow_ups.states import StepReason
from app.handover.passing import Heirs, pass_on, read_open
from app.members.owners import Changed, NewOwner, write_owners
from app.worklist.models import WorkItem, WorkItemMove
from app.worklist.service import is_being_sent


def change_owners(session: Session, wanted: Mapping[int, NewOwner], now: datetime) -> list[Changed]:
    """Give members (id → owner) new owners, with what follows; returns those that had another.

    What their plans end by a hand-over ends. What the former owner had open about them goes to the new one, or where
    that is nobody, or nobody who works here, to who else is there for them; so does what others had since the former
    owner left. What is being sent just now goes once that is over. Repeating it changes nothing. Callers hold the
    members' `member_care` rows, and call this last: associates' rows are locked here. A bounded number of statements.
    """
    changed = write_owners(session, wanted, now) if wanted else []
    if not changed:
        return []
    happened = {one.member_id: one.happened_at for one in changed}
    stop_for(session, happened, StepReason.HANDED_OVER, now)
    table, former = table_of(WorkItem), {one.member_id: one.from_id for one in changed}
    items = read_open(session, table.c.member_id.in_(sorted(former)))
    covered = _covered_for(session, items)
    going = [item for item in items if former[item.member_id] in (item.assignee_id, covered.get(item.id, 0))]
    give_away(session, going, now)
    schedule_handovers(session, when_sent(session, going, now), now)
    return changed


def give_away(session: Session, items: Sequence[Any], now: datetime, *, whatever: bool = False) -> list[int]:
    """Give open items, rows of `read_open`, to who is to have them now; returns the ids of those moved.

    `whatever` is as `pass_on` has it.
    """
    heirs = Heirs(session, items, now)
    found = {item.id: heir for item in items if (heir := heirs.of(item)) is not None}
    return pass_on(session, items, found, now, whatever=whatever)


def when_sent(session: Session, items: Sequence[Any], now: datetime) -> dict[int, datetime]:
    """By assignee, when nothing of these items is being sent any more. Claims count in real time."""
    real_now = clock.real_now(session)
    again: dict[int, datetime] = {}
    for item in items:
        if is_being_sent(item, real_now):
            at = now + (item.claimed_until - real_now)
            again[item.assignee_id] = max(at, again.get(item.assignee_id, at))
    return again


def _covered_for(session: Session, items: Sequence[Any]) -> dict[int, int]:
    """Of these items who had them until they left the chain, by id: others have them in their place."""
    moves = table_of(WorkItemMove)
    query = (
        select(moves.c.work_item_id, moves.c.from_id)
        .join(Associate, Associate.id == moves.c.from_id)
        .where(
            moves.c.work_item_id.in_([item.id for item in items]),
            Associate.ended_at.is_not(None),
            moves.c.moved_at >= Associate.ended_at,
        )
        .order_by(moves.c.id)
    )
    return dict(session.execute(query).all()) if items else {}
