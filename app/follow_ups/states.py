"""The states, outcomes and reasons of follow-ups. Pure."""

from __future__ import annotations

from enum import StrEnum


class OnRepurchase(StrEnum):
    """What a later purchase does to a step that has not fallen due."""

    RESTART = "restart"  # the step of the newest purchase counts, earlier ones stop
    KEEP_ONE = "keep_one"  # the step already waiting counts, the newer one merges into it


class EnrollmentState(StrEnum):
    """Where an enrollment stands."""

    ACTIVE = "active"
    FINISHED = "finished"  # no step is left; it goes on only where what its last step had become one with was stopped
    CANCELLED = "cancelled"
    # A step could not be fired: set aside so that it holds nobody else up. Final unless it is put back, or stopped.
    QUARANTINED = "quarantined"


class StepOutcome(StrEnum):
    """What came of an owed step."""

    OPENED = "opened"
    MERGED = "merged"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    WITHHELD = "withheld"  # the member is in a hold-out: what would have been is measured against


class StepReason(StrEnum):
    """Why a step was not opened, or how it was: shown to people, so each has a text in the catalogue."""

    DUE = "due"
    LATE = "late"  # opened after its day because the service was down
    AFTER_PAUSE = "after_pause"  # opened late because HQ had paused everything
    BEFORE_START = "before_start"  # its validity had ended before the purchase was known
    # Its validity ended before it was asked about: the service was down or behind, or had set its series aside.
    TOO_LATE = "too_late"
    TIME_UNKNOWN = "time_unknown"  # minutes after a purchase of which only the day is known
    REFUNDED = "refunded"
    NEW_PURCHASE = "new_purchase"  # a later purchase restarted this step
    KEPT_EARLIER = "kept_earlier"  # the same step of an earlier purchase was still to come
    NOBODY_TO_ASK = "nobody_to_ask"  # nobody at work whom the step may be given to
    CONDITION = "condition"  # the step's own condition does not hold
    OPTED_OUT = "opted_out"  # the member wants no follow-ups
    REPLIED = "replied"
    UNFRIENDED = "unfriended"
    HANDED_OVER = "handed_over"
    BOUGHT = "bought"  # a purchase ended a series that was to bring one about
    PLAN_ENDED = "plan_ended"  # HQ withdrew the plan
    PLAN_HOLD_OUT = "plan_hold_out"
    GLOBAL_HOLD_OUT = "global_hold_out"
    SAME_DAY = "same_day"  # what falls on one day for one member is one task
    # It waited for this until its validity ended, or would have.
    MEMBER_CAP = "member_cap"  # the member was written to often enough
    QUIET_HOURS = "quiet_hours"  # nobody may be asked then
    OFF_DUTY = "off_duty"  # nobody was at work
    PAUSED = "paused"  # HQ had paused everything until its validity had ended
    GAVE_WAY = "gave_way"  # it was still waiting when the next step of its series fell due
    SEEN_BY_ALL = "seen_by_all"  # a moment, which members kept out of everything would see, too
    QUOTA_FULL = "quota_full"  # the member had this month's group sends; WeCom lets them have no more
    # There is no script, a variable of it is not known, or it is longer than may be sent.
    NO_WORDS = "no_words"
    NO_CHANNEL = "no_channel"  # the member cannot be reached on the step's channel
    NO_PHONE = "no_phone"  # a text message or a call, and the member's number is not known


class WaitingFor(StrEnum):
    """Why a step that is due is not opened yet: `Enrollment.waiting_for`."""

    QUIET_HOURS = "quiet_hours"
    MEMBER_CAP = "member_cap"
    OFF_DUTY = "off_duty"
    # Another task of the member is being sent at this moment; or what it had become one with was closed undone.
    SAME_DAY = "same_day"


class Channel(StrEnum):
    """How the member is reached."""

    CHAT = "chat"
    INVITE = "invite"  # not yet a WeCom contact of the assignee: invite them to add
    PHONE = "phone"  # a call, with a note of what was said
    IN_STORE = "in_store"
    GROUP_SEND = "group_send"  # WeCom's own, which the associate confirms there
    MOMENT = "moment"
    SMS = "sms"  # by the system, through a gateway of text messages; nobody is asked
    # The associate is told by a mini-program notice: WeCom sends those to the corp's own accounts only, never to a
    # customer. What is done with the member is a chat, or an invitation.
    MINI_PROGRAM = "mini_program"


BY_THE_SYSTEM = frozenset({Channel.SMS})
# Without the member's number these cannot be done.
BY_NUMBER = frozenset({Channel.SMS, Channel.PHONE})
IN_THE_CHAT = frozenset({Channel.CHAT, Channel.INVITE, Channel.MINI_PROGRAM})
CONFIRMED_BY_WECOM = frozenset({Channel.GROUP_SEND, Channel.MOMENT})
# Its words are final from when it opens: nobody says anything else along with it, and it may be out already.
IN_ITS_OWN_WORDS = CONFIRMED_BY_WECOM | BY_THE_SYSTEM


class Who(StrEnum):
    """Who is asked to do a step."""

    OWNER = "owner"  # where there is none at work: a colleague who is the member's contact, else the manager
    MANAGER = "manager"
    ON_SHIFT = "on_shift"  # of those on shift in the member's store a contact of theirs, else the owner, else anybody


class Arm(StrEnum):
    """Which part of the comparison an enrollment is in."""

    TREATED = "treated"
    PLAN_HOLD_OUT = "plan_hold_out"
    GLOBAL_HOLD_OUT = "global_hold_out"


class Touch(StrEnum):
    """Which of the done tasks before a purchase it is attributed to."""

    LAST = "last"
    FIRST = "first"
    SHARED = "shared"


class Evidence(StrEnum):
    """How well an act is proven, strongest first."""

    WECOM_CONFIRMED = "wecom_confirmed"
    GATEWAY_CONFIRMED = "gateway_confirmed"  # of a text message: the network says that it arrived
    CLIENT_REPORTED = "client_reported"  # the page saw `sendChatMessage:ok`
    GATEWAY_UNKNOWN = "gateway_unknown"  # the gateway took it, and nobody said whether it arrived
    SELF_DECLARED = "self_declared"
    # Of a task in the store: the member bought there while it was open. Nobody said that it was done, so nobody is
    # credited for it. Of what is written or called a purchase proves nothing: no message was sent by it.
    PURCHASE = "purchase"
