"""Words for what is stored: every state, outcome, reason and kind of proof that a person may meet."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from app.follow_ups.acts.kinds import SkipReason
from app.follow_ups.channels.models import SendReason
from app.follow_ups.history import StepView
from app.follow_ups.pending import HeldBy
from app.follow_ups.states import Evidence, StepOutcome, StepReason
from app.follow_ups.texting.models import SmsReason
from app.member_events.rules import VisitReason
from app.worklist.models import WorkState

STATE = {
    WorkState.OPEN: _("to do"),
    WorkState.DONE: _("done"),
    WorkState.CANCELLED: _("cancelled"),
    WorkState.EXPIRED: _("expired"),
}
OUTCOME = {
    StepOutcome.OPENED: _("opened"),
    StepOutcome.MERGED: _("merged"),
    StepOutcome.SKIPPED: _("skipped"),
    StepOutcome.CANCELLED: _("cancelled"),
    StepOutcome.EXPIRED: _("expired"),
    StepOutcome.WITHHELD: _("withheld"),
}
REASON = {
    StepReason.DUE: _("Opened as a task when it fell due"),
    StepReason.LATE: _(
        "Opened late: when it fell due the purchase was not known here, or the system was not running"
    ),
    StepReason.AFTER_PAUSE: _("Opened late: when it was to be opened headquarters had paused all follow-ups"),
    StepReason.BEFORE_START: _("Its time was over before this purchase was known here"),
    StepReason.TOO_LATE: _(
        "Its time ran out before the system got to it: it was down, behind, or had set it aside"
    ),
    StepReason.TIME_UNKNOWN: _("Only the day of the purchase is known, not the time"),
    StepReason.REFUNDED: _("The purchase was refunded, so it stopped"),
    StepReason.NEW_PURCHASE: _("There was a newer purchase; this step starts again from that one"),
    StepReason.KEPT_EARLIER: _("The same step of an earlier purchase is still to come; the two became one"),
    StepReason.NOBODY_TO_ASK: _("Nobody could be asked: no owner and no store manager"),
    StepReason.CONDITION: _("Its condition does not hold for this member"),
    StepReason.OPTED_OUT: _("The member does not want to be disturbed"),
    StepReason.REPLIED: _("The member has answered, so it stopped"),
    StepReason.UNFRIENDED: _("The member removed the associate in WeChat"),
    StepReason.HANDED_OVER: _("The member was handed over to somebody else"),
    StepReason.BOUGHT: _("The member has bought, which this was to bring about"),
    StepReason.PLAN_ENDED: _("Headquarters withdrew the plan"),
    StepReason.PLAN_HOLD_OUT: _("Kept out of this plan, to measure what it brings"),
    StepReason.GLOBAL_HOLD_OUT: _("Kept out of all plans, to measure what they bring"),
    StepReason.SAME_DAY: _("Another task for this member falls on the same day; the two became one"),
    StepReason.MEMBER_CAP: _(
        "The member was written to often enough in these days, for as long as it had time"
    ),
    StepReason.QUIET_HOURS: _("Quiet hours lasted until its time ran out"),
    StepReason.OFF_DUTY: _("Nobody was on duty for as long as it had time"),
    StepReason.GAVE_WAY: _(
        "It was still waiting when the next step of its plan fell due, and gave way to it"
    ),
    StepReason.PAUSED: _("Headquarters had paused all follow-ups until its time ran out"),
    StepReason.QUOTA_FULL: _("The member had as many group sends this month as WeCom allows"),
    StepReason.NO_WORDS: _(
        "It has no words that can be sent: something in them is not known, or they are too long"
    ),
    StepReason.SEEN_BY_ALL: _("Members kept out of all plans would see this moment, too"),
    StepReason.NO_CHANNEL: _("The member cannot be reached in this way"),
    StepReason.NO_PHONE: _("The member's mobile number is not known"),
}
VISIT = {
    VisitReason.PRICE: _("Price"),
    VisitReason.STYLE: _("Style"),
    VisitReason.SIZE: _("Size"),
    VisitReason.OTHER: _("Something else"),
}
HELD_BY = {
    HeldBy.PAUSE: _("Headquarters has paused all follow-ups"),
    HeldBy.QUIET_HOURS: _("Until quiet hours are over and the store is open"),
    HeldBy.MEMBER_CAP: _("Until the member may be written to again"),
    HeldBy.OFF_DUTY: _("Until somebody is on duty who may be asked"),
    HeldBy.SAME_DAY: _("Until it is known what becomes of another message to the member"),
    HeldBy.TURN: _("Due: it is looked at as soon as its turn comes"),
}
EVIDENCE = {
    Evidence.WECOM_CONFIRMED: _("confirmed by WeCom"),
    Evidence.GATEWAY_CONFIRMED: _("text message arrived"),
    Evidence.CLIENT_REPORTED: _("sent from this page"),
    Evidence.GATEWAY_UNKNOWN: _("text message sent, arrival unknown"),
    Evidence.SELF_DECLARED: _("said by the associate"),
    Evidence.PURCHASE: _("bought in the store"),
}
CLOSE_REASON = {
    **{str(reason): text for reason, text in REASON.items()},
    SkipReason.IN_TOUCH: _("Skipped: just in touch"),
    SkipReason.NOT_INTERESTED: _("Skipped: not interested"),
    SkipReason.WRONG_PERSON: _("Skipped: wrong person"),
    SkipReason.BOUGHT_ELSEWHERE: _("Skipped: bought elsewhere"),
    SkipReason.OTHER: _("Skipped for another reason"),
    SendReason.REFUSED: _("WeCom did not take it, or it was taken back there"),
    SendReason.UNKNOWN: _("WeCom gave no answer, and it is not there; it is not sent twice"),
    SmsReason.REFUSED: _("The gateway of text messages did not take it"),
    SmsReason.UNKNOWN: _(
        "The gateway of text messages gave no answer, and it is not there; it is not sent twice"
    ),
    SmsReason.FAILED: _("The text message did not arrive"),
    "refunded": _("The purchase was refunded"),
    "new_purchase": _("There was a newer purchase"),
    "validity_ended": _("Its time ran out"),
    "over_capacity": _("More was to be done that day than one person can do; what is worth more came first"),
}


def became(step: StepView) -> str:
    """Why a step ended as it did: how it is proven, what closed its task, or what kept it from being opened."""
    if step.evidence:
        return str(EVIDENCE[step.evidence])
    return str(CLOSE_REASON.get(step.close_reason) or REASON[step.reason])
