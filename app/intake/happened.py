"""What happened to members beside purchases, on its way from a report to the follow-ups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.follow_ups.series.happenings import happen
from app.follow_ups.series.opting_out import opt_out_members
from app.follow_ups.triggers.told_late import tell_of_dates
from app.inbound.events import DateReported, Event, HappeningReported, Phone, PhoneReported
from app.member_events.models import MemberEventKind
from app.member_events.rules import short_key
from app.member_events.service import JOIN_KEY, NewEvent
from app.members.dates import NewDate, SealedDay, write_dates
from app.members.models import DateCalendar, DateKind
from app.members.phones import NewPhone, SealedPhone, write_phones
from app.members.service import name_members
from app.orders.facts import Return
from app.orders.service import CameBack
from app.stores.queries import StoreFacts, stores_by_id


@dataclass(frozen=True, slots=True)
class Reported:
    """A reported event with its names resolved; `id` is that of its row in the inbox."""

    id: int
    event: HappeningReported | DateReported | PhoneReported
    store: StoreFacts
    member_id: int
    associate_id: int | None


def tell_of_happenings(
    session: Session, source: str, reported: Sequence[Reported], now: datetime, *, enrolls: bool
) -> None:
    """Keep them and do what the plans say. Callers hold the members' `member_care` rows."""
    named = {
        one.member_id: one.event.name
        for one in reported
        if isinstance(one.event, HappeningReported)
        and one.event.name
        and one.event.kind == MemberEventKind.JOIN
    }
    name_members(session, {one.member_id: one.event.customer for one in reported}, named)
    dates = [_date(one, one.event) for one in reported if isinstance(one.event, DateReported)]
    write_dates(session, dates)
    tell_of_dates(session, {one.member_id for one in dates})
    happened = [
        _event(source, one, one.event) for one in reported if isinstance(one.event, HappeningReported)
    ]
    happen(session, happened, now, enrolls=enrolls)
    opt_out_members(session, {event.member_id for event in happened if event.data.get("opts_out")}, now)


def keep_phones(session: Session, told: Iterable[tuple[int, int, Event]]) -> None:
    """Keep the numbers that events tell (event id, member id, event). Callers hold the members' `member_care` rows."""
    found = [
        NewPhone(
            member_id,
            SealedPhone(phone.sealed, phone.number_index, phone.masked),
            event_id,
            event.occurred_at,
        )
        for event_id, member_id, event in told
        if isinstance(phone := getattr(event, "phone", None), Phone)
    ]
    write_phones(session, found)


def tell_of_refunds(
    session: Session,
    source: str,
    returns: Sequence[Return],
    came_back: CameBack,
    now: datetime,
    *,
    enrolls: bool,
) -> None:
    """A refund is an event of the member for whom it counts; where it waited for its purchase the time is not known."""
    if not came_back.refunds:
        return
    stores = stores_by_id(session, {refund.store_id for refund in came_back.refunds})
    told = {item.id: item.event for item in returns}
    events = [
        NewEvent(
            refund.member_id,
            MemberEventKind.REFUND,
            short_key(source, refund.ref),
            refund.store_id,
            None,
            refund.refunded_at,
            stores[refund.store_id].hours.local_date(refund.refunded_at),
            refund.id in told and told[refund.id].time_known,
            {"ref": refund.ref, "amount_fen": refund.amount_fen},
        )
        for refund in came_back.refunds
    ]
    happen(session, events, now, enrolls=enrolls)


def _event(source: str, one: Reported, event: HappeningReported) -> NewEvent:
    kind = MemberEventKind(event.kind)
    return NewEvent(
        one.member_id,
        kind,
        JOIN_KEY if kind is MemberEventKind.JOIN else short_key(source, event.ref),
        one.store.id,
        one.associate_id,
        event.occurred_at,
        one.store.hours.local_date(event.occurred_at),
        event.time_known,
        event.data,
        one.id,
    )


def _date(one: Reported, event: DateReported) -> NewDate:
    day = SealedDay(DateCalendar(event.calendar), event.sealed, event.day_index)
    return NewDate(one.member_id, DateKind(event.kind), day, one.id, event.occurred_at)
