"""What a plan says: a plan document (see config/plans) as values, checked in full before anything is stored.

A document is data that HQ edits. Its canonical JSON is what a version keeps, so a version can be read without any of
the code that wrote it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from app.follow_ups.rules import Step
from app.follow_ups.states import Touch

LONGEST_CODE, LONGEST_NAME = 32, 64


class TriggerKind(StrEnum):
    """What puts a member into a plan."""

    PURCHASE = "purchase"
    JOIN = "join"
    REFUND = "refund"
    AFTER_SALES = "after_sales"
    LEVEL_CHANGE = "level_change"
    UNFRIENDED = "unfriended"
    TAG_GAINED = "tag_gained"
    VISIT = "visit"  # came, and bought nothing
    SERVICE = "service"  # care given, tailoring ready
    SATISFACTION = "satisfaction"  # an answer to how satisfied they are
    REVIEW = "review"  # a bad review is open
    BIRTHDAY = "birthday"
    ANNIVERSARY = "anniversary"
    SILENCE = "silence"  # so many days without a purchase
    DATES = "dates"
    FESTIVAL = "festival"


# These are found by looking at every member once a local day, all others by an event.
CALENDAR = frozenset(
    {
        TriggerKind.BIRTHDAY,
        TriggerKind.ANNIVERSARY,
        TriggerKind.SILENCE,
        TriggerKind.DATES,
        TriggerKind.FESTIVAL,
    }
)


class OnRefund(StrEnum):
    """Which refund ends a series."""

    WHOLE = "whole"  # everything bought that day came back
    PART = "part"  # anything bought that day came back
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts the plan. `days`: before a birthday, anniversary, date or festival, or of silence.

    `condition` is a rule (criteria) over the event and the member at that moment; empty: always.
    """

    kind: TriggerKind
    condition: str = ""
    days: int = 0
    tag: str = ""
    dates: tuple[date, ...] = ()
    festival: str = ""


@dataclass(frozen=True, slots=True)
class Stops:
    """What ends a series that is under way. Opting out always does."""

    refund: OnRefund = OnRefund.WHOLE
    purchase: bool = False
    reply: bool = False
    unfriend: bool = False
    hand_over: bool = False


@dataclass(frozen=True, slots=True)
class Credit:
    """Purchases within `days` local days of a done task are attributed to it."""

    days: int = 14
    touch: Touch = Touch.LAST


@dataclass(frozen=True, slots=True)
class Document:
    """A plan as HQ wrote it."""

    code: str
    name: str
    product_fallback: str
    trigger: Trigger
    steps: tuple[Step, ...]
    stops: Stops = field(default_factory=Stops)
    credit: Credit = field(default_factory=Credit)
    hold_out_per_mille: int = 0
    learns: bool = False


def canonical(document: Mapping[str, Any]) -> str:
    """The document as HQ wrote it, as JSON that is the same for the same content."""
    return json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=date.isoformat
    )
