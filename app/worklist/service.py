"""Opening, moving, putting off and closing work items.

Callers hold the member's `member_care` row; without a member, the item's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.db import any_of, insert_rows, is_among, table_of, upsert_rows
from app.ids import new_ids
from app.stores.queries import hours_of
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.worklist.attention import Budget, read_budget
from app.worklist.loads import Given, count_given, schedule_balance
from app.worklist.models import Elsewhere, WorkItem, WorkItemMove, WorkKind, WorkState
from app.worklist.reminding import first_urge

# Told of work items that were closed undone, while their members are held: what they did besides may be asked for by
# itself. Tasks live above this rank.
AskAgain = Callable[[Session, Collection[int], datetime], None]
# The close reason of whatever was done.
DONE_REASON = "done"


ITEMS = table_of(WorkItem)
DONE_LATE = (
    update(ITEMS)
    .where(ITEMS.c.id == bindparam("item"), ITEMS.c.done_at.is_(None))
    .values(done_at=bindparam("at"), done_told_at=bindparam("told_at"))
)
STILL_OPEN = select(ITEMS.c.id, ITEMS.c.valid_until, ITEMS.c.next_urge_at).where(
    any_of(ITEMS.c.id, "ids"), ITEMS.c.state == WorkState.OPEN
)


def open_items(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Add open work items, each with the timers of its expiry and its first urge; too many at once are balanced soon.

    Locks the assignees' balance schedules in ascending ids until the transaction ends, so call it once, and before
    `write_notices`.
    """
    if not rows:
        return
    budget, hours = read_budget(session), hours_of(session, {row["store_id"] for row in rows})
    complete = [
        {
            "kind": WorkKind.FOLLOW_UP,
            "state": WorkState.OPEN,
            "close_reason": "",
            "is_service": False,
            "value_fen": 0,
            "rank": row["priority"],
            "urge_level": 0,
            "next_urge_at": first_urge(budget, hours[row["store_id"]], row["opened_at"], row["valid_until"]),
            "elsewhere": Elsewhere.CONTACT,
            **row,
        }
        for row in rows
    ]
    insert_rows(session, WorkItem, complete)
    timers = [(_expiry_timer(row["id"], row["valid_until"]), row["member_id"]) for row in complete]
    timers += [
        (_urge_timer(row["id"], row["next_urge_at"]), row["member_id"])
        for row in complete
        if row["next_urge_at"] is not None
    ]
    set_timers(session, timers)
    count_items(session, complete, budget, rows[0]["opened_at"])


def move_items(session: Session, moves: Mapping[int, int], now: datetime) -> list[int]:
    """Give open work items (id → associate) to somebody else; returns the ids of those moved.

    What is closed, theirs already, or being sent just now stays. They become their store's, and are to be done now, but
    for what was put off until later, as the member may have wished: that waits, and its new assignee is told then.
    Nobody is told here. Counts and locks like `open_items`.
    """
    table, real_now = table_of(WorkItem), clock.real_now(session)
    query = select(table).where(table.c.id.in_(sorted(moves)), table.c.state == WorkState.OPEN)
    rows = [
        row
        for row in session.execute(query)
        if row.assignee_id != moves[row.id] and not is_being_sent(row, real_now)
    ]
    if not rows:
        return []
    budget = read_budget(session)
    free, homes = {"claimed_by": None, "claimed_until": None}, _homes(session, moves.values())
    moved = [{**row._mapping, **free, "assignee_id": moves[row.id]} for row in rows]
    moved = [{**row, "store_id": homes.get(row["assignee_id"]) or row["store_id"]} for row in moved]
    _keep_moves(session, rows, moves, now)
    waiting = [row for row in moved if is_put_off(row, now)]
    upsert_rows(session, WorkItem, waiting)
    ask_anew(session, [row for row in moved if not is_put_off(row, now)], budget, now)
    count_items(session, moved, budget, now)
    schedule_balance(session, _first_back(waiting))
    return [row.id for row in rows]


def is_put_off(row: Mapping[str, Any], now: datetime) -> bool:
    """Of a work item's row: it is not to be done before an instant that is still to come."""
    until: datetime | None = row["postponed_until"]
    return until is not None and until > now


def _first_back(rows: Iterable[Mapping[str, Any]]) -> dict[int, datetime]:
    """By assignee, when the first of these that were put off is to be done."""
    due: dict[int, datetime] = {}
    for row in rows:
        person, at = row["assignee_id"], row["postponed_until"]
        due[person] = min(at, due.get(person, at))
    return due


def _homes(session: Session, people: Iterable[int]) -> dict[int, int | None]:
    """In which stores they work: their managers are to see what they have."""
    query = select(Associate.id, Associate.store_id).where(Associate.id.in_(sorted(set(people))))
    return dict(session.execute(query).all())


def let_anybody_do(session: Session, item_ids: Collection[int]) -> None:
    """What was to be written by somebody the member knows is a call now: any colleague may do it."""
    if item_ids:
        table = table_of(WorkItem)
        its = update(table).where(table.c.id.in_(sorted(item_ids)))
        session.connection().execute(its.values(elsewhere=Elsewhere.ANYBODY))


def is_being_sent(item: Any, real_now: datetime) -> bool:
    """Of a work item's row: its assignee has begun to send what it asks for, and may have sent it already."""
    return item.claimed_until is not None and item.claimed_until > real_now


def _keep_moves(session: Session, rows: Sequence[Any], moves: Mapping[int, int], now: datetime) -> None:
    """Whose it was: what they sent may be told late."""
    kept = [
        {
            "id": move_id,
            "work_item_id": row.id,
            "moved_at": now,
            "from_id": row.assignee_id,
            "to_id": moves[row.id],
        }
        for move_id, row in zip(new_ids(session, len(rows)), rows, strict=True)
    ]
    insert_rows(session, WorkItemMove, kept)


def postpone_items(session: Session, until: Mapping[int, datetime]) -> None:
    """Put open work items off: until then they are not to be done, and nobody is urged.

    Their assignees' worklists are balanced then, which brings them back and tells of it. Locks like `open_items`.
    """
    table = table_of(WorkItem)
    query = select(table).where(table.c.id.in_(sorted(until)), table.c.state == WorkState.OPEN)
    rows = [{**row._mapping, "postponed_until": until[row.id]} for row in session.execute(query)]
    _stop_urging(session, rows)
    upsert_rows(session, WorkItem, [{**row, "next_urge_at": None} for row in rows])
    schedule_balance(session, _first_back(rows))


def ask_anew(
    session: Session,
    rows: Sequence[Mapping[str, Any]],
    budget: Budget,
    now: datetime,
    *,
    is_urged: bool = True,
) -> None:
    """Write these whole rows back as to be done from now on: what urging was to come counts from now as well."""
    _stop_urging(session, rows)
    hours = hours_of(session, {row["store_id"] for row in rows})
    written = [
        {
            **row,
            "postponed_until": None,
            "asked_at": now,
            "next_urge_at": first_urge(budget, hours[row["store_id"]], now, row["valid_until"])
            if is_urged and row["urge_level"] < 2
            else None,
        }
        for row in rows
    ]
    upsert_rows(session, WorkItem, written)
    set_timers(
        session,
        (
            (_urge_timer(row["id"], row["next_urge_at"]), row["member_id"])
            for row in written
            if row["next_urge_at"] is not None
        ),
    )


def close_items(
    session: Session, ids: Sequence[int], state: WorkState, reason: str, now: datetime
) -> list[int]:
    """Move those that are still open to a final state; returns their ids. Final states absorb.

    `now` is when that happened; what is DONE was done then, whenever it was told.
    """
    if not ids:
        return []
    done = {"done_at": now, "done_told_at": clock.now(session)} if state is WorkState.DONE else {}
    session.flush()
    connection = session.connection()
    still_open = connection.execute(STILL_OPEN, {"ids": ids}).all()
    if not still_open:
        return []
    closed = {"state": state, "close_reason": reason, "closed_at": now, "next_urge_at": None, **done}
    changing = update(ITEMS).where(is_among(ITEMS.c.id, [row.id for row in still_open]))
    connection.execute(changing.where(ITEMS.c.state == WorkState.OPEN).values(**closed))
    urges = [_urge_timer(row.id, row.next_urge_at) for row in still_open if row.next_urge_at is not None]
    clear_timers(session, [_expiry_timer(row.id, row.valid_until) for row in still_open] + urges)
    return [row.id for row in still_open]


def finish_item(session: Session, item_id: int, done_at: datetime) -> None:
    """What the item asks for was done then: closed as done where it is open; else it stays as it was closed, and was
    done all the same. Where that is known already nothing changes.
    """
    if not close_items(session, [item_id], WorkState.DONE, DONE_REASON, done_at):
        count_as_done(session, item_id, done_at)


def count_as_done(session: Session, item_id: int, done_at: datetime) -> None:
    """What the item asks for went out then, and counts as a touch of the member; it stays open until that is proven."""
    late = {"item": item_id, "at": done_at, "told_at": clock.now(session)}
    session.connection().execute(DONE_LATE, late)


def count_as_undone(session: Session, item_id: int) -> None:
    """It did not arrive, and was no touch."""
    undone = update(ITEMS).where(ITEMS.c.id == item_id, ITEMS.c.state != WorkState.DONE)
    session.connection().execute(undone.values(done_at=None, done_told_at=None))


def _stop_urging(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    timers = [_urge_timer(row["id"], row["next_urge_at"]) for row in rows if row["next_urge_at"] is not None]
    clear_timers(session, timers)


def count_items(session: Session, given: Sequence[Mapping[str, Any]], budget: Budget, now: datetime) -> None:
    """Count these whole rows for their assignees, whose worklists are balanced soon where that is too much.

    Of what takes up no room none is counted, but its assignee is locked all the same.
    """
    numbers: Counter[int] = Counter()
    for row in given:
        numbers[row["assignee_id"]] += row["elsewhere"] != Elsewhere.TOGETHER
    stores = {row["assignee_id"]: row["store_id"] for row in given}
    counted = {person: Given(number, stores[person]) for person, number in numbers.items()}
    count_given(session, counted, budget.daily_capacity, now)


def _expiry_timer(item_id: int, valid_until: datetime) -> TimerKey:
    return TimerKey(Lane.EXPIRY, valid_until, item_id)


def _urge_timer(item_id: int, next_urge_at: datetime) -> TimerKey:
    return TimerKey(Lane.URGE, next_urge_at, item_id)
