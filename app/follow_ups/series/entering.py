"""Putting members into a plan, whatever brought them there: the rows of an enrollment, in one go for many.

Which anchor events bring a member in is decided by who calls: enrolling (purchases), happenings (events), sweeping (the
calendar). Callers hold the members' `member_care` rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import insert_rows, is_among, read_rows, table_of
from app.follow_ups.facts import Facts, criterion_of, facts_of
from app.follow_ups.measuring.holding_out import arm_of
from app.follow_ups.models import Enrollment, StepRecord
from app.follow_ups.plans.checking import GLOBAL_SALT
from app.follow_ups.plans.versions import Version
from app.follow_ups.records import Waiting, next_waiting, step_record
from app.follow_ups.rules import Anchor, due_at
from app.follow_ups.series.stopping import close_restarted_tasks, stop_by_what_followed
from app.ids import new_ids
from app.stores.queries import StoreFacts
from app.timers import TimerKey, set_timers
from app.worklist.attention import Budget

LONGEST_EVENT = 48


@dataclass(frozen=True, slots=True)
class Entry:
    """A member on the way into a plan by an anchor event; `told` are facts that the event itself brings."""

    member_id: int
    store: StoreFacts
    anchor: Anchor
    event: str
    told: Facts


def event_name(*parts: object) -> str:
    """The name of an anchor event, e.g. `event:visit:till:77`; its end becomes a fingerprint where it is too long."""
    name = ":".join(map(str, parts))
    if len(name) <= LONGEST_EVENT:
        return name
    head = ":".join(map(str, parts[:2]))
    return f"{head}:#{blake2b(name.encode(), digest_size=(LONGEST_EVENT - len(head) - 2) // 2).hexdigest()}"


def whose_rule_holds(
    session: Session, version: Version, entries: Sequence[Entry], now: datetime
) -> list[Entry]:
    """Those for whom the plan's rule holds: over what the event says and the member as they are now."""
    rule = criterion_of(version.trigger.condition)
    if not rule.terms or not entries:
        return list(entries)
    asked = rule.terms - frozenset.intersection(*(frozenset(entry.told) for entry in entries))
    facts = facts_of(session, {entry.member_id for entry in entries}, asked, now)
    return [entry for entry in entries if rule.holds(facts[entry.member_id] | entry.told)]


def not_entered(session: Session, plan_id: int, entries: Sequence[Entry]) -> list[Entry]:
    """Those whose anchor event has not brought the member into the plan yet; of one event told twice the first."""
    if not entries:
        return []
    table = table_of(Enrollment)
    query = select(table.c.member_id, table.c.anchor_event).where(
        table.c.plan_id == plan_id,
        is_among(table.c.member_id, {entry.member_id for entry in entries}),
        table.c.anchor_event.in_(sorted({entry.event for entry in entries})),
    )
    known = {(row.member_id, row.anchor_event) for row in read_rows(session, query)}
    fresh = {(entry.member_id, entry.event): entry for entry in reversed(entries)}
    return [fresh[key] for key in sorted(fresh) if key not in known]


def enter(
    session: Session, version: Version, entries: Sequence[Entry], budget: Budget, now: datetime
) -> None:
    """Enroll them; a step that can never open is recorded with its reason. Each anchor event is a new one.

    A series that something told earlier has ended already (a purchase, a reply) is ended at once, so that the order in
    which things are told makes no difference.
    """
    if not entries:
        return
    rows, records, timers = [], [], []
    for enrollment_id, entry in zip(new_ids(session, len(entries)), entries, strict=True):
        hours = entry.store.hours
        waits, passed = next_waiting(version.steps, entry.anchor, hours, enrolled_at=now, now=now)
        rows.append(_row(enrollment_id, version, entry, waits, budget, now))
        records += [
            step_record(enrollment_id, step, verdict, due_at(step, entry.anchor, hours), now)
            for step, verdict in passed
        ]
        if waits.lane and waits.due_at:
            timers.append((TimerKey(waits.lane, waits.due_at, enrollment_id), entry.member_id))
    insert_rows(session, Enrollment, rows)
    insert_rows(session, StepRecord, records)
    set_timers(session, timers)
    close_restarted_tasks(session, version, [(entry.member_id, entry.anchor) for entry in entries], now)
    stop_by_what_followed(session, version, [row["id"] for row in rows], now)


def _row(
    enrollment_id: int, version: Version, entry: Entry, waits: Waiting, budget: Budget, now: datetime
) -> dict[str, Any]:
    arm = arm_of(
        entry.member_id,
        version.document.code,
        version.document.hold_out_per_mille,
        global_salt=GLOBAL_SALT,
        global_per_mille=budget.hold_out_per_mille,
    )
    return {
        "id": enrollment_id,
        "plan_id": version.plan_id,
        "plan_version_id": version.id,
        "member_id": entry.member_id,
        "store_id": entry.store.id,
        "anchor_event": entry.event,
        "anchor_at": entry.anchor.at,
        "anchor_on": entry.anchor.on,
        "time_known": entry.anchor.time_known,
        "ended_reason": "",
        "enrolled_at": now,
        "arm": arm,
        "global_per_mille": budget.hold_out_per_mille,
        "waiting_for": "",
        **waits.columns(),
    }
