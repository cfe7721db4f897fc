"""What must hold at the end of a life: read from the tables, from the histories and from what the sandbox's phones got.

Nothing here shares code with what wrote them but the second opinion of `scripts/reconcile`.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.aside import WorkAside
from app.db import Database
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.reconciliation import Report, reconcile
from app.follow_ups.states import EnrollmentState, StepOutcome
from app.inbound.models import Inbound, InboundState
from app.intake.sifting import EventStatus
from app.messaging.models import MessageState, Notice, NoticeState, OutboundMessage
from app.orders.models import Order, Refund
from app.stores.models import Store
from app.worklist.models import AttentionBudget, WorkItem, WorkState
from scripts.commands.life_history import Kind, Line
from scripts.commands.life_scene import SOURCE, TillRoll
from tasks.travel import on_grid

# WeCom drops, without a word, what a person gets beyond these (app messages: 30 a minute, 1,000 an hour).
PER_MINUTE = (60.0, 30)
PER_HOUR = (3600.0, 1_000)
DIGEST_IN_LINK = re.compile(r"#d([0-9a-f]{16})")
LANDED = {EventStatus.APPLIED, EventStatus.REPEATED}
MICRO = 1e6
# Of promises one in a hundred may be opened later; of fewer than these nothing can be said.
LATE_AFTER_S = 10.0
ENOUGH = 100
AROUND_A_KILL = timedelta(hours=1)


@dataclass(slots=True)
class Verdict:
    """`broken` says in words what does not hold; empty is the proof. `told` are the figures that go with it."""

    balance: Report
    broken: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """True where nothing is broken and the balance holds."""
        return not self.broken and self.balance.balances


def judge(
    database: Database, history: Iterable[Line], roll: TillRoll, phones: Path, quantum: timedelta
) -> Verdict:
    """Look at everything a life left behind; `phones` is the sandbox's state file, `quantum` what it was lived in."""
    acts = Acts(history)
    with database.reading() as session:
        verdict = Verdict(reconcile(session))
        verdict.broken += _doubled(session)
        verdict.broken += _early(session)
        verdict.broken += _set_aside(session)
        verdict.broken += _unsent(session)
        verdict.broken += _lost_reports(session, acts, roll)
        verdict.broken += _lost_completions(session, acts)
        told, late = _lateness(session, quantum, acts.killed_at)
        verdict.told.append(told)
        verdict.broken += late
    deliveries = _deliveries(phones)
    verdict.broken += _over_limits(deliveries)
    verdict.broken += _shown_twice(phones)
    verdict.told += acts.figures() + _busiest(deliveries)
    return verdict


class Acts:
    """The histories by what became of each operation."""

    def __init__(self, history: Iterable[Line]) -> None:
        self.counts: Counter[tuple[str, Kind]] = Counter()
        self.applied: Counter[str] = Counter()
        self.landed: set[str] = set()
        self.refused: set[str] = set()
        self.completed: dict[int, str] = {}
        self.killed_at: list[datetime] = []
        opened: dict[str, Line] = {}
        for line in history:
            self.counts[line.op, line.kind] += 1
            if line.op == "kill":
                self.killed_at.append(datetime.fromisoformat(line.facts["business"]))
            elif line.kind is Kind.INVOKE:
                opened[line.process] = line
            elif line.kind is Kind.OK:
                self._close(opened[line.process], line)

    def _close(self, invoked: Line, answered: Line) -> None:
        if invoked.op == "report":
            for key, status in zip(invoked.facts["keys"], answered.facts["statuses"], strict=True):
                self.applied[key] += status == EventStatus.APPLIED
                (self.landed if status in LANDED else self.refused).add(key)
        elif invoked.op == "complete":
            self.completed[invoked.facts["task"]] = answered.facts["state"]

    def figures(self) -> list[str]:
        """How many operations ended how."""
        invoked = {op: count for (op, kind), count in self.counts.items() if kind is Kind.INVOKE}
        return [
            f"{op}: {count:,} invoked, "
            + ", ".join(f"{self.counts[op, kind]:,} {kind}" for kind in (Kind.OK, Kind.FAIL, Kind.INFO))
            for op, count in sorted(invoked.items())
        ]


def _doubled(session: Session) -> Iterator[str]:
    """No step has two records or two tasks, no notice two messages, no event two purchases."""
    singles = {
        "records of a step": (StepRecord.enrollment_id, StepRecord.step_no),
        "tasks of a step": (FollowUpTask.enrollment_id, FollowUpTask.step_no),
        "notices of a work item": (Notice.work_item_id, Notice.associate_id, Notice.kind),
        "messages of a digest": (OutboundMessage.dedupe_key,),
        "purchases of a receipt": (Order.source, Order.ref),
        "refunds of a receipt": (Refund.source, Refund.ref),
    }
    for what, columns in singles.items():
        doubled = select(*columns).group_by(*columns).having(func.count() > 1)
        for row in session.execute(doubled.limit(5)):
            yield f"doubled {what}: {tuple(row)}"


def _early(session: Session) -> Iterator[str]:
    """No task was opened before its step was due, none expired before its validity ended."""
    early = select(WorkItem.id).where(WorkItem.opened_at < WorkItem.due_at).limit(5)
    yield from (f"opened early: work item {item}" for item in session.scalars(early))
    cut = select(WorkItem.id).where(
        WorkItem.state == WorkState.EXPIRED, WorkItem.closed_at < WorkItem.valid_until
    )
    yield from (f"expired early: work item {item}" for item in session.scalars(cut.limit(5)))


def _set_aside(session: Session) -> Iterator[str]:
    """Nothing here is poison: whatever was set aside hides a mistake, however well the books account for it."""
    query = select(Enrollment.ended_reason, func.count()).where(
        Enrollment.state == EnrollmentState.QUARANTINED
    )
    for reason, series in session.execute(query.group_by(Enrollment.ended_reason)):
        yield f"{series} series were set aside: {reason}"
    for lane, reason in session.execute(select(WorkAside.lane, WorkAside.reason).limit(5)):
        yield f"work of the lane {lane} was set aside: {reason}"


def _unsent(session: Session) -> Iterator[str]:
    """WeCom was there all the time: nothing was given up, and no message names no notice."""
    given_up = select(OutboundMessage.id, OutboundMessage.reason).where(
        OutboundMessage.state == MessageState.ABANDONED
    )
    yield from (f"message {row.id} was given up: {row.reason}" for row in session.execute(given_up.limit(5)))
    told = select(Notice.message_id).where(Notice.state == NoticeState.GATHERED)
    empty = select(OutboundMessage.id).where(OutboundMessage.id.not_in(told)).limit(5)
    yield from (f"message {message} names no notice" for message in session.scalars(empty))


def _lost_reports(session: Session, acts: Acts, roll: TillRoll) -> Iterator[str]:
    """Every event of the file was acknowledged and is there; none was counted twice."""
    stored = select(Inbound.event_key).where(Inbound.source == SOURCE, Inbound.state == InboundState.APPLIED)
    there = set(session.scalars(stored))
    for event in roll.events():
        if event.event_key in acts.landed:
            if event.event_key not in there:
                yield f"{event.event_key} was acknowledged and is lost"
        elif event.event_key not in acts.refused:
            yield f"{event.event_key} was never acknowledged"
    yield from (f"{key} was applied {times} times" for key, times in acts.applied.items() if times > 1)


def _lost_completions(session: Session, acts: Acts) -> Iterator[str]:
    """Whatever an associate was told is done has its evidence."""
    proven = select(FollowUpTask.id).where(FollowUpTask.evidence.is_not(None))
    proven_ids = set(session.scalars(proven))
    for task, state in acts.completed.items():
        if state != "nobody" and task not in proven_ids:
            yield f"task {task} was acknowledged as {state} and has no evidence"


def _lateness(session: Session, quantum: timedelta, killed_at: Iterable[datetime]) -> tuple[str, list[str]]:
    """How much later than the end of their quantum promises were opened, in seconds of business time.

    Marketing waits for the cap, and what is looked at in quiet or closed hours for their end: neither tells of
    lateness. Nor does what fell due around a kill, when there is a backlog.
    """
    budget = session.execute(select(AttentionBudget.quiet_from, AttentionBudget.quiet_until)).one()
    downs = [(at - AROUND_A_KILL, at + quantum + AROUND_A_KILL) for at in killed_at]
    query = (
        select(StepRecord.due_at, StepRecord.recorded_at, Store.time_zone, Store.opens_at, Store.closes_at)
        .join(FollowUpTask, FollowUpTask.id == StepRecord.task_id)
        .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .join(Store, Store.id == WorkItem.store_id)
        .where(StepRecord.outcome == StepOutcome.OPENED, WorkItem.is_service.is_(True))
    )
    late = []
    for due, opened, zone, opens_at, closes_at in session.execute(query):
        looked_at = on_grid(due, quantum)
        wall = looked_at.astimezone(ZoneInfo(zone)).time()
        is_quiet = _within(wall, budget.quiet_from, budget.quiet_until)
        is_shut = not _within(wall, opens_at, closes_at)
        if not is_quiet and not is_shut and not any(first <= due <= last for first, last in downs):
            late.append((opened - looked_at) / timedelta(seconds=1))
    if not late:
        return "promises that were opened: none", []
    late.sort()
    half, most, last = (late[min(len(late) - 1, int(len(late) * share))] for share in (0.5, 0.99, 1.0))
    spread = f"{half:.0f} s (median), {most:.0f} s (p99), {last:.0f} s (most)"
    is_late = most > LATE_AFTER_S and len(late) >= ENOUGH
    return (
        f"promises opened with nobody down: {len(late):,}, later than their quantum by {spread}",
        [f"one promise in a hundred was opened {most:.0f} s after its quantum or later"] if is_late else [],
    )


def _within(wall: time, since: time, until: time) -> bool:
    return since <= wall < until if since <= until else wall >= since or wall < until


def _deliveries(phones: Path) -> dict[str, list[tuple[float, str]]]:
    """By person: when a message came, in seconds of the sandbox's clock, and whether it was shown."""
    found: dict[str, list[tuple[float, str]]] = defaultdict(list)
    with closing(sqlite3.connect(f"file:{phones}?mode=ro", uri=True)) as state:
        query = "SELECT userid, sent_at, state FROM delivery ORDER BY userid, sent_at"
        for userid, sent_at, shown in state.execute(query):
            found[userid].append((sent_at / MICRO, shown))
    return found


def _over_limits(deliveries: dict[str, list[tuple[float, str]]]) -> Iterator[str]:
    for userid, got in deliveries.items():
        dropped = sum(shown == "dropped" for _, shown in got)
        if dropped:
            yield f"{userid} lost {dropped} messages to WeCom's limits"
        for span, most in (PER_MINUTE, PER_HOUR):
            peak = _peak([at for at, _ in got], span)
            if peak > most:
                yield f"{userid} got {peak} messages within {span:.0f} s"


def _busiest(deliveries: dict[str, list[tuple[float, str]]]) -> list[str]:
    instants = [[at for at, _ in got] for got in deliveries.values()]
    peaks = [max((_peak(its, span) for its in instants), default=0) for span, _ in (PER_MINUTE, PER_HOUR)]
    most = f"{peaks[0]} a minute, {peaks[1]} an hour"
    return [f"messages on phones: {sum(map(len, instants)):,}; most for one person: {most}"]


def _peak(instants: list[float], span: float) -> int:
    """The most of these ascending instants that lie within less than `span` seconds."""
    first = most = 0
    for last, at in enumerate(instants):
        while at - instants[first] >= span:
            first += 1
        most = max(most, last - first + 1)
    return most


def _shown_twice(phones: Path) -> Iterator[str]:
    """Each digest names itself in its link; a phone shows it once, however often it was sent."""
    shown: Counter[tuple[str, str]] = Counter()
    with closing(sqlite3.connect(f"file:{phones}?mode=ro", uri=True)) as state:
        query = "SELECT delivery.userid, message.body FROM delivery JOIN message ON message.id = message_id"
        for userid, body in state.execute(query):
            link = DIGEST_IN_LINK.search(body)
            if link:
                shown[userid, link[1]] += 1
    yield from (
        f"{userid} was shown digest {digest} {times} times"
        for (userid, digest), times in shown.items()
        if times > 1
    )
