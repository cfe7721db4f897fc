"""What a failed check of the books is called on the page; scripts/reconcile says the same in English."""

from __future__ import annotations

from flask_babel import gettext
from flask_babel import lazy_gettext as _

# Names the texts for the catalogue: `told` looks them up by what a check says.
CHECKS = (
    _("applied events without their purchase or refund"),
    _("purchases without their event"),
    _("events from WeCom without their timer, or with one too many"),
    _("work on events there are not"),
    _("refunds without their event"),
    _("purchases that lack a line"),
    _("purchases that differ from their lines"),
    _("purchases whose refunded amount differs from their refunds"),
    _("lines whose returned pieces differ from their refunds"),
    _("purchases wrongly held for wholly refunded, or not"),
    _("refunds that differ from their lines"),
    _("refunds booked to another than the buyer"),
    _("members whose totals differ from a recount"),
    _("attributed purchases that are not shared out exactly"),
    _("attributed purchases of which not as much is taken back as came back"),
    _("members without an identity"),
    _("members without their lock"),
    _("identities of members there are not"),
    _("locks of members there are not"),
    _("purchases of members there are not"),
    _("totals of members there are not"),
    _("contacts of members there are not"),
    _("contacts nobody ever followed"),
    _("bindings to contacts there are not"),
    _("records of steps no plan has"),
    _("records of enrollments there are not"),
    _("enrollments in plans there are not"),
    _("open tasks nobody was told of"),
    _("notices that wait for no digest"),
    _("associates with notices and no digest schedule"),
    _("digests without their timer"),
    _("notices whose message is not there"),
    _("messages that tell of nothing"),
    _("messages without their push timer"),
    _("open tasks for WeCom to confirm that nothing is ordered for"),
    _("orders at WeCom without their timer"),
    _("members of orders that nobody asks about any more"),
    _("open tasks of the system's that no text message is under way for"),
    _("timers of nobody"),
    _("waiting for a timer that is not there"),
    _("messages that lost a notice"),
    _("plans of the calendar that look for nobody any more"),
)


def told(says: str) -> str:
    """What a check says, in the reader's words; the lane or table after a colon stays as it is."""
    text, _colon, which = says.partition(": ")
    return f"{gettext(text)} {which}".strip()
