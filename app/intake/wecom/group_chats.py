"""change_external_chat: made, changed or dismissed, the group is read anew with everybody in it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app import clock
from app.group_chats.service import write_chat
from app.intake.handlers import Handler
from app.wecom.apis.group_chats import GroupChat
from app.wecom.callbacks import WeComEvent
from app.wecom.errors import WeComRejected
from app.wecom.port import WeComPort

# No such chat, or none with customers in it: dismissed.
GONE = frozenset({40050, 90501})


def look_at_chat(wecom: WeComPort, chat_id: str) -> GroupChat | None:
    """The chat as WeCom shows it now, None where there is none any more. Raises as the port does."""
    try:
        return wecom.group_chats.get(chat_id)
    except WeComRejected as error:
        if error.errcode in GONE:
            return None
        raise


def _look(wecom: WeComPort, event: WeComEvent) -> GroupChat | None:
    return look_at_chat(wecom, event.text("ChatId"))


def _apply(session: Session, event: WeComEvent, seen: GroupChat | None) -> None:
    write_chat(session, event.text("ChatId"), seen, clock.now(session))


CHAT = Handler(_look, _apply)
