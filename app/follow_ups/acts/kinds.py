"""What can be done, and why: shown to people, so each has its words."""

from __future__ import annotations

from enum import StrEnum


class Act(StrEnum):
    """What somebody did with a task, or about a member's follow-ups."""

    POSTPONED = "postponed"
    RECALLED = "recalled"  # what was put off is to be done now after all
    SKIPPED = "skipped"
    UNDONE = "undone"  # a skip, or a "done" that was a slip
    HANDED = "handed"
    CALLED = "called"
    NUMBER_SEEN = "number_seen"  # the number to call was opened
    SENT_TOO = "sent_too"  # after somebody else, whose word came first
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"


class SkipReason(StrEnum):
    """Why a task is not done; also its work item's close reason."""

    IN_TOUCH = "skipped_in_touch"  # they have just been in touch anyway
    NOT_INTERESTED = "skipped_not_interested"
    WRONG_PERSON = "skipped_wrong_person"
    BOUGHT_ELSEWHERE = "skipped_bought_elsewhere"
    OTHER = "skipped_other"  # said in a note


# Said of the member and not of the matter: they are to be left in peace with whatever else the task was for, too.
OF_THE_MEMBER = frozenset({SkipReason.IN_TOUCH, SkipReason.NOT_INTERESTED})


class CallOutcome(StrEnum):
    """What came of a call."""

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    CALL_BACK = "call_back"  # not now: the task waits until then


class Until(StrEnum):
    """How long a task is put off, where it is not until a chosen day."""

    EVENING = "evening"
    TOMORROW = "tomorrow"
