"""What follows from something that happened to members: it is kept, it ends series, it starts others.

Callers hold the members' `member_care` rows. Purchases come in by enrolling.py; everything else comes by here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.follow_ups.fact_sources import facts_of_event
from app.follow_ups.plans.documents import TriggerKind
from app.follow_ups.plans.versions import Version, open_plans
from app.follow_ups.rules import Anchor
from app.follow_ups.series.entering import Entry, enter, event_name, not_entered, whose_rule_holds
from app.follow_ups.series.stopping import stop_for
from app.follow_ups.states import StepReason
from app.member_events.models import MemberEventKind
from app.member_events.rules import checked
from app.member_events.service import JOIN_KEY, NewEvent, record_events
from app.stores.queries import StoreFacts, stores_by_id
from app.worklist.attention import read_budget

ENDS = {
    MemberEventKind.REPLY: StepReason.REPLIED,
    MemberEventKind.UNFRIENDED: StepReason.UNFRIENDED,
}
# Kinds of events that plans may start by; of a reply nothing starts.
STARTS: dict[MemberEventKind, TriggerKind] = {
    kind: TriggerKind(kind) for kind in MemberEventKind if kind is not MemberEventKind.REPLY
}


def happen(
    session: Session, events: Sequence[NewEvent], now: datetime, *, enrolls: bool = True
) -> list[NewEvent]:
    """Keep events, each once, and do what the plans in force say: end series and start others. Returns the new ones.

    Raises `ValueError` where an event's data is not of its kind. `enrolls` False only keeps them.
    """
    fresh = record_events(session, events, now)
    if not fresh or not enrolls:
        return fresh
    for kind, reason in ENDS.items():
        ended = [event for event in fresh if event.kind is kind]
        last = {event.member_id: event.happened_at for event in sorted(ended, key=_when)}
        stop_for(session, last, reason, now)
    _start(session, [event for event in fresh if event.kind in STARTS], now)
    return fresh


def join(
    session: Session,
    member_id: int,
    store_id: int,
    associate_id: int | None,
    joined_at: datetime,
    now: datetime,
    *,
    via: str = "",
) -> bool:
    """Somebody became a member, by whatever way: a member joins once, later tellings change nothing and give False.

    For whoever registers members who ask to be one. Who is first seen by a purchase has not joined by that.
    """
    on = stores_by_id(session, {store_id})[store_id].hours.local_date(joined_at)
    event = NewEvent(
        member_id,
        MemberEventKind.JOIN,
        JOIN_KEY,
        store_id,
        associate_id,
        joined_at,
        on,
        time_known=True,
        data={"via": via},
    )
    return bool(happen(session, [event], now))


def _start(session: Session, events: Sequence[NewEvent], now: datetime) -> None:
    kinds = {STARTS[event.kind] for event in events}
    plans = open_plans(session, kinds) if kinds else []
    if not plans:
        return
    stores = stores_by_id(session, {event.store_id for event in events})
    budget = read_budget(session)
    ordered = sorted(events, key=lambda one: (one.member_id, _when(one)))
    for plan in plans:
        by_store: dict[Version, list[NewEvent]] = defaultdict(list)
        for event in ordered:
            version = plan.version_for(event.store_id)
            if version is not None and _starts_by(version, event):
                by_store[version].append(event)
        for version, its in by_store.items():
            entries = [_entry(event, stores[event.store_id]) for event in its]
            fresh = not_entered(session, plan.plan_id, entries)
            enter(session, version, whose_rule_holds(session, version, fresh, now), budget, now)


def _starts_by(version: Version, event: NewEvent) -> bool:
    trigger = version.trigger
    if trigger.kind is not STARTS[event.kind]:
        return False
    return trigger.kind is not TriggerKind.TAG_GAINED or event.data["tag"] == trigger.tag


def _entry(event: NewEvent, store: StoreFacts) -> Entry:
    anchor = Anchor(event.happened_at, event.happened_on, event.time_known)
    told = facts_of_event(event.kind, checked(event.kind, event.data))
    return Entry(event.member_id, store, anchor, event_name("event", event.kind, event.key), told)


def _when(event: NewEvent) -> tuple[datetime, str]:
    return event.happened_at, event.key
