"""Why an owed step is taken on trust: what decided it and cannot be told any more as it was then. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from app.follow_ups.states import StepReason

# Before a doubt's name where it is counted in the column of what became of steps.
DOUBTED = "doubt:"


class Doubt(StrEnum):
    """What cannot be told any more; at most ten letters each."""

    CONDITION = "condition"  # the plan's rule asks what is known as it is now, not as it was
    RELEASE = "release"  # the plan was released, changed or withdrawn about that moment
    CALENDAR = "calendar"  # it became known, or changed, while the plan looked for members
    RETURNED = "returned"  # some of the purchases that the rule asks about came back
    TOGETHER = "together"  # purchases came at one instant, and their order decides
    HISTORY = "history"  # whether it was told as history only
    RULE = "rule"  # the step's own condition
    DUTY = "duty"  # who was at work
    HOURS = "hours"  # whether anybody might be asked at that time of day
    REACH = "reach"  # whether the member could be reached, and with finished words
    CAP = "cap"  # how often the member had been written to
    OTHER = "other"  # the engine's own record is all there is


OF_REASON: Mapping[str, Doubt] = {
    StepReason.CONDITION: Doubt.RULE,
    StepReason.NOBODY_TO_ASK: Doubt.DUTY,
    StepReason.OFF_DUTY: Doubt.DUTY,
    StepReason.QUIET_HOURS: Doubt.HOURS,
    StepReason.NO_CHANNEL: Doubt.REACH,
    StepReason.NO_PHONE: Doubt.REACH,
    StepReason.QUOTA_FULL: Doubt.REACH,
    StepReason.NO_WORDS: Doubt.REACH,
    StepReason.MEMBER_CAP: Doubt.CAP,
}


def doubt_about(reason: str) -> Doubt:
    """What cannot be told of a reason that raw facts neither bear out nor refute."""
    return OF_REASON.get(reason, Doubt.OTHER)


def counted_as(doubt: Doubt) -> str:
    """Its name among what became of steps."""
    return f"{DOUBTED}{doubt}"


def doubt_counted(name: str) -> Doubt | None:
    """The doubt that is counted by this name; None where it is something that became of steps."""
    return Doubt(name.removeprefix(DOUBTED)) if name.startswith(DOUBTED) else None
