"""What becomes of a step that is due: the one order in which everything that may speak against it is asked. Pure.

    1  its validity is over: expired, for the reason it waited for, headquarters' pause, or because nobody was there
    2  the member wants none: skipped
    3  what other purchases of the member do to it: cancelled or merged
    4  its own condition does not hold: skipped
    5  the member is in a hold-out: withheld; or it is a moment, which others who are would see: skipped
    6  quiet hours, or the store is closed: it waits
    7  nobody who may be asked is on duty: it waits, or is skipped (`assigning`)
    8  another task of the member is open for today: the two become one; while that is being sent, it waits
    9  marketing, and the member was written to often enough: it waits, or is skipped
   10  a group send, and the member had this month's: skipped
   11  it opens

A step that is to wait does so until the next step of its series falls due, to which it gives way (`or_give_way`).

Firing fetches the facts, asks in two goes (1 to 6 need few, 7 to 10 more) and writes what was decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.follow_ups.rules import (
    Anchor,
    Relative,
    Step,
    Verdict,
    before_firing,
    due_at,
    on_repurchase,
)
from app.follow_ups.states import (
    IN_ITS_OWN_WORDS,
    Arm,
    Channel,
    StepOutcome,
    StepReason,
    WaitingFor,
)
from app.stores.rules import StoreHours
from app.worklist.attention import Budget, Pauses, Touch

# Later than this after it was to be opened, a step is opened with the reason "late".
LATE_AFTER = timedelta(minutes=30)
OPENED = Verdict(StepOutcome.OPENED, StepReason.DUE)
OPENED_LATE = Verdict(StepOutcome.OPENED, StepReason.LATE)
OPENED_AFTER_PAUSE = Verdict(StepOutcome.OPENED, StepReason.AFTER_PAUSE)
GAVE_WAY = Verdict(StepOutcome.SKIPPED, StepReason.GAVE_WAY)
HOLD_OUT = {
    Arm.PLAN_HOLD_OUT: StepReason.PLAN_HOLD_OUT,
    Arm.GLOBAL_HOLD_OUT: StepReason.GLOBAL_HOLD_OUT,
}
RAN_OUT = {
    WaitingFor.QUIET_HOURS: StepReason.QUIET_HOURS,
    WaitingFor.MEMBER_CAP: StepReason.MEMBER_CAP,
    WaitingFor.OFF_DUTY: StepReason.OFF_DUTY,
    WaitingFor.SAME_DAY: StepReason.SAME_DAY,
}


@dataclass(frozen=True, slots=True)
class Wait:
    """The step is asked about again at `until`, which is later than now and within its validity or its end.

    `gives_way_to`: the step of its series that falls due then, and may take its place.
    """

    until: datetime
    reason: WaitingFor
    gives_way_to: Step | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A due step and what is known of it.

    `due` is its nominal instant, `asked_at` that of its timer, which is later where it had to wait; `until` is when its
    validity ends. `meets`: its condition holds.
    """

    step: Step
    anchor: Anchor
    hours: StoreHours
    due: datetime
    asked_at: datetime
    until: datetime
    waited_for: WaitingFor | None
    arm: Arm
    has_opted_out: bool
    meets: bool


def before_asking(
    case: Case, relatives: Sequence[Relative], budget: Budget, pauses: Pauses, now: datetime
) -> Verdict | Wait | None:
    """What becomes of a step whoever could be asked; None where it is to open as soon as somebody can be."""
    if now >= case.until:
        return Verdict(StepOutcome.EXPIRED, _why_over(case, pauses))
    if case.has_opted_out:
        return Verdict(StepOutcome.SKIPPED, StepReason.OPTED_OUT)
    held = on_repurchase(case.step, case.anchor, relatives)
    if held is not None:
        return held
    if not case.meets:
        return Verdict(StepOutcome.SKIPPED, StepReason.CONDITION)
    if case.arm is not Arm.TREATED:
        return Verdict(StepOutcome.WITHHELD, HOLD_OUT[case.arm])
    if case.step.channel is Channel.MOMENT and budget.hold_out_per_mille:
        return Verdict(StepOutcome.SKIPPED, StepReason.SEEN_BY_ALL)
    opens = budget.askable_from(case.hours, now, case.until)
    return Wait(opens, WaitingFor.QUIET_HOURS) if opens > now else None


def _why_over(case: Case, pauses: Pauses) -> StepReason:
    if pauses.cover(case.until):
        return StepReason.PAUSED
    has_waited = case.waited_for is not None and case.asked_at >= case.until
    return RAN_OUT[case.waited_for] if case.waited_for and has_waited else StepReason.TOO_LATE


def or_give_way(
    wait: Wait, case: Case, later: Iterable[Step], enrolled_at: datetime, now: datetime
) -> Wait | Verdict:
    """The wait, as long as it keeps no `later` step of its series from its due instant; then the step is left out.

    A series asks about one step at a time. Marketing gives way to whatever comes next. A promise waits for nothing but
    people and an hour to ask them, which the next step would mostly wait for as well, so it does not give way: what
    falls due behind it waits with it, and becomes one with it.
    """
    anchor, hours = case.anchor, case.hours
    kept = [
        (due_at(step, anchor, hours), step)
        for step in later
        if before_firing(step, anchor, hours, enrolled_at) is None
    ]
    due, step = min(kept, key=lambda one: one[0], default=(wait.until, case.step))
    if case.step.is_service or due >= wait.until:
        return wait
    if due <= now:
        return GAVE_WAY
    return Wait(due, wait.reason, step)


def waits_behind(case: Case, due: datetime) -> WaitingFor | None:
    """What a step that fell due at this instant has waited for behind the one before it in its series, a promise."""
    return case.waited_for if due < case.asked_at else None


def within_cap(case: Case, touches: Iterable[Touch], budget: Budget, now: datetime) -> Verdict | Wait | None:
    """Whether marketing waits or is left out, because the member was written to often enough; None where it may go on.

    `touches` are the member's tasks, over all plans and assignments. A service step is a promise: never held back, and
    counted for nothing.
    """
    if case.step.is_service:
        return None
    allowed = budget.may_touch_from(touches, now)
    if allowed == now:
        return None
    again = case.until if allowed is None else budget.askable_from(case.hours, allowed, case.until)
    if again >= case.until:
        return Verdict(StepOutcome.SKIPPED, StepReason.MEMBER_CAP)
    return Wait(again, WaitingFor.MEMBER_CAP)


@dataclass(frozen=True, slots=True)
class SameDay:
    """The member's open tasks for today: the step is served by `into`, or else it is opened instead of the others."""

    into: Touch | None
    others: tuple[Touch, ...]


ALONE = SameDay(None, ())


def beside_others(
    case: Case, touches: Sequence[Touch], budget: Budget, now: datetime
) -> SameDay | Verdict | Wait:
    """What the member's other tasks do to a step that somebody could be asked for: what becomes one with one of them
    is no touch of its own, so the cap is asked only of what would open.
    """
    together = on_same_day(case, touches, now)
    if isinstance(together, Wait) or together.into is not None:
        return together
    return within_cap(case, touches, budget, now) or together


def on_same_day(case: Case, touches: Iterable[Touch], now: datetime) -> SameDay | Wait:
    """What falls on one local day for one member becomes one task: the most important one, of equals the first.

    What was put off falls on the day it was put off to. Only a person can say two things at once, so what goes out in
    its own words is left alone: the step opens beside it. A step that does so itself takes nobody's place, since it
    may still be refused: it becomes one with what is open; but a promise is not left to marketing, and opens beside
    that. What is being sent just now may be out: the step waits until that is known, unless its validity ends before.
    """
    worded = [touch for touch in touches if touch.is_open and touch.is_worded]
    if not worded:
        return ALONE
    today, step = case.hours.local_date(now), case.step
    keeps = step.channel in IN_ITS_OWN_WORDS
    others = [
        touch
        for touch in worded
        if case.hours.local_date(touch.for_day_of) == today
        and not (keeps and step.is_service and not touch.is_service)
    ]
    known = max((touch.sending_until or now for touch in others), default=now)
    if now < known < case.until:
        return Wait(known, WaitingFor.SAME_DAY)
    others = [touch for touch in others if touch.sending_until is None or touch.sending_until <= now]
    best = max(others, key=lambda touch: touch.importance, default=None)
    if best is not None and (keeps or best.importance >= importance(step)):
        return SameDay(best, ())
    return SameDay(None, tuple(others))


def why_opened(case: Case, budget: Budget, pauses: Pauses, now: datetime) -> Verdict:
    """A step opened long after it was to be says so: neither headquarters' pause nor that the service was down is a
    fault of the associate's. A pause that began before the step was late is why it was not opened in time.
    """
    if case.waited_for in (None, WaitingFor.QUIET_HOURS):
        expected = budget.askable_from(case.hours, case.due, case.until)
    else:
        expected = case.asked_at
    if now - expected <= LATE_AFTER:
        return OPENED
    return OPENED_AFTER_PAUSE if pauses.touch(expected, expected + LATE_AFTER) else OPENED_LATE


def importance(step: Step) -> tuple[bool, int]:
    """What orders the tasks of one member: promises above marketing, then priority."""
    return step.is_service, step.priority
