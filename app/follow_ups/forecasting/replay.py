"""One member's life under some plans: what happens to them starts and ends series, and steps fall due. Pure.

Every decision is asked of the rules that decide when the plans are in force: `rules`, `records.next_waiting`,
`deciding`, `assigning.People.ask`, and the attention budget.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import count

from app.follow_ups.fact_sources import DAY_TERMS, facts_of_event
from app.follow_ups.facts import Facts, criterion_of
from app.follow_ups.forecasting.course import Course, Series, Stage
from app.follow_ups.forecasting.facts import facts_of_day
from app.follow_ups.forecasting.lives import Bought, Happened, Life
from app.follow_ups.measuring.holding_out import arm_of
from app.follow_ups.plans.checking import GLOBAL_SALT
from app.follow_ups.plans.documents import CALENDAR, OnRefund, TriggerKind
from app.follow_ups.plans.versions import OpenPlan, Version
from app.follow_ups.records import next_waiting
from app.follow_ups.rules import Anchor, restarts
from app.follow_ups.series.ending import OF_PURCHASES
from app.follow_ups.series.entering import event_name
from app.follow_ups.series.happenings import ENDS, STARTS
from app.follow_ups.series.stopping import STOPPED_BY
from app.follow_ups.states import Arm, OnRepurchase, StepReason
from app.member_events.models import MemberEventKind
from app.member_events.rules import checked
from app.stores.queries import StoreFacts

# What happens at one instant happens in this order.
TOLD, SWEPT, DUE = range(3)


class Replay:
    """Lives one life."""

    def __init__(self, life: Life, stage: Stage) -> None:
        self._life, self._stage = life, stage
        self._course = Course(life, stage)
        self._numbers = count(1)
        self._queue: list[tuple[datetime, int, int, Callable[[datetime], None] | Series]] = []

    def live(self) -> Course:
        """From the stage's begin to its end; what came of it."""
        for one in self._life.bought:
            self._at(one.known_at, TOLD, lambda now, one=one: self._buy(one, now))  # type: ignore[misc]
            for known_at in {back.known_at for back in one.came_back}:
                self._at(known_at, TOLD, lambda now, one=one: self._bring_back(one, now))  # type: ignore[misc]
        for event in self._life.happened:
            self._at(event.known_at, TOLD, lambda now, event=event: self._happen(event, now))  # type: ignore[misc]
        for at, is_out in self._life.opted:
            if is_out:
                self._at(at, TOLD, self._opt_out)
        self._look_for_it()
        while self._queue:
            now, _, _, what = heapq.heappop(self._queue)
            if isinstance(what, Series):
                due = self._due_at_once(what, now)
                self._course.fall_due(due, now)
                for series in due:
                    self._await(series)
            else:
                what(now)
        return self._course

    def _at(self, when: datetime, order: int, what: Callable[[datetime], None] | Series) -> None:
        if self._stage.begin <= when < self._stage.end:
            heapq.heappush(self._queue, (when, order, next(self._numbers), what))

    # --- what starts series

    def _look_for_it(self) -> None:
        """Plans of the calendar do."""
        if self._stage.first_look is not None:
            self._at(self._stage.first_look.at, SWEPT, self._look_at_first)
        for plan in self._stage.plans:
            self._look(plan)

    def _look(self, plan: OpenPlan) -> None:
        version = plan.version_for(self._life.store.id)
        if version is None or version.trigger.kind not in CALENDAR:
            return
        calendar, store = self._stage.calendar, self._life.store
        for on, event in calendar.finds(version.trigger, self._life):
            anchor = Anchor(store.hours.at(on, datetime.min.time()), on, time_known=False)

            def find(
                now: datetime, version: Version = version, anchor: Anchor = anchor, event: str = event
            ) -> None:
                if self._not_entered(plan.plan_id, event):
                    self._enter(plan.plan_id, version, store, anchor, event, {}, now)

            self._at(calendar.begins(on), SWEPT, find)

    def _look_at_first(self, now: datetime) -> None:
        """Who has been silent for long, and was not asked about it, is found on a plan's first day, all at once.

        Lived as if it always had been in force, it would have found each on a day of their own: that is forgotten.
        """
        look, store = self._stage.first_look, self._life.store
        assert look is not None
        plan = next(one for one in self._stage.plans if one.plan_id == look.plan_id)
        version = plan.version_for(store.id)
        bought = [store.hours.local_date(one.anchor.at) for one in self._life.bought if one.known_at <= now]
        if version is None or version.trigger.kind is not TriggerKind.SILENCE or not bought:
            return
        silent_since = max(bought)
        was_asked = look.asked_on.get(self._life.id, date.min) > silent_since
        if silent_since > look.on - timedelta(days=version.trigger.days) or was_asked:
            return
        event = event_name("silence", silent_since.isoformat())
        for series in self._course.series:
            if (series.plan_id, series.event) == (plan.plan_id, event):
                self._course.forget(series)
        anchor = Anchor(store.hours.at(look.on, datetime.min.time()), look.on, time_known=False)
        self._enter(plan.plan_id, version, store, anchor, event, {}, now)
        self._course.is_found_at_first = not self._not_entered(plan.plan_id, event)

    def _buy(self, one: Bought, now: datetime) -> None:
        if not one.is_anchor:
            return
        self._stop(StepReason.BOUGHT, one.anchor.at, now)
        for plan in self._stage.plans:
            version = plan.version_for(one.store.id)
            if version is not None and version.trigger.kind is TriggerKind.PURCHASE:
                self._enroll(plan.plan_id, version, one, now)

    def _enroll(self, plan_id: int, version: Version, one: Bought, now: datetime) -> None:
        of_day = [
            series
            for series in self._course.series
            if (series.plan_id, series.anchor.on) == (plan_id, one.anchor.on)
            and series.event.startswith(OF_PURCHASES)
        ]
        if not all(series.ended is StepReason.REFUNDED for series in of_day):
            self._count_from_earlier(of_day, one, now)
            return
        event = f"{OF_PURCHASES}{one.anchor.on.isoformat()}" + (f":{len(of_day) + 1}" if of_day else "")
        anchor, told = one.anchor, {}
        known = [each for each in self._life.bought if each.known_at <= now]
        if version.trigger.condition:
            its = [
                each.anchor
                for each in known
                if each.anchor.on == anchor.on and each.is_anchor and not each.is_gone_at(now)
            ]
            anchor = min(its, key=lambda each: each.at, default=anchor)
        rules = (version.trigger.condition, *(step.condition for step in version.steps))
        if any(criterion_of(text).terms & DAY_TERMS for text in rules):
            told = facts_of_day(known, anchor.on, now)
        self._enter(plan_id, version, one.store, anchor, event, told, now)

    def _count_from_earlier(self, of_day: Iterable[Series], one: Bought, now: datetime) -> None:
        """Minutes count from the earliest purchase of the day, as they would had it been told first."""
        for series in of_day:
            at_step = series.waits.step_no
            is_of_minutes = at_step is not None and series.version.step(at_step).offset_minutes is not None
            if series.is_cancelled or not is_of_minutes or one.anchor.at >= series.anchor.at:
                continue
            assert at_step is not None
            anchor = Anchor(one.anchor.at, one.anchor.on, series.anchor.time_known)
            rest = series.version.following(at_step - 1)
            waits, _ = next_waiting(rest, anchor, one.store.hours, enrolled_at=now, now=now)
            if waits.step_no == at_step:
                series.anchor, series.waits = anchor, waits
                self._await(series)

    def _happen(self, event: Happened, now: datetime) -> None:
        kind = MemberEventKind(event.kind)
        if kind in ENDS:
            self._stop(ENDS[kind], event.anchor.at, now)
        name = event_name("event", event.kind, event.key)
        for plan in self._stage.plans if kind in STARTS else ():
            version = plan.version_for(event.store.id)
            if version is None or version.trigger.kind is not STARTS[kind]:
                continue
            wanted = version.trigger.tag
            if version.trigger.kind is TriggerKind.TAG_GAINED and event.data["tag"] != wanted:
                continue
            if self._not_entered(plan.plan_id, name):
                told = facts_of_event(event.kind, checked(kind, event.data))
                self._enter(plan.plan_id, version, event.store, event.anchor, name, told, now)

    def _not_entered(self, plan_id: int, event: str) -> bool:
        return all((series.plan_id, series.event) != (plan_id, event) for series in self._course.series)

    def _enter(
        self,
        plan_id: int,
        version: Version,
        store: StoreFacts,
        anchor: Anchor,
        event: str,
        told: Facts,
        now: datetime,
    ) -> None:
        condition = version.trigger.condition
        if condition and not criterion_of(condition).holds(self._course.facts(now) | told):
            return
        waits, passed = next_waiting(version.steps, anchor, store.hours, enrolled_at=now, now=now)
        number = next(self._numbers)
        series = Series(number, plan_id, version, store, anchor, event, now, self._arm(version), waits)
        series.told = told
        self._course.series.append(series)
        for step, verdict in passed:
            self._course.record(series, step, verdict, now)
        self._await(series)
        self._close_restarted(series, now)
        self._stop_by_what_followed(series, now)

    def _arm(self, version: Version) -> Arm:
        return arm_of(
            self._life.id,
            version.document.code,
            version.document.hold_out_per_mille,
            global_salt=GLOBAL_SALT,
            global_per_mille=self._stage.budget.hold_out_per_mille,
        )

    # --- what ends them

    def _stop_by_what_followed(self, series: Series, now: datetime) -> None:
        stops = series.version.stops
        bought = [one.anchor.at for one in self._life.bought if one.is_anchor and one.known_at <= now]
        if stops.purchase and bought:
            self._stop(StepReason.BOUGHT, max(bought), now, [series])
        for kind, reason in ENDS.items():
            its = [one.anchor.at for one in self._life.happened if one.kind == kind and one.known_at <= now]
            if STOPPED_BY[reason](stops) and its:
                self._stop(reason, max(its), now, [series])

    def _stop(
        self, reason: StepReason, at: datetime, now: datetime, among: Sequence[Series] | None = None
    ) -> None:
        """End the series that began before this happened, of plans that it ends."""
        for series in self._course.series if among is None else among:
            if series.is_cancelled or not STOPPED_BY[reason](series.version.stops):
                continue
            of_day = reason is StepReason.BOUGHT and series.event.startswith(OF_PURCHASES)
            is_before = (
                series.anchor.on < series.store.hours.local_date(at) if of_day else series.anchor.at < at
            )
            if is_before:
                self._course.end(series, reason, now)

    def _bring_back(self, one: Bought, now: datetime) -> None:
        left = any(
            each.anchor.on == one.anchor.on
            and each.is_anchor
            and each.known_at <= now
            and not each.is_gone_at(now)
            for each in self._life.bought
        )
        for series in self._course.series:
            ends = series.version.stops.refund
            its = series.event.startswith(OF_PURCHASES) and series.anchor.on == one.anchor.on
            if (
                its
                and not series.is_cancelled
                and (ends is OnRefund.PART or (ends is OnRefund.WHOLE and not left))
            ):
                self._course.end(series, StepReason.REFUNDED, now)

    def _opt_out(self, now: datetime) -> None:
        for series in self._course.series:
            if series.waits.step_no is not None:
                self._course.end(series, StepReason.OPTED_OUT, now)
            for step_no in series.tasks:
                self._course.close(series, step_no, now)

    def _close_restarted(self, newer: Series, now: datetime) -> None:
        for series in self._course.series:
            if series.plan_id != newer.plan_id or series is newer:
                continue
            for step_no in series.tasks:
                step = series.version.step(step_no)
                if step.on_repurchase is OnRepurchase.RESTART and restarts(step, series.anchor, newer.anchor):
                    self._course.close(series, step_no, now)

    # --- what falls due

    def _await(self, series: Series) -> None:
        if series.waits.due_at is not None:
            self._at(series.waits.due_at, DUE, series)

    def _due_at_once(self, first: Series, now: datetime) -> list[Series]:
        """All series that wait for this instant, in the order in which firing takes them."""
        found = [first]
        while self._queue and self._queue[0][:2] == (now, DUE):
            found.append(heapq.heappop(self._queue)[3])  # type: ignore[arg-type]
        waiting = {series.number: series for series in found if series.waits.due_at == now}
        return sorted(waiting.values(), key=lambda series: (series.anchor.on, series.number))
