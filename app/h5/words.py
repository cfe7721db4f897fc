"""Words of the toolbar: of acts and why a task is there, and what the scripts say, in the reader's language."""

from __future__ import annotations

from flask_babel import get_locale
from flask_babel import lazy_gettext as _

from app.criteria.words import Language
from app.follow_ups.acts.kinds import Act, CallOutcome, SkipReason
from app.follow_ups.channels.models import BEING_MADE, OrderState
from app.follow_ups.measuring.choosing import ChoiceReason
from app.follow_ups.plans.documents import TriggerKind
from app.follow_ups.states import Channel
from app.follow_ups.worklists import Show
from app.worklist.models import OverflowKind

SHOW = {
    Show.ALL: _("All"),
    Show.PROMISES: _("Promises"),
    Show.CHAT: _("To message"),
    Show.INVITE: _("To invite"),
    Show.CONFIRM: _("To confirm in WeCom"),
    Show.OTHER: _("Calls and visits"),
}
SKIP = {
    SkipReason.IN_TOUCH: _("Just in touch"),
    SkipReason.NOT_INTERESTED: _("Not interested"),
    SkipReason.WRONG_PERSON: _("Wrong person"),
    SkipReason.BOUGHT_ELSEWHERE: _("Bought elsewhere"),
    SkipReason.OTHER: _("Another reason"),
}
# Where a group send or a moment stands while its task is open.
ON_ITS_WAY = _("On its way to WeCom")
CONFIRM = {
    Channel.GROUP_SEND: _("Confirm this group send in WeCom"),
    Channel.MOMENT: _("Publish this moment in WeCom"),
}
SENDING = {
    **dict.fromkeys((*BEING_MADE, OrderState.GATHERING, OrderState.PENDING), ON_ITS_WAY),
    OrderState.TAKEN_BACK: _("Taken back in WeCom"),
    OrderState.REFUSED: _("WeCom did not take it"),
    OrderState.UNKNOWN: _("WeCom gave no answer"),
    OrderState.OVER: _("WeCom confirms this one itself."),
}
TOO_MUCH = {
    OverflowKind.MOVED: _("%(name)s does it"),
    OverflowKind.POSTPONED: _("put off to %(time)s"),
    OverflowKind.CALLED: _("%(name)s calls instead"),
    OverflowKind.DROPPED: _("dropped: worth least, and no other day was left"),
}
CALL = {
    CallOutcome.REACHED: _("Reached"),
    CallOutcome.NOT_REACHED: _("Not reached"),
    CallOutcome.CALL_BACK: _("To be called back"),
}
ACT = {
    Act.POSTPONED: _("Put off"),
    Act.RECALLED: _("Brought back"),
    Act.SKIPPED: _("Skipped"),
    Act.UNDONE: _("Undone"),
    Act.HANDED: _("Handed on"),
    Act.CALLED: _("Called"),
    Act.NUMBER_SEEN: _("Looked at the number"),
    Act.SENT_TOO: _("Also sent"),
    Act.OPTED_OUT: _("Not to be disturbed"),
    Act.OPTED_IN: _("May be followed up again"),
}
ACT_REASON = {str(reason): text for reason, text in (*SKIP.items(), *CALL.items())}
TRIGGER = {
    TriggerKind.PURCHASE: _("A purchase on %(day)s"),
    TriggerKind.JOIN: _("Became a member on %(day)s"),
    TriggerKind.REFUND: _("A refund on %(day)s"),
    TriggerKind.AFTER_SALES: _("An after-sales case of %(day)s"),
    TriggerKind.LEVEL_CHANGE: _("Another level since %(day)s"),
    TriggerKind.UNFRIENDED: _("Removed the associate on %(day)s"),
    TriggerKind.TAG_GAINED: _("A tag gained on %(day)s"),
    TriggerKind.VISIT: _("Came in on %(day)s and did not buy"),
    TriggerKind.SERVICE: _("A service on %(day)s"),
    TriggerKind.SATISFACTION: _("Said on %(day)s how satisfied they are"),
    TriggerKind.REVIEW: _("A review of %(day)s"),
    TriggerKind.BIRTHDAY: _("A birthday, counted from %(day)s"),
    TriggerKind.ANNIVERSARY: _("An anniversary, counted from %(day)s"),
    TriggerKind.SILENCE: _("Long without a purchase, as of %(day)s"),
    TriggerKind.DATES: _("A date headquarters chose: %(day)s"),
    TriggerKind.FESTIVAL: _("A festival, counted from %(day)s"),
}
CHOICE = {
    ChoiceReason.SWITCHED_OFF: _("the first that fits"),
    ChoiceReason.ONLY_ONE: _("the only one that fits"),
    ChoiceReason.NO_RESULTS: _("none has been tried yet, so each has its turn"),
    ChoiceReason.BEST_SO_FAR: _("it has brought most so far"),
    ChoiceReason.EXPLORED: _("it is being tried against the others"),
}


def rule_language() -> Language:
    """The language of rules that the reader sees."""
    return Language.EN if str(get_locale()) == "en" else Language.ZH


IN_SCRIPTS = {
    # the four faces of the button, and how it came back
    "send": _("Send"),
    "sending": _("Sending…"),
    "sent": _("Sent"),
    "sent_at": _("Sent at {time}"),
    "invited_at": _("Invited at {time}"),
    "elsewhere": _("This is being sent in another window or on another device."),
    "again": _("Send again"),
    "copy": _("Copy the text"),
    "copied": _("Copied. Paste it into the chat."),
    "copy_failed": _("Could not copy. Press and hold the text to copy it."),
    "invited": _("Invited"),
    "greeted": _("Greeted"),
    "greeted_at": _("Greeted at {time}"),
    "waiting": _("Will be recorded when the network is back."),
    "not_recorded": _("Sent, but not recorded: {reason}"),
    "unfilled": _("Not sent: {names} is not filled in."),
    "chat_changed": _("Not sent: this is another customer's chat now. Loading this customer…"),
    "maybe_sent": _("WeCom gave no answer. Look into the chat before sending again."),
    "try_again": _("Try again"),
    "discard": _("Discard"),
    # acts
    "undo": _("Undo"),
    "put_off": _("Put off: {time}"),
    "skipped": _("Skipped: {reason}"),
    "handed": _("Handed to {name}"),
    "reached": _("Call noted"),
    "not_reached": _("Noted: not reached. The task stays."),
    "done_here": _("Done"),
    "done_here_at": _("Done at {time}"),
    "replied": _("Noted: the customer answered"),
    "visited": _("Noted: came in, did not buy"),
    "scored": _("Noted: {score} of 5"),
    "left_alone": _("Will not be disturbed any more"),
    "followed_again": _("May be followed up again"),
    "back_again": _("Brought back"),
    "not_done": _("Did not work: {reason}"),
    "no_colleague": _("Nobody else in the store can reach this customer."),
    "manager": _("store manager"),
    "invites": _("can only invite"),
    "needs_network": _("This needs the network. Please try again."),
    # what WeCom refused with
    "outside": _("Open this inside WeCom, in the sidebar of a customer's chat."),
    "timeout": _("WeCom does not answer. You can still read and copy; leave and come back to send."),
    "no_context": _("Open this from the sidebar of a customer's chat to send."),
    "no_permission": _("WeCom does not let you contact customers yet. Ask your administrator."),
    "signature": _("WeCom did not accept this page. Load it again."),
    "cancel": _("Cancelled, nothing was sent."),
    "unsupported": _("This version of WeCom is too old. Please update it."),
    "network": _("The network is unsteady. Please try again."),
    "fail": _("WeCom refused: {reason}"),
    "chat_failed": _("The chat could not be opened: {reason}"),
    # loading
    "load_failed": _("This could not be loaded."),
    "group": _("This is a group chat. Open the sidebar in the chat with one customer."),
}
