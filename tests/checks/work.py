"""Guarantees of what people and the system have to do, of whom that is told, and of the timers of everything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from app.follow_ups.channels.models import BEING_MADE
from app.follow_ups.states import BY_THE_SYSTEM, IN_ITS_OWN_WORDS, EnrollmentState
from app.follow_ups.texting.models import FINAL, SmsState
from app.messaging.models import MessageState, NoticeKind, NoticeState
from app.timers import Lane
from app.worklist.models import WorkState
from tests.checks.tables import Tables, differs, doubled

OF_OPENING = {NoticeKind.OPENED, NoticeKind.MINI_PROGRAM}


def work(tables: Tables) -> Iterator[str]:
    """Each task or greeting has its own work item and each of them one notice; a closed one says when and why."""
    greetings = [welcome for welcome in tables.welcomes if welcome.work_item_id is not None]
    yield from differs(
        "work items and tasks",
        (item.id for item in tables.items),
        _work_item_ids([*tables.tasks, *greetings]),
    )
    opened = [one for one in tables.notices if one.kind in OF_OPENING]
    by_system = {task.work_item_id for task in tables.tasks if task.channel in BY_THE_SYSTEM}
    told = (item.id for item in tables.items if item.id not in by_system)
    yield from differs("work items and notices", told, _once(tables.items, opened))
    fixed = {task.work_item_id for task in tables.tasks if task.channel in IN_ITS_OWN_WORDS}
    reminders = (one for one in tables.notices if one.kind not in OF_OPENING)
    yield from doubled("reminders", ((one.kind, one.work_item_id, one.associate_id) for one in reminders))
    proven = {task.work_item_id for task in tables.tasks if task.evidence is not None}
    for item in tables.items:
        if item.done_at is None and (item.state == WorkState.DONE or item.id in proven):
            yield f"work item {item.id} was done at no time"
        is_open = item.state == WorkState.OPEN
        if is_open != (item.closed_at is None) or is_open != (not item.close_reason):
            yield f"work item {item.id} is {item.state} with {item.closed_at} {item.close_reason!r}"
        if item.opened_at < item.due_at:
            yield f"work item {item.id} was opened before it was due"
        if item.state == WorkState.EXPIRED and item.closed_at < item.valid_until:
            yield f"work item {item.id} expired before its validity ended"
        if item.close_reason == "same_day" and item.id in fixed:
            yield f"work item {item.id} gave way to another, and may be out"


def texts(tables: Tables) -> Iterator[str]:
    """A text message is the system's to send: it is nobody's to move, to put off or to be urged about, and proven by
    what the gateway says of it.
    """
    tasks = {task.id: task for task in tables.tasks if task.channel in BY_THE_SYSTEM}
    yield from differs("text messages and their tasks", tasks, (row.task_id for row in tables.texts))
    items = {item.id: item for item in tables.items}
    for task in tasks.values():
        item = items[task.work_item_id]
        if item.postponed_until or item.next_urge_at or item.urge_level or item.claimed_by:
            yield f"task {task.id} is the system's, and somebody's to do"
    for row in tables.texts:
        item, is_there = items[row.work_item_id], bool(row.gateway_id)
        if (row.next_due_at is None) != (row.state in FINAL):
            yield f"text message {row.task_id} is {row.state} and waits for {row.next_due_at}"
        if (item.done_at is not None) != (is_there and row.state != SmsState.FAILED):
            yield f"text message {row.task_id} is {row.state}, and was done at {item.done_at}"
        if row.state in (SmsState.DELIVERED, SmsState.UNTOLD) and item.state == WorkState.OPEN:
            yield f"text message {row.task_id} is {row.state}, and its task open"


def timers(tables: Tables) -> Iterator[str]:
    """The timers table equals its rebuild from the rows that own timers."""
    timers = [(timer.lane, timer.due_at, timer.subject_id, timer.member_id) for timer in tables.timers]
    owners: list[tuple[Any, ...]] = [
        (row.next_lane, row.next_due_at, row.id, row.member_id)
        for row in tables.enrollments
        if row.state == EnrollmentState.ACTIVE
    ]
    owners += [
        (str(Lane.EXPIRY), item.valid_until, item.id, item.member_id)
        for item in tables.items
        if item.state == WorkState.OPEN
    ]
    owners += [
        (str(Lane.URGE), item.next_urge_at, item.id, item.member_id)
        for item in tables.items
        if item.state == WorkState.OPEN and item.next_urge_at is not None
    ]
    owners += [
        (str(Lane.DIGEST), row.next_due_at, row.associate_id, None)
        for row in tables.schedules
        if row.next_due_at is not None
    ]
    owners += [
        (str(Lane.PUSH), message.next_due_at, message.id, None)
        for message in tables.messages
        if message.state == MessageState.ENQUEUED
    ]
    owners += [
        (str(Lane.SMS), row.next_due_at, row.task_id, row.member_id)
        for row in tables.texts
        if row.next_due_at is not None
    ]
    for lane, owned in (
        (Lane.INBOX, [(row.next_due_at, row.inbound_id) for row in tables.received]),
        (Lane.WELCOME, [(row.welcome_due_at, row.inbound_id) for row in tables.received]),
        (Lane.WELCOME, [(row.next_due_at, row.inbound_id) for row in tables.welcomes]),
        (Lane.SYNC, [(row.next_due_at, row.id) for row in tables.syncs]),
        (Lane.BALANCE, [(row.next_due_at, row.associate_id) for row in tables.balances]),
        (Lane.HANDOVER, [(row.next_due_at, row.associate_id) for row in tables.handovers]),
        (Lane.SWEEP, [(row.next_due_at, row.id) for row in tables.sweeps]),
        (Lane.NIGHTLY, [(row.next_due_at, row.id) for row in tables.nightly]),
        (Lane.ORDER, [(row.next_due_at, row.id) for row in tables.sends if row.state in BEING_MADE]),
        (Lane.CONFIRM, [(row.next_due_at, row.id) for row in tables.sends if row.state not in BEING_MADE]),
    ):
        owners += [(str(lane), due_at, row_id, None) for due_at, row_id in owned if due_at is not None]
    yield from differs("timers and their owners", timers, owners)


def messages(tables: Tables) -> Iterator[str]:
    """A gathered notice is in one message, of its associate; a waiting one has a digest coming."""
    receiver = {message.id: message.associate_id for message in tables.messages}
    scheduled = {row.associate_id for row in tables.schedules if row.next_due_at is not None}
    for notice in tables.notices:
        if (notice.state == NoticeState.GATHERED) != (notice.message_id is not None):
            yield f"notice {notice.id} is {notice.state} with message {notice.message_id}"
        if notice.message_id is not None and receiver.get(notice.message_id) != notice.associate_id:
            yield f"notice {notice.id} is in a message of somebody else"
        if notice.state == NoticeState.WAITING and notice.associate_id not in scheduled:
            yield f"notice {notice.id} waits for no digest"
    empty = set(receiver) - {notice.message_id for notice in tables.notices}
    yield from (f"message {message_id} tells of nothing" for message_id in empty)


def _work_item_ids(rows: Iterable[Any]) -> Iterator[int]:
    return (row.work_item_id for row in rows)


def _once(items: Iterable[Any], notices: Iterable[Any]) -> Iterator[int]:
    """The work items of notices, but those that came to somebody else once only: each of them was told."""
    moved = {item.id for item in items if item.asked_at is not None}
    told = list(_work_item_ids(notices))
    yield from (item_id for item_id in told if item_id not in moved)
    yield from set(told) & moved
