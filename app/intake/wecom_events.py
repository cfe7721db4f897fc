"""Which event from WeCom has which handler. An event without one is kept as `not_handled`."""

from __future__ import annotations

from app.db import Database
from app.intake.handlers import Handler, Handlers
from app.intake.wecom.card_presses import MENU, card_handler
from app.intake.wecom.contacts import contact_handler
from app.intake.wecom.group_chats import chat_handler
from app.intake.wecom.livings import LIVING
from app.intake.wecom.tags import tag_handler
from app.organisation.events import changes_of_contacts


def wecom_handlers(database: Database) -> Handlers:
    """All of them. Some read or claim something of ours before they look at WeCom: `database` is where."""
    cards = card_handler(database)
    return {
        "change_external_contact": contact_handler(database),
        "change_external_tag": tag_handler(database),
        "change_external_chat": chat_handler(database),
        "template_card_event": cards,
        MENU: cards,
        "living_status_change": LIVING,
        **{change: Handler(look, apply) for change, (look, apply) in changes_of_contacts(database).items()},
    }
