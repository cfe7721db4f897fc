"""The states, outcomes and reasons of follow-ups. Pure."""

from __future__ import annotations

from enum import StrEnum


class OnRepurchase(StrEnum):
    """What a later purchase does to a step that has not fallen due."""

    RESTART = "restart"  # the step of the newest purchase counts, earlier ones stop
    KEEP_ONE = "keep_one"  # the step already waiting counts, the newer one merges into it


class EnrollmentState(StrEnum):
    """Where an enrollment stands; every state but ACTIVE is final."""

    ACTIVE = "active"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    QUARANTINED = "quarantined"  # a step could not be fired; set aside so that it holds nobody else up


class StepOutcome(StrEnum):
    """What came of an owed step."""

    OPENED = "opened"
    MERGED = "merged"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class StepReason(StrEnum):
    """Why a step was not opened, or how it was: shown to people, so each has a text in the catalogue."""

    DUE = "due"
    LATE = "late"  # opened after its day because the service was down
    BEFORE_START = "before_start"  # its validity had ended before the purchase was known
    TOO_LATE = "too_late"  # its validity ended while the service was down
    TIME_UNKNOWN = "time_unknown"  # minutes after a purchase of which only the day is known
    REFUNDED = "refunded"
    NEW_PURCHASE = "new_purchase"  # a later purchase restarted this step
    KEPT_EARLIER = "kept_earlier"  # the same step of an earlier purchase was still to come
    NOBODY_TO_ASK = "nobody_to_ask"  # neither owner nor store manager


class Channel(StrEnum):
    """How the associate is asked to reach the member."""

    CHAT = "chat"
    INVITE = "invite"  # not yet a WeCom contact of the assignee: invite them to add


class Evidence(StrEnum):
    """How well an act is proven, strongest first."""

    WECOM_CONFIRMED = "wecom_confirmed"
    CLIENT_REPORTED = "client_reported"  # the page saw `sendChatMessage:ok`
    SELF_DECLARED = "self_declared"
