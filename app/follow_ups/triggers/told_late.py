"""Days of members' own that were told when the plan had looked at that day already: they enter it all the same.

A birthday told at the till on the day itself is wished for. Whoever keeps such days tells the inbox, whose lane holds
the key by which the days are recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.almanac import lunar_day
from app.db import table_of
from app.follow_ups.models import PlanSweep
from app.follow_ups.plans.documents import TriggerKind
from app.follow_ups.plans.versions import OpenPlan, Version, open_plans
from app.follow_ups.rules import Anchor
from app.follow_ups.series.entering import Entry, enter, event_name, not_entered, whose_rule_holds
from app.inbound.models import INTERNAL
from app.inbound.service import receive
from app.members.dates import recurring_on
from app.members.models import DateCalendar, DateKind, Member, MemberDate
from app.members.service import lock_members
from app.sealing import Keyring
from app.stores.queries import StoreFacts, stores_by_id
from app.wecom.callbacks import WeComEvent
from app.wecom.port import WeComPort
from app.worklist.attention import read_budget

TOLD = "dates_told"
YEARLY = {TriggerKind.BIRTHDAY: DateKind.BIRTHDAY, TriggerKind.ANNIVERSARY: DateKind.ANNIVERSARY}
A_DAY = timedelta(days=1)

Look = Callable[[WeComPort, WeComEvent], None]
Apply = Callable[[Session, WeComEvent, Any], None]


def tell_of_dates(session: Session, member_ids: Collection[int]) -> None:
    """Days of these members became known: have it looked, soon, whether a plan has overlooked them."""
    if not member_ids or not open_plans(session, YEARLY.keys()):
        return
    now, members = clock.real_now(session), ",".join(map(str, sorted(member_ids)))
    told = {"MsgType": "event", "Event": TOLD, "CreateTime": str(int(now.timestamp())), "Members": members}
    receive(session, WeComEvent.of(told), now, INTERNAL)


def enter_told(keys: Keyring) -> tuple[Look, Apply]:
    """What the inbox lane does with what `tell_of_dates` told."""

    def apply(session: Session, event: WeComEvent, _looked: Any) -> None:
        members = [int(text) for text in event.text("Members").split(",")]
        lock_members(session, members)
        for plan in open_plans(session, YEARLY.keys()):
            for version in {one for one in (plan.everywhere, *plan.in_stores.values()) if one}:
                _enter(session, plan, version, members, keys)

    return _look, apply


def _look(_wecom: WeComPort, _event: WeComEvent) -> None:
    """Nothing of it is WeCom's to tell."""


def _enter(session: Session, plan: OpenPlan, version: Version, members: Sequence[int], keys: Keyring) -> None:
    """Those whose day is today, or comes so soon that the plan should have begun by now."""
    kind, now = YEARLY[version.trigger.kind], clock.now(session)
    days = _looked_at(session, plan.plan_id, now, version.trigger.days)
    index = {
        mac: day
        for day in days
        for value in recurring_on(day + version.trigger.days * A_DAY)
        for mac in keys.indexes(kind, value)
    }
    table = table_of(MemberDate)
    query = select(table.c.member_id, table.c.calendar, table.c.day_index, Member.store_id).join(
        Member, Member.id == table.c.member_id
    )
    its = (table.c.member_id.in_(members), table.c.kind == kind, table.c.day_index.in_(sorted(index)))
    rows = session.execute(query.where(*its).order_by(table.c.member_id)).all() if index else []
    stores = stores_by_id(session, {row.store_id for row in rows})
    ahead = version.trigger.days * A_DAY
    entries = [
        _entry(version, row, stores[row.store_id], index[row.day_index])
        for row in rows
        if plan.version_for(row.store_id) is version
        and index[row.day_index] + ahead >= stores[row.store_id].hours.local_date(now)
    ]
    fresh = not_entered(session, plan.plan_id, entries)
    enter(session, version, whose_rule_holds(session, version, fresh, now), read_budget(session), now)


def _looked_at(session: Session, plan_id: int, now: datetime, ahead: int) -> list[date]:
    """Days the plan has begun to look at whose birthdays are today or still to come."""
    soonest = now.date() - (ahead + 1) * A_DAY
    query = select(PlanSweep.sweep_on, PlanSweep.next_due_at).where(
        PlanSweep.plan_id == plan_id, PlanSweep.sweep_on >= soonest
    )
    return [on for on, due in session.execute(query) if due is None or due <= now]


def _entry(version: Version, row: Any, store: StoreFacts, on: date) -> Entry:
    day = on + version.trigger.days * A_DAY
    year = lunar_day(day).year if row.calendar == DateCalendar.LUNAR else day.year
    anchor = Anchor(store.hours.at(on, datetime.min.time()), on, time_known=False)
    event = event_name(YEARLY[version.trigger.kind], year)
    return Entry(row.member_id, store, anchor, event, {})
