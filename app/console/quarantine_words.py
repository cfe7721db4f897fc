"""What the page of the quarantine calls events, their sources and the causes that are met most."""

from __future__ import annotations

import re

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.inbound.models import INTERNAL, SMS_GATEWAY, WECOM
from app.wecom.errors import OUR_APP_IS_WRONG

SOURCE = {
    WECOM: _("WeCom's events"),
    INTERNAL: _("The system itself"),
    SMS_GATEWAY: _("The gateway of text messages"),
    "pos": _("Till"),
}
# Work that can be set aside, by its lane.
LANE = {
    "sweep": _("Looking for members of a plan of the calendar"),
    "urge": _("Reminding somebody of a task"),
    "balance": _("Sharing out what is more than somebody can do"),
}
# What an event's key begins with: of purchases the kind, of WeCom's events Event and ChangeType (facts 4.2, 4.3).
KIND = {
    "purchase": _("Purchase"),
    "refund": _("Refund"),
    "change_external_contact": _("Change of a customer"),
    "change_contact": _("Change of the address book"),
    "change_external_tag": _("Change of tags"),
    "change_external_chat": _("Change of a group chat"),
    "template_card_event": _("Button of a card pressed"),
    "template_card_menu_event": _("Menu of a card pressed"),
    "living_status_change": _("State of a livestream"),
    "message": _("Message to the app"),
    "repair_gap": _("Repair"),
    "repair_timers": _("Repair of timers"),
    "take_up_work": _("Work taken up again"),
    "dates_told": _("Birthday told late"),
    "sms_answered": _("Answer to a text message"),
}
CHANGE = {
    "change_external_contact:add_external_contact": _("customer added"),
    "change_external_contact:add_half_external_contact": _("customer added, not yet confirmed"),
    "change_external_contact:edit_external_contact": _("customer edited"),
    "change_external_contact:del_external_contact": _("customer deleted by the associate"),
    "change_external_contact:del_follow_user": _("associate deleted by the customer"),
    "change_external_contact:transfer_fail": _("handover failed"),
    "change_contact:create_user": _("person added"),
    "change_contact:update_user": _("person edited"),
    "change_contact:delete_user": _("person deleted"),
    "change_contact:create_party": _("department added"),
    "change_contact:update_party": _("department edited"),
    "change_contact:delete_party": _("department deleted"),
    "change_contact:update_tag": _("people's tags edited"),
    "change_external_tag:create": _("tag added"),
    "change_external_tag:update": _("tag edited"),
    "change_external_tag:delete": _("tag deleted"),
    "change_external_tag:shuffle": _("tags reordered"),
    "change_external_chat:create": _("group created"),
    "change_external_chat:update": _("group edited"),
    "change_external_chat:dismiss": _("group dismissed"),
}
# Fields of an event from WeCom that say whom it is about; the first that is there does.
ABOUT = {
    "ExternalUserID": _("Customer"),
    "ChatId": _("Group chat"),
    "LivingId": _("Livestream"),
    "TaskId": _("Card"),
    "UserID": _("Account"),
    "Id": _("Number"),
    "TagId": _("Tag"),
}
APP_IS_WRONG = _(
    "WeCom refuses our app: its secret, permissions or scope are wrong. An administrator mends that."
)
NO_SUCH_PERSON = _(
    "WeCom knows no such person: the account is empty, deleted, or outside what the app may see."
)
NO_RELATION = _("In WeCom this customer is not, or no longer, with this associate.")
OUT_OF_RANGE = _("A number or a date in it is beyond what can be kept.")
INTERRUPTED = _("Applying it was interrupted again and again: a process ended or took too long.")
AWAY = _("WeCom or the network was away for too long.")
CONTRADICTS = _("It contradicts what is stored.")
NOT_FOUND = _("It names something that is not known here.")
INCOMPLETE = _("A field is missing from it, or is not what it should be.")
A_BUG = _("The program failed at it. Hand the original text to whoever runs this system.")

CAUSE_OF_CODE = {
    **dict.fromkeys(OUR_APP_IS_WRONG, APP_IS_WRONG),
    60020: _("This server's address is not among the corp's trusted IPs. An administrator adds it in WeCom."),
    **dict.fromkeys((40003, 41009, 60111), NO_SUCH_PERSON),
    **dict.fromkeys((40096, 84061), NO_RELATION),
}
CAUSE_OF_ERROR = {
    "WeComMisconfigured": APP_IS_WRONG,
    **dict.fromkeys(("WeComRetryable", "WeComPaused", "WeComCircuitOpen"), AWAY),
    **dict.fromkeys(("OverflowError", "DataError", "ArithmeticError", "InvalidOperation"), OUT_OF_RANGE),
    **dict.fromkeys(("IntegrityError", "Conflict"), CONTRADICTS),
    **dict.fromkeys(("NotFound", "NoResultFound", "seller_unknown"), NOT_FOUND),
    **dict.fromkeys(("BadCallback", "Invalid", "KeyError", "ValueError"), INCOMPLETE),
}
_REFUSAL = re.compile(r"WeCom\w+: [^:]+: (-?\d+)\b")


def kind_of(event_key: str) -> str:
    """The kind of an event in words, with what changed where that is told; an unknown one by its own name."""
    name, _colon, rest = event_key.partition(":")
    kind = str(KIND.get(name) or gettext("Other event: %(name)s", name=name))
    change = CHANGE.get(f"{name}:{rest.partition(':')[0]}")
    return f"{kind} · {change}" if change else kind


def cause_of(reason: str) -> str:
    """What most likely was in the way, as a sentence, from the text kept with the event."""
    if reason.startswith("interrupted "):
        return str(INTERRUPTED)
    refusal = _REFUSAL.match(reason)
    if refusal:
        said = gettext("WeCom refused it with error %(code)s.", code=refusal[1])
        return str(CAUSE_OF_CODE.get(int(refusal[1]), said))
    return str(CAUSE_OF_ERROR.get(reason.partition(":")[0], A_BUG))
