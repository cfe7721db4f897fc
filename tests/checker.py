"""What must hold of the tables whatever happened: read plainly, by code that shares nothing with what wrote them.

Rows are read whole: meant for a few thousand members at most.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import HandoverSchedule
from app.db import Base, Database, table_of
from app.follow_ups.channels.models import BEING_MADE, SendOrder
from app.follow_ups.models import Enrollment, FollowUpTask, PlanSweep, PlanVersion, StepRecord
from app.follow_ups.reconciliation import Report, reconcile
from app.follow_ups.reconciling.report import Fault
from app.follow_ups.states import Arm, EnrollmentState
from app.follow_ups.texting.models import SmsMessage
from app.inbound.models import INTERNAL, WECOM, Inbound, InboundState, ReceivedEvent
from app.members.models import Sync
from app.messaging.models import (
    DigestSchedule,
    MessageState,
    Notice,
    NoticeKind,
    NoticeState,
    OutboundMessage,
    Welcome,
)
from app.nightly import NightlyJob
from app.orders.models import MemberPurchases, Order, OrderLine, Refund, RefundLine
from app.timers import Lane, Timer
from app.worklist.models import BalanceSchedule, WorkItem, WorkState

# A local day on which clocks are put back.
A_LONG_DAY = timedelta(hours=26)
# What is decided on firing, so never before the step is due.
DECIDED_WHEN_DUE = {
    *("due", "late", "too_late", "new_purchase", "kept_earlier", "nobody_to_ask", "off_duty", "condition"),
    *(
        "same_day",
        "member_cap",
        "quiet_hours",
        "paused",
        "no_channel",
        "quota_full",
        "plan_hold_out",
        "global_hold_out",
    ),
}
OF_OPENING = {NoticeKind.OPENED, NoticeKind.MINI_PROGRAM}
HELD_OUT = {"plan_hold_out", "global_hold_out"}


@dataclass(frozen=True, slots=True)
class Picture:
    """One consistent picture of the tables, and what the second opinion on firing says of it."""

    tables: Tables
    balance: Report

    def violations(self) -> list[str]:
        """Everything that breaks a guarantee, in words that begin with its name (A1: each step has one record…)."""
        found = [f"{name}: {problem}" for check, name in CHECKS.items() for problem in check(self.tables)]
        for one in self.balance.missing + self.balance.unexplained:
            found.append(f"A12: owed {one.on} step {one.step_no}: {one.what}")
        # Tests draw arms by hand; whether they are those of the published hash is tried where they are drawn.
        alarms = [one for one in self.balance.alarms if one.fault is not Fault.WRONG_ARM]
        found += [f"A12: alarm {one.on} step {one.step_no}: {one.what}" for one in alarms]
        found += [f"A12: books: {one.says}: {one.count}" for one in self.balance.books if one.count]
        if not found and self.balance.owed != self.balance.settled.total():
            found.append(f"A12: owed {self.balance.owed}, settled {self.balance.settled.total()}")
        return found

    def final_facts(self) -> dict[Hashable, Hashable]:
        """What may never change again: ended series, step records, closed work items, evidence, sent messages."""
        tables = self.tables
        facts: dict[Hashable, Hashable] = {}
        for row in tables.enrollments:
            if row.state in (EnrollmentState.FINISHED, EnrollmentState.CANCELLED):
                facts["enrollment", row.id] = (row.state, row.ended_reason, row.anchor_at)
        for record in tables.records:
            facts["record", record.enrollment_id, record.step_no] = tuple(record)
        for item in tables.items:
            if item.state != WorkState.OPEN:
                facts["work item", item.id] = (item.state, item.close_reason, item.closed_at)
        for task in tables.tasks:
            if task.evidence is not None:
                facts["evidence", task.id] = (task.evidence, task.sent_text, task.completed_by)
        for message in tables.messages:
            if message.state != MessageState.ENQUEUED:
                facts["message", message.id] = (message.state, message.wecom_msgid, message.body)
        not_yet = _may_be_asked_again(tables)
        return {key: fact for key, fact in facts.items() if key not in not_yet}


def _may_be_asked_again(tables: Tables) -> set[Hashable]:
    """What became one with a task that nobody has done: it goes where that goes, and on where that is stopped."""
    undone = {task.id for task in tables.tasks if task.evidence is None}
    stopped = {row.id for row in tables.enrollments if row.state == EnrollmentState.CANCELLED}
    merged = [one for one in tables.records if one.reason == "same_day" and one.task_id in undone]
    going_on = {one.enrollment_id for one in merged} - stopped
    keys: set[Hashable] = {("enrollment", enrollment_id) for enrollment_id in going_on}
    return keys | {("record", one.enrollment_id, one.step_no) for one in merged}


def look(database: Database, *, with_books: bool = True) -> Picture:
    """The picture as it is now; others may write meanwhile."""
    with database.reading() as session:
        return Picture(Tables(session), reconcile(session, with_books=with_books))


def violations(database: Database) -> list[str]:
    """Everything in the database that breaks a guarantee, in words; an empty list is the proof."""
    return look(database).violations()


class Tables:
    """All rows that matter."""

    def __init__(self, session: Session) -> None:
        def rows(model: type[Base]) -> list[Any]:
            return list(session.execute(select(table_of(model))))

        self.enrollments = rows(Enrollment)
        self.records = rows(StepRecord)
        self.steps: Counter[int] = Counter(
            {row.id: len(json.loads(row.document)["steps"]) for row in rows(PlanVersion)}
        )
        self.tasks, self.items = rows(FollowUpTask), rows(WorkItem)
        self.timers = rows(Timer)
        self.balances, self.sweeps = rows(BalanceSchedule), rows(PlanSweep)
        self.sends, self.nightly = rows(SendOrder), rows(NightlyJob)
        self.handovers, self.texts = rows(HandoverSchedule), rows(SmsMessage)
        self.notices, self.schedules = rows(Notice), rows(DigestSchedule)
        self.messages = rows(OutboundMessage)
        self.orders, self.order_lines = rows(Order), rows(OrderLine)
        self.refunds, self.refund_lines = rows(Refund), rows(RefundLine)
        self.totals = rows(MemberPurchases)
        self.inbound = rows(Inbound)
        self.received, self.welcomes, self.syncs = rows(ReceivedEvent), rows(Welcome), rows(Sync)


def _series(tables: Tables) -> Iterator[str]:
    """At most one record per step, exactly one of each once a series ended; one live series per member and day."""
    recorded = defaultdict(list)
    for record in tables.records:
        recorded[record.enrollment_id].append(record.step_no)
    for row in tables.enrollments:
        steps = tables.steps[row.plan_version_id]
        passed = row.next_step_no - 1 if row.next_step_no else steps
        if row.state == EnrollmentState.QUARANTINED:  # wherever it stopped
            passed = min(len(recorded[row.id]), steps - 1)
        if sorted(recorded.pop(row.id, [])) != list(range(1, passed + 1)):
            yield f"enrollment {row.id} ({row.state}): records of its first {passed} steps expected"
        waits = [value is not None for value in (row.next_step_no, row.next_lane, row.next_due_at)]
        if waits != [row.state == EnrollmentState.ACTIVE] * 3:
            yield f"enrollment {row.id} is {row.state} and waits for {row.next_step_no}"
        if row.waiting_for and row.state != EnrollmentState.ACTIVE:
            yield f"enrollment {row.id} is {row.state} and yet waiting for {row.waiting_for}"
    yield from (f"records of no enrollment: {enrollment_id}" for enrollment_id in recorded)
    live = [
        (row.plan_id, row.member_id, row.anchor_on)
        for row in tables.enrollments
        if row.state != EnrollmentState.CANCELLED and row.anchor_event.startswith("purchase:")
    ]
    yield from _doubled("live series of (plan, member, day of purchases)", live)


def _records(tables: Tables) -> Iterator[str]:
    """Each with a reason, none before it was due; opened ones with a task of their own, merged ones with another's."""
    served = {task.id: (task.enrollment_id, task.step_no) for task in tables.tasks}
    whose = {row.id: row.member_id for row in tables.enrollments}
    moved = {item.id for item in tables.items if (item.asked_at or item.postponed_until) is not None}
    put_off = {task.id for task in tables.tasks if task.work_item_id in moved}
    opened = {(record.enrollment_id, record.step_no): record for record in tables.records if record.task_id}
    for record in tables.records:
        its = (record.enrollment_id, record.step_no)
        if not record.reason:
            yield f"record {its} has no reason"
        if record.reason in DECIDED_WHEN_DUE and record.recorded_at < record.due_at:
            yield f"record {its} was decided before it was due"
        is_shared = (record.outcome, record.reason) == ("merged", "same_day")
        if (record.outcome == "opened" or is_shared) != (record.task_id is not None):
            yield f"record {its} is {record.outcome} with task {record.task_id}"
        if record.outcome == "opened" and served.get(record.task_id) != its:
            yield f"record {its} names a task that is not its own"
        if is_shared:
            server = served.get(record.task_id, (0, 0))
            if server == its or whose.get(server[0]) != whose.get(record.enrollment_id):
                yield f"record {its} is served by a task of somebody else"
            # What was put off, or went to somebody else, is of another day than it was opened on; which is not kept.
            elif (
                record.task_id not in put_off
                and not timedelta(0) <= record.recorded_at - opened[server].recorded_at < A_LONG_DAY
            ):
                yield f"record {its} is served by a task of another day"
    named = {record.task_id for record in tables.records}
    yield from (f"task {task.id} is in no record" for task in tables.tasks if task.id not in named)
    yield from _doubled("tasks of (enrollment, step)", served.values())


def _work(tables: Tables) -> Iterator[str]:
    """Each task or greeting has its own work item and each of them one notice; a closed one says when and why."""
    greetings = [welcome for welcome in tables.welcomes if welcome.work_item_id is not None]
    yield from _differs(
        "work items and tasks",
        (item.id for item in tables.items),
        _work_item_ids([*tables.tasks, *greetings]),
    )
    opened = [one for one in tables.notices if one.kind in OF_OPENING]
    yield from _differs(
        "work items and notices", (item.id for item in tables.items), _once(tables.items, opened)
    )
    reminders = (one for one in tables.notices if one.kind not in OF_OPENING)
    yield from _doubled("reminders", ((one.kind, one.work_item_id, one.associate_id) for one in reminders))
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


def _held_out(tables: Tables) -> Iterator[str]:
    """Guarantee A.18: who is held out is given no task, and only who is held out has steps withheld."""
    arms = {row.id: row.arm for row in tables.enrollments}
    for record in tables.records:
        is_withheld = record.outcome == "withheld"
        if is_withheld != (record.reason in HELD_OUT) or (
            is_withheld and record.reason != arms.get(record.enrollment_id)
        ):
            yield f"record {record.enrollment_id}/{record.step_no}: {record.outcome} {record.reason}"
        if record.task_id is not None and arms.get(record.enrollment_id, Arm.TREATED) != Arm.TREATED:
            yield f"record {record.enrollment_id}/{record.step_no} of a held-out member has a task"


def _refunded(tables: Tables) -> Iterator[str]:
    """Of a day of which nothing bought is left, nothing is asked any more."""
    kept = {
        (order.member_id, order.purchased_on)
        for order in tables.orders
        if order.goods_fen > 0 and order.enrolls and not order.wholly_refunded
    }
    gone = {
        row.id
        for row in tables.enrollments
        if row.anchor_event.startswith("purchase:") and (row.member_id, row.anchor_on) not in kept
    }
    for row in tables.enrollments:
        if row.id in gone and row.state == EnrollmentState.ACTIVE:
            yield f"enrollment {row.id} goes on though everything was returned"
    open_items = {item.id for item in tables.items if item.state == WorkState.OPEN}
    for task in tables.tasks:
        if task.enrollment_id in gone and task.work_item_id in open_items:
            yield f"task {task.id} is open though everything was returned"


def _timers(tables: Tables) -> Iterator[str]:
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
    yield from _differs("timers and their owners", timers, owners)


def _messages(tables: Tables) -> Iterator[str]:
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


def _orders(tables: Tables) -> Iterator[str]:
    """What came back of each purchase equals the refund lines, and is never more than was bought."""
    fen: Counter[int] = Counter()
    pieces: Counter[tuple[int, int]] = Counter()
    of_refund: Counter[int] = Counter()
    for part in tables.refund_lines:
        of_refund[part.refund_id] += part.amount_fen
        if part.order_id is not None:
            fen[part.order_id] += part.amount_fen
        if part.order_line_no is not None:
            pieces[part.order_id, part.order_line_no] += part.quantity
    for order in tables.orders:
        if order.refunded_fen != fen[order.id]:
            yield f"order {order.ref}: {order.refunded_fen} refunded, its refund lines say {fen[order.id]}"
    for line in tables.order_lines:
        if not line.refunded_quantity == pieces[line.order_id, line.line_no] <= line.quantity:
            yield f"order line {line.order_id}/{line.line_no}: {line.refunded_quantity} of {line.quantity} came back"
    for refund in tables.refunds:
        if of_refund[refund.id] != refund.amount_fen:
            yield f"refund {refund.ref}: {refund.amount_fen}, its lines say {of_refund[refund.id]}"


def _totals(tables: Tables) -> Iterator[str]:
    """Per-member totals equal a recount of orders and refunds."""
    bought, returned = defaultdict(list), defaultdict(list)
    for order in tables.orders:
        bought[order.member_id].append(order)
    for refund in tables.refunds:
        returned[refund.member_id].append(refund)
    members = (bought.keys() | returned.keys()) - {None}
    # A refund that was first booked to who brought it leaves zeros with them.
    kept = {row.member_id: row for row in tables.totals if row.orders or row.refunded_fen}
    yield from _differs("members with totals and with purchases", kept, members)
    for member_id in members & kept.keys():
        row, instants = kept[member_id], [order.purchased_at for order in bought[member_id]]
        recount = (
            len(bought[member_id]),
            sum(order.amount_fen for order in bought[member_id]),
            sum(refund.amount_fen for refund in returned[member_id]),
            min(instants, default=None),
            max(instants, default=None),
        )
        stored = (row.orders, row.amount_fen, row.refunded_fen, row.first_purchased_at, row.last_purchased_at)
        if stored != recount:
            yield f"totals of member {member_id}: {stored}, recounted {recount}"


def _inbox(tables: Tables) -> Iterator[str]:
    """Every applied event became its order or refund, and none came from nowhere."""
    applied = [
        (row.source, row.event_key)
        for row in tables.inbound
        if row.state == InboundState.APPLIED
        and row.source not in (WECOM, INTERNAL)
        and row.event_key.startswith(("purchase:", "refund:"))
    ]
    facts = [(order.source, f"purchase:{order.ref}") for order in tables.orders]
    facts += [(refund.source, f"refund:{refund.ref}") for refund in tables.refunds]
    yield from _differs("applied events and facts", applied, facts)


# By what each tries: the guarantee it is of, as the invariants are numbered (A), and in a few words.
CHECKS: dict[Callable[[Tables], Iterator[str]], str] = {
    _series: "A1 one record of each step",
    _records: "A3 nothing fires early, or twice",
    _held_out: "A18 who is held out is given nothing",
    _work: "A5 what is closed says so",
    _refunded: "A5 what ended stays ended",
    _timers: "A4 one timer each",
    _messages: "A6 a notice is in one message",
    _orders: "A13 the ledger sums",
    _totals: "A17 aggregates equal a recount",
    _inbox: "A2 an event counts once",
}


def _work_item_ids(rows: Iterable[Any]) -> Iterator[int]:
    return (row.work_item_id for row in rows)


def _once(items: Iterable[Any], notices: Iterable[Any]) -> Iterator[int]:
    """The work items of notices, but those that came to somebody else once only: each of them was told."""
    moved = {item.id for item in items if item.asked_at is not None}
    told = list(_work_item_ids(notices))
    yield from (item_id for item_id in told if item_id not in moved)
    yield from set(told) & moved


def _doubled(what: str, keys: Iterable[Hashable]) -> Iterator[str]:
    return (f"{what}: {count} of {key}" for key, count in Counter(keys).items() if count > 1)


def _differs(what: str, these: Iterable[Hashable], those: Iterable[Hashable]) -> Iterator[str]:
    """Compared as multisets, so that a double is found as well."""
    left, right = Counter(iter(these)), Counter(iter(those))
    yield from (f"{what}: {key} stands on the left only" for key in left - right)
    yield from (f"{what}: {key} stands on the right only" for key in right - left)
