"""change_external_chat: made, changed or dismissed, the group is read anew with everybody in it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.group_chats.service import chat_versions, write_chat
from app.intake.handlers import Handler
from app.wecom.apis.group_chats import GroupChat
from app.wecom.callbacks import WeComEvent
from app.wecom.errors import WeComRejected
from app.wecom.port import WeComPort

# No such chat, or none with customers in it: dismissed.
GONE = frozenset({40050, 90501})


@dataclass(frozen=True, slots=True)
class SeenChat:
    """The chat as WeCom showed it, None where there is none any more; `version` was ours before."""

    chat: GroupChat | None
    version: int


def look_at_chat(database: Database, wecom: WeComPort, chat_id: str) -> SeenChat:
    """The chat now. Raises as the port does."""
    with database.reading() as session:
        version = chat_versions(session, [chat_id]).get(chat_id, 0)
    try:
        return SeenChat(wecom.group_chats.get(chat_id), version)
    except WeComRejected as error:
        if error.errcode in GONE:
            return SeenChat(None, version)
        raise


def chat_handler(database: Database) -> Handler:
    """The handler of every change of a group chat."""

    def look(wecom: WeComPort, event: WeComEvent) -> SeenChat:
        return look_at_chat(database, wecom, event.text("ChatId"))

    return Handler(look, _apply)


def _apply(session: Session, event: WeComEvent, seen: SeenChat) -> None:
    write_chat(session, event.text("ChatId"), seen.chat, seen.version, clock.now(session))
