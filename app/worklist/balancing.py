"""The balance lane: of what is more than somebody can do on a day the least valuable goes elsewhere, with its reason.

What was promised (service), or is being sent just now, stays and counts. Of the rest the best by `rank` stay; each of
the others goes to a colleague who knows the member and has room, else to the assignee's next working day, else to a
colleague who calls instead where the number is known, else it is dropped. Which ones depends on what is to be done and
on nothing else: not on the order in which they came, nor on how often it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.aside import Errors, set_aside, work_off
from app.clock import Moment
from app.db import Database, insert_rows, table_of, upsert_rows
from app.failpoints import failpoint
from app.lanes import Deadline, Progress
from app.members.models import Member, MemberCare
from app.messaging.service import UNHURRIED, NewNotice, write_notices
from app.timers import Lane, Timer, TimerKey, clear_timers
from app.worklist.attention import read_budget
from app.worklist.desks import Desk, read_desks
from app.worklist.loads import lock_schedules, schedule_balance
from app.worklist.models import BalanceSchedule, Overflow, OverflowKind, WorkItem, WorkState
from app.worklist.service import (
    AskAgain,
    ask_anew,
    close_items,
    is_put_off,
    let_anybody_do,
    move_items,
    postpone_items,
)
from app.worklist.sharing import Colleagues, Fate, Share, read_colleagues, share_out

# Whoever opens something for one of them waits until all are done.
BATCH = 5
OVER_CAPACITY = "over_capacity"
# Members somebody else was busy with are looked at again so soon.
AGAIN_AFTER = timedelta(seconds=5)

# Makes the words of tasks those of their new assignees: work item id → associate id. Tasks live above this rank.
# The third: which of them become calls.
Reword = Callable[[Session, Mapping[int, int], Collection[int]], None]


def balance_due(database: Database, reword: Reword, ask_again: AskAgain, deadline: Deadline) -> Progress:
    """Balance the worklists that are due, some people at a time; safe in any number of processes."""
    return work_off(
        database,
        deadline,
        BATCH,
        lambda session, size: balance_batch(session, reword, ask_again, size),
        lambda session, undoable: balance_or_set_aside(session, reword, ask_again, undoable),
    )


def balance_or_set_aside(session: Session, reword: Reword, ask_again: AskAgain, undoable: Errors) -> int:
    """Balance the first worklist that is due; one that cannot be is not looked at before somebody is given more."""
    moment = clock.moment(session)
    due = _due(session, moment.business, 1)
    try:
        with session.begin_nested():
            _balance(session, reword, ask_again, due, moment)
    except undoable as error:
        for key in due:
            _set_aside(session, key, error, moment.business)
    return len(due)


def _set_aside(session: Session, key: TimerKey, error: Exception, now: datetime) -> None:
    """Whom somebody else has looked at meanwhile is theirs to set aside, or was balanced."""
    (row,) = lock_schedules(session, {key.subject_id: 0})
    if row.next_due_at != key.due_at:
        return
    clear_timers(session, [key])
    table = table_of(BalanceSchedule)
    its = table.c.associate_id == key.subject_id
    session.connection().execute(table.update().where(its).values(next_due_at=None))
    set_aside(session, Lane.BALANCE, key.subject_id, error, now)


def balance_batch(session: Session, reword: Reword, ask_again: AskAgain, size: int) -> int:
    """Balance at most `size` people's worklists; returns how many were looked at."""
    moment = clock.moment(session)
    due = _due(session, moment.business, size)
    _balance(session, reword, ask_again, due, moment)
    return len(due)


def _balance(
    session: Session,
    reword: Reword,
    ask_again: AskAgain,
    due: Sequence[TimerKey],
    moment: clock.Moment,
) -> None:
    """Balance these people's worklists, as far as they are still due.

    First it is read whose members are concerned; they are locked, as far as nobody else is busy with them, then the
    schedules; then everything is read again, and that decides. What concerns other members follows in a moment.
    """
    if not due:
        return
    now = moment.business
    capacity = read_budget(session).daily_capacity
    desks = read_desks(session, [key.subject_id for key in due], now)
    foreseen = [share_out(desk, capacity, moment) for desk in desks.values()]
    members = _lock_free_members(session, foreseen)
    colleagues = read_colleagues(
        session, [item for share in foreseen for item in share.overflow], members, now
    )
    mine = _lock(session, due, colleagues)
    desks = read_desks(session, sorted(mine), now)
    shares = [share_out(desk, capacity, moment) for desk in desks.values()]
    fates = colleagues.decide(session, desks, shares, members, now)
    ask_again(session, _carry_out(session, fates, reword, now), now)
    returned = [item for share in shares for item in share.returned if item.member_id in members]
    ask_anew(session, [dict(item._mapping) for item in returned], read_budget(session), now)
    _count(session, desks, shares, fates)
    _schedule_anew(
        session, mine, shares, {fate.item.id for fate in fates} | {item.id for item in returned}, moment
    )
    failpoint("balance.decided")
    _tell(session, returned, fates, now)


def _due(session: Session, now: datetime, size: int) -> list[TimerKey]:
    query = (
        select(Timer.lane, Timer.due_at, Timer.subject_id)
        .where(Timer.lane == str(Lane.BALANCE), Timer.due_at <= now)
        .order_by(Timer.due_at, Timer.subject_id)
        .limit(size)
    )
    return [TimerKey(*row) for row in session.execute(query)]


def _lock_free_members(session: Session, shares: Sequence[Share]) -> set[int]:
    """The mutexes of the members concerned that nobody holds, in ascending order; whose they are."""
    wanted = sorted(
        {item.member_id for share in shares for item in (*share.overflow, *share.returned)} - {None}
    )
    if not wanted:
        return set()
    query = select(MemberCare.member_id).where(MemberCare.member_id.in_(wanted))
    return set(session.scalars(query.order_by(MemberCare.member_id).with_for_update(skip_locked=True)))


def _lock(session: Session, due: Sequence[TimerKey], colleagues: Colleagues) -> set[int]:
    """Lock the schedules; take the timers away of those that are still due, which are returned."""
    wanted = {key.subject_id: key.due_at for key in due}
    rows = lock_schedules(session, dict.fromkeys({*wanted, *colleagues.ids}, 0))
    present = {row.associate_id: row.next_due_at for row in rows}
    clear_timers(session, due)
    mine = {person for person, at in wanted.items() if present[person] == at}
    table = table_of(BalanceSchedule)
    cleared = table.update().where(table.c.associate_id.in_(sorted(mine))).values(next_due_at=None)
    session.connection().execute(cleared)
    return mine


def _carry_out(session: Session, fates: Sequence[Fate], reword: Reword, now: datetime) -> list[int]:
    """Returns the work items that are dropped."""
    moves = {fate.item.id: fate.to_id for fate in fates if fate.to_id is not None}
    if moves:
        calls = {fate.item.id for fate in fates if fate.kind is OverflowKind.CALLED}
        move_items(session, moves, now)
        let_anybody_do(session, calls)
        reword(session, moves, calls)
    postpone_items(session, {fate.item.id: fate.until for fate in fates if fate.until is not None})
    dropped = [fate.item.id for fate in fates if fate.kind is OverflowKind.DROPPED]
    insert_rows(session, Overflow, [_overflow_row(fate, now) for fate in fates])
    return close_items(session, dropped, WorkState.CANCELLED, OVER_CAPACITY, now)


def _overflow_row(fate: Fate, now: datetime) -> dict[str, Any]:
    return {
        "work_item_id": fate.item.id,
        "decided_at": now,
        "kind": fate.kind,
        "store_id": fate.item.store_id,
        "associate_id": fate.item.assignee_id,
        "rank": fate.item.rank,
        "to_id": fate.to_id,
        "until": fate.until,
    }


def _count(
    session: Session, desks: Mapping[int, Desk], shares: Sequence[Share], fates: Sequence[Fate]
) -> None:
    """How much each of those looked at has now."""
    counts = {share.associate_id: share.load for share in shares}
    for fate in fates:
        counts[fate.item.assignee_id] -= 1
        if fate.to_id in counts:
            counts[fate.to_id] += 1
    rows = [
        {"associate_id": person, "counted": number, "counted_until": desks[person].day.ends_at}
        for person, number in counts.items()
    ]
    upsert_rows(session, BalanceSchedule, rows)


def _schedule_anew(
    session: Session, mine: Collection[int], shares: Sequence[Share], settled: Set[int], moment: Moment
) -> None:
    """Look again when something that was put off is back, or is no longer being sent, soon where a member was busy."""
    now = moment.business
    query = (
        select(WorkItem.assignee_id, func.min(WorkItem.postponed_until))
        .where(WorkItem.assignee_id.in_(sorted(mine)), WorkItem.state == WorkState.OPEN)
        .where(WorkItem.postponed_until > now)
        .group_by(WorkItem.assignee_id)
    )
    again = {person: at for person, at in session.execute(query) if at is not None}
    for share in shares:
        if share.sent_by is not None:
            at = now + (share.sent_by - moment.real)
            again[share.associate_id] = min(at, again.get(share.associate_id, at))
        if (share.overflow_ids | {item.id for item in share.returned}) - settled:
            again[share.associate_id] = now + AGAIN_AFTER
    schedule_balance(session, again)


def _tell(session: Session, returned: Sequence[Any], fates: Sequence[Fate], now: datetime) -> None:
    """Who has something to do that they did not have before hears of it with their next digest."""
    told = [(item.assignee_id, item) for item in returned]
    moved = [fate for fate in fates if fate.to_id is not None and not is_put_off(fate.item._mapping, now)]
    told += [(fate.to_id, fate.item) for fate in moved]
    names = select(Member.id, Member.name).where(Member.id.in_(sorted({item.member_id for _, item in told})))
    known: dict[int, str] = dict(session.execute(names).all()) if told else {}
    notices = [
        NewNotice(person, item.id, f"{item.title} · {known[item.member_id]}", now + UNHURRIED)
        for person, item in told
    ]
    write_notices(session, notices, now)
