"""When a step falls due, how long it stays open, and what later purchases do to it. Pure.

Purchases of one local day are one anchor. A RESTART step stops when a purchase of a later day is known that asks for
the same step: the newer one will be asked about.
Of a KEEP_ONE step one per member stays waiting: a newer anchor's step merges into one that, at the time of the newer
purchase, was still to come. Otherwise a member who buys every month would never reach day 60.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from app.follow_ups.states import Channel, OnRepurchase, StepOutcome, StepReason, Who
from app.stores.rules import StoreHours

NOON = time(12)
# A shop that opens late still gets this long for a step valid until noon.
SHORTEST_VALIDITY = timedelta(hours=2)
KEEPS_NOTHING = frozenset({StepReason.KEPT_EARLIER, StepReason.BEFORE_START, StepReason.CONDITION})


@dataclass(frozen=True, slots=True)
class ScriptRule:
    """Scripts to choose among where the condition (criteria) holds; an empty one always does."""

    condition: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A plan step as data; exactly one of the two offsets is set.

    Days are local days, at `at_time` or, for None, at opening. The task stays open for `valid_days` local days, or
    until noon of the last of them. Service steps are promises: no cap on marketing ever holds one back. `condition` is
    a rule (criteria) asked when the step falls due.
    """

    step_no: int
    kind: str
    offset_minutes: int | None
    offset_days: int | None
    at_time: time | None
    valid_days: int
    valid_to_noon: bool
    on_repurchase: OnRepurchase
    priority: int
    is_service: bool
    channel: Channel
    who: Who
    condition: str
    title: str
    why: str
    scripts: tuple[ScriptRule, ...]
    invite_script_code: str

    @property
    def script_codes(self) -> tuple[str, ...]:
        """Every script the step may use."""
        return tuple(code for rule in self.scripts for code in rule.codes)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Every rule that is asked of the member when the step falls due: its own, and those that choose a script."""
        return tuple(text for text in (self.condition, *(rule.condition for rule in self.scripts)) if text)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The event that a series counts from: the first known purchase of a local day."""

    at: datetime
    on: date
    time_known: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a step, and why."""

    outcome: StepOutcome
    reason: StepReason


def due_at(step: Step, anchor: Anchor, hours: StoreHours) -> datetime:
    """Minutes are elapsed time (at the next opening where the store is closed then); days are local days.

    A day's step falls due at its time of day, at the next opening where the store is closed then; without one at
    opening.
    """
    if step.offset_minutes is not None:
        return _due_after(hours, anchor.at, step.offset_minutes)
    return _due_on_day(hours, anchor.on, step.offset_days or 0, step.at_time)


def valid_until(step: Step, anchor: Anchor, hours: StoreHours) -> datetime:
    """Until noon of the n-th day after the anchor, or n local days after the step fell due."""
    due = due_at(step, anchor, hours)
    if step.valid_to_noon:
        return max(hours.at(anchor.on + timedelta(days=step.valid_days), NOON), due + SHORTEST_VALIDITY)
    return _opening_after(hours, due, step.valid_days)


@lru_cache(maxsize=65_536)
def _due_after(hours: StoreHours, at: datetime, minutes: int) -> datetime:
    """Remembered: whoever enrolls a member asks three times, which is a fifth of enrolling."""
    return hours.open_from(at + timedelta(minutes=minutes))


@lru_cache(maxsize=65_536)
def _due_on_day(hours: StoreHours, on: date, days: int, at_time: time | None) -> datetime:
    """Remembered, like what follows: whoever bought on a day in a chain is due at a handful of instants."""
    day = on + timedelta(days=days)
    return hours.opening_on(day) if at_time is None else hours.open_from(hours.at(day, at_time))


@lru_cache(maxsize=65_536)
def _opening_after(hours: StoreHours, due: datetime, days: int) -> datetime:
    return hours.opening_on(hours.local_date(due) + timedelta(days=days))


def before_firing(step: Step, anchor: Anchor, hours: StoreHours, now: datetime) -> Verdict | None:
    """What is known of a step on enrolling: it can never open, or None where it is to wait for its due instant."""
    if step.offset_minutes is not None and not anchor.time_known:
        return Verdict(StepOutcome.SKIPPED, StepReason.TIME_UNKNOWN)
    if valid_until(step, anchor, hours) <= now:
        return Verdict(StepOutcome.EXPIRED, StepReason.BEFORE_START)
    return None


@dataclass(frozen=True, slots=True)
class Relative:
    """Another live anchor of the same member and plan, and what became of its step of the same kind (None: nothing)."""

    anchor: Anchor
    due: datetime
    verdict: Verdict | None


def on_repurchase(step: Step, anchor: Anchor, relatives: Sequence[Relative]) -> Verdict | None:
    """What the member's other purchases do to a due step, or None where they leave it alone."""
    if step.on_repurchase is OnRepurchase.RESTART:
        if any(restarts(step, anchor, other.anchor) for other in relatives):
            return Verdict(StepOutcome.CANCELLED, StepReason.NEW_PURCHASE)
    elif any(_was_kept(other, anchor) for other in relatives):
        return Verdict(StepOutcome.MERGED, StepReason.KEPT_EARLIER)
    return None


def restarts(step: Step, anchor: Anchor, other: Anchor) -> bool:
    """True where the other purchase is of a later day and its series has this step too."""
    return other.on > anchor.on and (step.offset_minutes is None or other.time_known)


def misplaced_steps(steps: Iterable[Step], *, may_begin_at_once: bool = False) -> list[tuple[int, str, str]]:
    """What is wrong with a plan's steps taken together: number, field and problem; empty where nothing is.

    The first step of a plan that starts on a day, not by an event, may be of that day itself.
    """
    problems = []
    last = timedelta(microseconds=-1 if may_begin_at_once else 0)
    for step in steps:
        offset = timedelta(minutes=step.offset_minutes or 0, days=step.offset_days or 0)
        if step.at_time is not None:
            offset += timedelta(hours=step.at_time.hour, minutes=step.at_time.minute)
        if offset <= last:
            problems.append((step.step_no, "after", "not_later"))
        if step.valid_days < 1:
            problems.append((step.step_no, "valid", "valid"))
        last = offset
    return problems


def _was_kept(earlier: Relative, anchor: Anchor) -> bool:
    """True for an earlier anchor's step that was still to come when this purchase was made, and was the one kept.

    One that itself merged into an earlier one, had expired before we knew of its purchase, or whose condition did not
    hold, keeps nothing waiting.
    """
    if earlier.anchor.on >= anchor.on or earlier.due <= anchor.at:
        return False
    verdict = earlier.verdict
    return verdict is None or verdict.reason not in KEEPS_NOTHING
