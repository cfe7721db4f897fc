"""What must hold of the tables whatever happened: read plainly, by code that shares nothing with what wrote them.

Rows are read whole: meant for a few thousand members at most.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

from app.db import Database
from app.follow_ups.reconciliation import Report, reconcile
from app.follow_ups.reconciling.report import Fault
from app.follow_ups.states import EnrollmentState
from app.messaging.models import MessageState
from app.worklist.models import WorkState
from tests.checks import steps, sums, work
from tests.checks.tables import Tables

# By what each tries: the guarantee it is of, as the invariants are numbered (A), and in a few words.
CHECKS: dict[Callable[[Tables], Iterator[str]], str] = {
    steps.series: "A1 one record of each step",
    steps.records: "A3 nothing fires early, or twice",
    steps.held_out: "A18 who is held out is given nothing",
    work.work: "A5 what is closed says so",
    work.texts: "A6 a text message goes out once",
    steps.refunded: "A5 what ended stays ended",
    work.timers: "A4 one timer each",
    work.messages: "A6 a notice is in one message",
    sums.orders: "A13 the ledger sums",
    sums.totals: "A17 aggregates equal a recount",
    sums.inbox: "A2 an event counts once",
}


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
