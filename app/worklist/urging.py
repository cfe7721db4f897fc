"""The urge lane: who has not done a work item for a while is reminded once; later the store's manager is told, once.

The level only rises. Nobody is blamed for an outage: the manager is told only once the reminder was delivered, and the
time counts anew from where nothing was running, WeCom could not be reached, or headquarters had paused everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from app import clock
from app.aside import Errors, set_aside, work_off
from app.associates.models import Associate
from app.associates.queries import managers_by_store
from app.associates.roster import Roster
from app.db import Database, any_of, read_rows, table_of, update_rows
from app.failpoints import failpoint
from app.lanes import Deadline, Progress
from app.members.models import Heartbeat, Member
from app.messaging.models import MessageState, NoticeKind, OutboundMessage
from app.messaging.service import UNHURRIED, NewNotice, write_notices
from app.stores.queries import hours_of
from app.stores.rules import StoreHours
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.worklist.attention import Budget, read_budget
from app.worklist.claiming import claim_items
from app.worklist.models import WorkItem, WorkState
from app.worklist.reminding import URGE_GRID, on_grid, reminded_at

BATCH = 200
SQLITE_BATCH = 40
URGED, ESCALATED = 1, 2
# A lane that comes so much later than it was to was not running.
OUTAGE_AFTER = timedelta(minutes=15)
# So long a reminder usually takes to be delivered.
DELIVERY = timedelta(minutes=10)
ITEMS, MEMBERS, ASSOCIATES = table_of(WorkItem), table_of(Member), table_of(Associate)
MESSAGES = table_of(OutboundMessage)
OPEN = select(ITEMS).where(any_of(ITEMS.c.id, "ids"), ITEMS.c.state == WorkState.OPEN)
NAMES = select(MEMBERS.c.id, MEMBERS.c.name).where(any_of(MEMBERS.c.id, "ids"))
PEOPLE = select(ASSOCIATES.c.id, ASSOCIATES.c.name, ASSOCIATES.c.ended_at).where(
    any_of(ASSOCIATES.c.id, "ids")
)
DELIVERED = select(MESSAGES.c.associate_id, MESSAGES.c.enqueued_at, MESSAGES.c.delivered_at).where(
    any_of(MESSAGES.c.associate_id, "people"),
    MESSAGES.c.enqueued_at >= bindparam("since"),
    MESSAGES.c.state == MessageState.DELIVERED,
)
LAST_BACK = select(func.max(table_of(Heartbeat).c.back_at))


def urge_due(database: Database, deadline: Deadline) -> Progress:
    """Urge and escalate what is due, batch by batch; safe in any number of processes."""
    size = SQLITE_BATCH if database.is_sqlite else BATCH
    return work_off(database, deadline, size, urge_batch, urge_or_set_aside, takes_all=True)


def urge_batch(session: Session, size: int) -> int:
    """Take at most `size` due timers of members nobody else is busy with; returns how many."""
    now = clock.now(session)
    due = claim_items(session, Lane.URGE, now, size)
    if due:
        clear_timers(session, due)
        _urge(session, due, now)
    return len(due)


def urge_or_set_aside(session: Session, undoable: Errors) -> int:
    """Take the first due timer; a work item that nobody can be urged about waits for no urging any more."""
    now = clock.now(session)
    due = claim_items(session, Lane.URGE, now, 1)
    clear_timers(session, due)
    for key in due:
        try:
            with session.begin_nested():
                _urge(session, due, now)
        except undoable as error:
            table = table_of(WorkItem)
            its = update(table).where(table.c.id == key.subject_id)
            session.connection().execute(its.values(next_urge_at=None))
            set_aside(session, Lane.URGE, key.subject_id, error, now)
    return len(due)


def urge_again(session: Session, item_id: int) -> None:
    """Have a work item that was set aside urged about again, if it is still open. Its member's row is held."""
    row = session.get(WorkItem, item_id, with_for_update=True, populate_existing=True)
    if row is not None and row.state == WorkState.OPEN and row.next_urge_at is None:
        row.next_urge_at = on_grid(clock.now(session))
        session.flush()
        set_timers(session, [(TimerKey(Lane.URGE, row.next_urge_at, row.id), row.member_id)])


def _urge(session: Session, due: Sequence[TimerKey], now: datetime) -> None:
    rows = _current(session, due)
    office = _Office.read(session, rows, now)
    verdicts = [office.judge(row) for row in rows]
    judged = list(zip(rows, verdicts, strict=True))
    update_rows(session, WorkItem, [{"id": row.id, **verdict.columns} for row, verdict in judged])
    set_timers(
        session,
        (
            (TimerKey(Lane.URGE, verdict.next_urge_at, row.id), row.member_id)
            for row, verdict in judged
            if verdict.next_urge_at is not None
        ),
    )
    failpoint("urge.decided")
    write_notices(session, [verdict.notice for verdict in verdicts if verdict.notice is not None], now)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What becomes of the urging of one work item, and who is told."""

    level: int
    next_urge_at: datetime | None
    urged_at: datetime | None
    notice: NewNotice | None = None

    @property
    def columns(self) -> dict[str, Any]:
        return {"urge_level": self.level, "next_urge_at": self.next_urge_at, "urged_at": self.urged_at}


def _current(session: Session, due: Sequence[TimerKey]) -> list[Any]:
    """The work items that still wait for exactly this timer."""
    at = {key.subject_id: key.due_at for key in due}
    rows = sorted(read_rows(session, OPEN, {"ids": at}), key=lambda row: row.id)
    return [row for row in rows if row.next_urge_at == at[row.id]]


@dataclass(slots=True)
class _Office:
    """Everything that verdicts of a batch depend on, read once."""

    now: datetime
    budget: Budget
    hours: Mapping[int, StoreHours]
    roster: Roster
    rostered: Set[int]  # of whom it says anything
    people: Mapping[int, Any]  # id, name, ended_at
    managers: Mapping[int, int]
    members: Mapping[int, str]
    told: Mapping[int, Sequence[tuple[datetime, datetime]]]
    outage_over: datetime | None
    _worked: dict[tuple[Any, ...], datetime | None] = field(default_factory=dict)

    @classmethod
    def read(cls, session: Session, rows: Sequence[Any], now: datetime) -> _Office:
        assignees, stores = {row.assignee_id for row in rows}, {row.store_id for row in rows}
        instants = [now, *(row.valid_until for row in rows), *(_since(row) for row in rows)]
        days = [(min(instants) - timedelta(days=1)).date(), (max(instants) + timedelta(days=1)).date()]
        members = {"ids": {row.member_id for row in rows} - {None}}
        roster = Roster.read(session, assignees, days)
        return cls(
            now=now,
            budget=read_budget(session),
            hours=hours_of(session, stores),
            roster=roster,
            rostered={person for person, _ in roster.known},
            people={one.id: one for one in session.connection().execute(PEOPLE, {"ids": assignees})},
            managers=managers_by_store(session, stores),
            members=dict(session.connection().execute(NAMES, members).all()),
            told=_delivered(session, [row for row in rows if row.urge_level == URGED]),
            outage_over=_last_outage_over(session),
        )

    def judge(self, row: Any) -> _Verdict:
        """What is to happen now; what has ended is for the expiry lane, however late that is."""
        if row.valid_until <= self.now:
            return _Verdict(row.urge_level, None, row.urged_at)
        if row.urge_level == 0:
            return self._urge(row)
        return (
            self._escalate(row) if row.urge_level == URGED else _Verdict(row.urge_level, None, row.urged_at)
        )

    def _urge(self, row: Any) -> _Verdict:
        if (
            self.people[row.assignee_id].ended_at is not None
        ):  # nobody there to remind: their manager hears of it in time
            return self._urged(row, None)
        at = self._worked_for(row)
        if at is None or at > self.now:
            return _Verdict(0, at, None)
        allowed = self._allowed_from(row, self.now, row.valid_until)
        if allowed != self.now:
            return _Verdict(0, _before(allowed and on_grid(allowed), row.valid_until), None)
        name = self.members.get(row.member_id)
        text = (f"{row.title} · {name}" if name else row.title)[:128]
        return self._urged(
            row, NewNotice(row.assignee_id, row.id, text, self.now + UNHURRIED, NoticeKind.URGE)
        )

    def _urged(self, row: Any, notice: NewNotice | None) -> _Verdict:
        escalates_at = self.now + self.budget.escalate_after
        looks_at = _before(on_grid(escalates_at + DELIVERY), row.valid_until)
        return _Verdict(URGED, looks_at or _in_time(escalates_at, row.valid_until), self.now, notice)

    def _escalate(self, row: Any) -> _Verdict:
        manager_id = self.managers.get(row.store_id)
        if manager_id is None or manager_id == row.assignee_id:
            return _Verdict(URGED, None, row.urged_at)
        at = self._escalated_at(row)
        if at > self.now:
            return _Verdict(URGED, _in_time(at, row.valid_until), row.urged_at)
        whose = self.people[row.assignee_id].name
        notice = NewNotice(manager_id, row.id, whose, self.now + UNHURRIED, NoticeKind.ESCALATION)
        return _Verdict(ESCALATED, None, row.urged_at, notice)

    def _escalated_at(self, row: Any) -> datetime:
        """When the manager is to be told: a later instant than now where that is not yet right."""
        told_at = self._told_at(row)
        if (
            told_at is None
        ):  # delivered from now on, it leaves them as long as that before the manager is told
            return self.now + max(self.budget.escalate_after, URGE_GRID)
        if self.now - row.next_urge_at > OUTAGE_AFTER:
            told_at = self.now
        since = max(told_at, self.outage_over or told_at)
        return self.budget.askable_from(
            self.hours[row.store_id], max(since + self.budget.escalate_after, self.now), row.valid_until
        )

    def _told_at(self, row: Any) -> datetime | None:
        """When the reminder was delivered; who has left needs none."""
        if self.people[row.assignee_id].ended_at is not None:
            return _since(row)
        later = [
            delivered_at
            for sent_at, delivered_at in self.told.get(row.assignee_id, ())
            if sent_at >= _since(row)
        ]
        return min(later, default=None)

    def _worked_for(self, row: Any) -> datetime | None:
        """When the assignee has had it for as much working time as they are given; None for never.

        Counted once for all who were asked together in stores with the same hours and of whom no shifts are known.
        """
        whose = row.assignee_id if row.assignee_id in self.rostered else None
        key = (whose, self.hours[row.store_id], on_grid(_since(row)), row.valid_until)
        if key not in self._worked:
            allowed_from = partial(self._allowed_from, row, until=row.valid_until)
            self._worked[key] = reminded_at(self.budget.urge_after, key[2], row.valid_until, allowed_from)
        return self._worked[key]

    def _allowed_from(self, row: Any, instant: datetime, until: datetime) -> datetime | None:
        """The first instant from then on at which the assignee may be disturbed; None where it comes too late."""
        hours = self.hours[row.store_id]
        while True:
            askable = self.budget.askable_from(hours, instant, until)
            if askable >= until:
                return None
            on_duty = self.roster.next_duty(row.assignee_id, hours, askable, until)
            if on_duty is None or on_duty == askable:
                return on_duty
            instant = on_duty


def _since(row: Any) -> datetime:
    """From when on the time counts: since the reminder, or since it is this person's to do."""
    asked_at: datetime = row.asked_at or row.opened_at
    return asked_at if row.urge_level == 0 else max(asked_at, row.urged_at)


def _before(at: datetime | None, valid_until: datetime) -> datetime | None:
    return at if at is not None and at < valid_until else None


def _in_time(at: datetime, valid_until: datetime) -> datetime | None:
    """The round time then, or that very instant where it ends before the round time."""
    return _before(on_grid(at), valid_until) or _before(at, valid_until)


def _delivered(session: Session, rows: Iterable[Any]) -> dict[int, list[tuple[datetime, datetime]]]:
    """What these assignees were told since they were reminded: when it was enqueued and when delivered.

    A digest takes along everything that waits, so the first one enqueued after the reminder has it.
    """
    since = {
        row.assignee_id: row.urged_at for row in sorted(rows, key=lambda row: row.urged_at, reverse=True)
    }
    if not since:
        return {}
    asked = {"people": since, "since": min(since.values())}
    told: dict[int, list[tuple[datetime, datetime]]] = {}
    for associate_id, enqueued_at, delivered_at in session.connection().execute(DELIVERED, asked):
        if delivered_at is not None:
            told.setdefault(associate_id, []).append((enqueued_at, delivered_at))
    return told


def _last_outage_over(session: Session) -> datetime | None:
    """When the clock or the pages were last back after a gap."""
    at: datetime | None = session.connection().scalar(LAST_BACK)
    return at
