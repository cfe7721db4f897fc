"""Words of 效果: what may be said of a measured effect, as plainly as it deserves."""

from __future__ import annotations

from enum import StrEnum
from math import ceil

from flask_babel import gettext, lazy_gettext, ngettext

from app.follow_ups.measuring.arms import Against, Measure
from app.follow_ups.measuring.needed import Needed
from app.follow_ups.measuring.results import Reached
from app.follow_ups.measuring.uplift import Estimate, NotEnough, Shortfall, Verdict
from app.follow_ups.states import Arm
from app.pages.words import EVIDENCE

_ = lazy_gettext
MEASURE = {
    Measure.PURCHASE_RATE: _("came back and bought"),
    Measure.PIECES: _("pieces per stretch"),
    Measure.FEN: _("amount per stretch"),
}
AGAINST = {
    Against.PLAN: _("members kept out of this plan"),
    Against.EVERYTHING: _("members kept out of all plans"),
}
ARM = {
    Arm.TREATED: _("followed up"),
    Arm.PLAN_HOLD_OUT: _("kept out of this plan"),
    Arm.GLOBAL_HOLD_OUT: _("kept out of all plans"),
}
REACHED = {
    Reached.NOTHING: _("no task yet"),
    Reached.OPENED: _("task opened, not done"),
    **{Reached(evidence.value): text for evidence, text in EVIDENCE.items()},
}
VERDICT = {
    Verdict.MORE: _("Follow-ups bring more."),
    Verdict.LESS: _("Follow-ups bring less: look at this plan."),
}
UNTOLD = _("cannot be told yet")
NOBODY_FOLLOWED = _("No data yet: nobody has been followed for that long.")
NOBODY_KEPT_OUT = _("Nobody is kept out, so there is nobody to compare with.")
# One look says so, but not every look would.
ONCE = {
    Verdict.MORE: _("It looks like more."),
    Verdict.LESS: _("It looks like less."),
}
SHORTFALL = {
    Shortfall.STORES: _(
        "Not enough yet: %(have)s stores have members in both groups, at least %(least)s are needed."
    ),
    Shortfall.TREATED: _("Not enough yet: %(have)s stretches followed up, at least %(least)s are needed."),
    Shortfall.HELD_OUT: _("Not enough yet: %(have)s stretches kept out, at least %(least)s are needed."),
    Shortfall.BUYERS: _(
        "Not enough yet: %(have)s buyers are to be expected in the smaller group, at least %(least)s are needed."
    ),
}

FUNNEL = (
    _("Followed up (stretches)"),
    _("with a task opened"),
    _("with a task done"),
    _("of whom answered"),
    _("of whom came back and bought"),
)
HEADLINE = (_("More pieces per associate and week"), _("More per associate and month"))


class Side(StrEnum):
    """Of a comparison."""

    TREATED = "treated"
    HELD_OUT = "held_out"


SIDE = {Side.TREATED: _("Members followed up"), Side.HELD_OUT: _("Members kept out")}


def said(effect: Estimate | NotEnough) -> str:
    """What may be said of an effect by somebody who looks whenever they like; never more than that."""
    if isinstance(effect, NotEnough):
        text = str(SHORTFALL[effect.reason]) % {"have": f"{effect.have:,}", "least": f"{effect.least:,}"}
        planned = _planned(effect.needed)
        return f"{text} {planned}".strip()
    verdict = VERDICT.get(effect.verdict_when_watched)
    return str(verdict) if verdict else _missing(effect)


def _planned(needed: Needed | None) -> str:
    if needed is None or needed.treated is None or needed.held_out is None:
        return ""
    text = gettext(
        "To tell 3 points of a hundred it takes about %(held_out)s stretches kept out and %(treated)s followed up.",
        held_out=f"{needed.held_out:,}",
        treated=f"{needed.treated:,}",
    )
    return str(text)


def _missing(effect: Estimate) -> str:
    """How many more it takes to tell what was asked for, at the present split and looked at whenever one likes.

    For one look the number is known; an interval that is so many times wider takes that many times squared.
    """
    needed = effect.to_tell
    if needed.held_out is None or needed.treated is None:
        return _more_stores(needed.stores)
    once_wide, always_wide = (one.high - one.low for one in (effect.difference, effect.watched))
    wider = (always_wide / once_wide) ** 2 if once_wide else 1.0
    held_out, treated = ceil(needed.held_out * wider), ceil(needed.treated * wider)
    if held_out <= effect.held_out and treated <= effect.treated:
        return str(gettext("No difference can be seen, though one of 3 points of a hundred would have been."))
    seems = ONCE.get(effect.verdict)
    text = gettext(
        "Not enough yet: at least %(held_out)s more stretches kept out, and %(treated)s more followed up.",
        held_out=f"{max(0, held_out - effect.held_out):,}",
        treated=f"{max(0, treated - effect.treated):,}",
    )
    return f"{seems} {text}" if seems else str(text)


def _more_stores(stores: int | None) -> str:
    if stores is None:
        return str(gettext("Not enough yet."))
    text = ngettext(
        "Not enough yet: stores differ too much; it takes about %(num)s store.",
        "Not enough yet: stores differ too much; it takes about %(num)s stores.",
        stores,
    )
    return str(text)
