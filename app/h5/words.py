"""What the scripts of these pages say, in the reader's language."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

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
