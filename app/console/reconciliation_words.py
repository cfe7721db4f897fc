"""What the page of reconciliations calls what became of steps, and what is missing."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from app.follow_ups.reconciling.doubts import Doubt
from app.follow_ups.reconciling.mending import Mended
from app.follow_ups.reconciling.report import Became, Fault

BECAME = {
    Became.DONE: _("done"),
    Became.OPEN: _("to do"),
    Became.SKIPPED: _("skipped"),
    Became.MERGED: _("merged"),
    Became.CANCELLED: _("cancelled"),
    Became.EXPIRED: _("expired"),
    Became.WITHHELD: _("withheld"),
    Became.WAITING: _("waiting"),
    Became.QUARANTINED: _("set aside"),
    Became.MISSING: _("missing"),
    Became.TO_COME: _("not due yet"),
}
# Why steps are taken on trust, each with its number before it.
DOUBT = {
    Doubt.CONDITION: _(
        "The plan's condition asks for tags, level and the like, which are known as they are now, not as they were."
    ),
    Doubt.RELEASE: _(
        "The plan was released, changed or withdrawn about the moment that begins it; which came first is not kept."
    ),
    Doubt.CALENDAR: _(
        "The day, or what the plan asks for, became known or changed while the plan was looking for members."
    ),
    Doubt.RETURNED: _(
        "Something came back since, so the purchases the condition asks about are no longer as they were."
    ),
    Doubt.TOGETHER: _("Several purchases arrived at the same instant, and which of them came first decides."),
    Doubt.HISTORY: _("Whether it was reported as history only is no longer kept."),
    Doubt.RULE: _("The step's own condition asks for what is known as it is now, not as it was."),
    Doubt.DUTY: _("It was not opened because nobody was at work; who was then is no longer kept."),
    Doubt.HOURS: _(
        "It was not opened because of quiet hours or opening hours; what they were then is no longer kept."
    ),
    Doubt.REACH: _(
        "It was not opened because the member could not be reached in this way, or words were missing; what there was"
        " then is no longer kept."
    ),
    Doubt.CAP: _(
        "It was not opened because of the limit per member; what counted towards it then is no longer kept."
    ),
    Doubt.OTHER: _("Of why it was not opened there is only the record of the step itself."),
}
FAULT = {
    Fault.NO_ENROLLMENT: _(
        "What happened should have put the member into this plan; it did not, or that was lost."
    ),
    Fault.NO_RECORD: _("The step has passed, and nothing says what became of it."),
    Fault.NO_TIMER: _("The step waits, but nothing will wake it."),
    Fault.NO_TASK: _("The step became a task, and the task is lost."),
    Fault.NO_WORK_ITEM: _("The step became a task, and what was to be done is lost."),
    Fault.NO_EXPIRY_TIMER: _("The task is open, but nothing will ever close it."),
    Fault.UNEXPLAINED: _("The member is in this plan, and nothing that was reported put them there."),
    Fault.DIFFERS: _("It ended otherwise than the plan says."),
    Fault.HELD_OUT: _("Somebody who is kept out to measure against was asked about."),
    Fault.WRONG_ARM: _("The member is in another part of the comparison than the draw says."),
    Fault.OVER_CAP: _("The member was written to more often than the attention budget allows."),
    Fault.QUIET_HOURS: _("It was opened in quiet hours."),
    Fault.UNFOUNDED: _("It was not opened, or late, and nothing that is kept bears out the reason given."),
    Fault.UNREADABLE: _(
        "Something kept of this member cannot be read, so nothing of theirs is accounted for."
    ),
}
REPAIR = {
    Fault.NO_ENROLLMENT: _("Repair puts the event through once more: the member enters the plan, once."),
    Fault.NO_TIMER: _("Repair sets the timer again; what is overdue is asked at once."),
    Fault.NO_EXPIRY_TIMER: _("Repair sets the timer again; the task closes when its time is over."),
    Fault.NO_RECORD: _("Repair writes the record again where the task is still there to tell."),
}
BY_HAND = _("This cannot be restored: look at the member and decide.")
ANCHOR = {
    "purchase": _("Purchase"),
    "join": _("Joined"),
    "refund": _("Refund"),
    "after_sales": _("After-sales case"),
    "level_change": _("Level changed"),
    "unfriended": _("Contact removed"),
    "tag_gained": _("Tag put on"),
    "visit": _("Visit without purchase"),
    "service": _("Service"),
    "satisfaction": _("Satisfaction answer"),
    "review": _("Review"),
    "birthday": _("Birthday"),
    "anniversary": _("Anniversary"),
    "silence": _("Long without a purchase"),
    "dates": _("Date of the plan"),
    "festival": _("Festival"),
}
SAID = {
    Mended.ASKED: _("The repair is under way and done within seconds. The list below says what it came to."),
    Mended.MENDED: _("It is repaired. The next reconciliation shows it balanced."),
    Mended.GONE: _("Nothing is missing there any more."),
    Mended.CANNOT: _("It cannot be restored: what is lost cannot be told from anything that is left."),
}
