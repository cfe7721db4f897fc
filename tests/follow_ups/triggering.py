"""A small chain with plans that anything may start: events as they are reported, and a calendar that is swept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app import clock
from app.db import Database
from app.follow_ups.models import Enrollment, FollowUpPlan, PlanSweep
from app.follow_ups.plans.releases import release
from app.follow_ups.plans.versions import Version, publish
from app.follow_ups.series.happenings import happen
from app.follow_ups.series.sweeping import sweep_due
from app.inbound.events import Event, HappeningReported
from app.intake.service import apply_events
from app.intake.sifting import EventResult
from app.lanes import Deadline
from app.member_events.models import MemberEventKind
from app.member_events.service import NewEvent
from app.members.dates import PURPOSE, NewDate, YearlyDay, seal_day, write_dates
from app.members.models import DateCalendar, DateKind, Member
from app.members.service import lock_members, members_by_code
from app.sealing import Keyring
from app.timers import Lane, Timer, next_due
from tests.world import SHANGHAI, SOURCE, World, at

KEYS = Keyring(["a secret of the tests"], PURPOSE)
LANES = (Lane.SWEEP, Lane.MINUTES, Lane.DAYS, Lane.EXPIRY)

Series = tuple[str, str, str]


def plan_of(code: str, on: str, *, stops: dict[str, Any] | None = None, **trigger: Any) -> dict[str, Any]:
    """A plan with a step after a day and one after a week, started by `on`."""
    steps = [
        {
            "kind": f"step{days}",
            "after": f"{days} days",
            "valid": "3 days",
            "on_repurchase": "restart",
            "priority": 50,
            "title": f"{days}",
            "why": "{product}",
            "script": "thanks_30m",
            "invite_script": "add_wecom",
        }
        for days in (1, 7)
    ]
    return {
        "code": code,
        "name": code,
        "product_fallback": "那件",
        "trigger": {"on": on, **trigger},
        "stops": stops or {},
        "steps": steps,
    }


class TriggerWorld(World):
    """The small chain without the plan after purchases; a test publishes what it is about."""

    def __init__(self, database: Database, now: str = "2026-03-01 09:00") -> None:
        super().__init__(database, now)
        with database.transaction() as session:
            plan_id = session.scalars(select(FollowUpPlan.id)).one()
            release(session, plan_id, None)

    def publish(self, document: dict[str, Any]) -> Version:
        """Put a plan in force."""
        with self.database.transaction() as session:
            return publish(session, document)[0]

    def withdraw(self, plan_id: int) -> None:
        """Nobody enters it any more."""
        with self.database.transaction() as session:
            release(session, plan_id, None)

    def happen(self, kind: str, code: str, when: str, key: str = "k", **data: Any) -> list[NewEvent]:
        """Something happens to a member; the new events."""
        with self.database.transaction() as session:
            member_id = members_by_code(session, [code])[code]
            lock_members(session, [member_id])
            store_id = session.get_one(Member, member_id).store_id
            on = at(when).astimezone(SHANGHAI).date()
            event = NewEvent(
                member_id,
                MemberEventKind(kind),
                key,
                store_id,
                None,
                at(when),
                on,
                time_known=True,
                data=data,
            )
            return happen(session, [event], clock.now(session))

    def tell(self, *events: Event) -> list[EventResult]:
        """What a partner reports."""
        return apply_events(self.database, SOURCE, events, enrolls=True)

    def birthday(
        self, code: str, month: int, day: int, *, lunar: bool = False, told: str = "2026-03-01 09:00"
    ) -> None:
        """The member's birthday becomes known."""
        with self.database.transaction() as session:
            member_id = members_by_code(session, [code])[code]
            its = YearlyDay(DateCalendar.LUNAR if lunar else DateCalendar.SOLAR, month, day)
            sealed = seal_day(KEYS, DateKind.BIRTHDAY, its, salt=f"{code}{told}")
            write_dates(session, [NewDate(member_id, DateKind.BIRTHDAY, sealed, 1, at(told))])

    def sweep(self) -> int:
        """Sweep what is due."""
        return sweep_due(self.database, KEYS, Deadline(60)).done

    def run_lanes(self) -> None:
        while self.sweep():
            pass
        super().run_lanes()

    def live_to(self, target: datetime) -> None:
        while True:
            self.run_lanes()
            with self.database.transaction() as session:
                due = next_due(session, LANES)
                step_to = max(clock.now(session), min(target, due or target))
                clock.jump_to(session, step_to)
            if step_to >= target:
                self.run_lanes()
                return

    def series(self, code: str | None = None) -> list[Series]:
        """Every series, or a member's: (plan, anchor event, state or the reason it ended with)."""
        query = (
            select(FollowUpPlan.code, Enrollment.anchor_event, Enrollment.state, Enrollment.ended_reason)
            .join(FollowUpPlan, FollowUpPlan.id == Enrollment.plan_id)
            .order_by(Enrollment.anchor_on, Enrollment.anchor_event, FollowUpPlan.code)
        )
        with self.database.reading() as session:
            if code is not None:
                query = query.where(Enrollment.member_id == members_by_code(session, [code])[code])
            return [(plan, event, reason or state) for plan, event, state, reason in session.execute(query)]

    def sweeps(self) -> list[tuple[str, bool]]:
        """The sweeps by day, and whether each is over; the timers are exactly those of the others."""
        with self.database.reading() as session:
            rows = session.scalars(select(PlanSweep).order_by(PlanSweep.sweep_on)).all()
            timers = session.execute(
                select(Timer.due_at, Timer.subject_id).where(Timer.lane == str(Lane.SWEEP))
            )
            waiting = {(row.next_due_at, row.id) for row in rows if row.next_due_at is not None}
            assert {tuple(timer) for timer in timers} == waiting
            return [(row.sweep_on.isoformat(), row.finished_at is not None) for row in rows]


def happening(
    kind: str, customer: str, when: str, ref: str, *, store: str = "S1", **data: Any
) -> HappeningReported:
    """An event as the partner API makes it."""
    return HappeningReported(ref, kind, store, customer, "owner", at(when), time_known=True, data=data)


def day_after(day: str, days: int) -> str:
    """The morning so many days later, as `at` reads it."""
    return f"{datetime.fromisoformat(day).date() + timedelta(days=days)} 09:00"
