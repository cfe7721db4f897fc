"""Comparing the group chats of some associates with what WeCom shows: which there are is listed, each is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from app import clock
from app.db import Database
from app.group_chats.service import chat_versions, live_chats_of, write_chat
from app.intake.wecom.group_chats import look_at_chat
from app.wecom.errors import WeComRetryable
from app.wecom.port import WeComPort

OWNERS_A_CALL = 100
TRIES = 3


def compare_chats(
    database: Database, wecom: WeComPort, owners: Sequence[str], after_each: Callable[[], None]
) -> Counter[str]:
    """Bring the chats of these owners (at most 100) to what WeCom shows. Returns changes by kind.

    A chat that is not listed any more is read too: it may have got another owner. Raises as the port does.
    """
    changes: Counter[str] = Counter()
    listed = {chat.chat_id for chat in wecom.group_chats.list(owners)}
    changes["seen"] += len(listed)
    with database.reading() as session:
        ours = live_chats_of(session, owners)
    for chat_id in sorted(listed | set(ours)):
        changes[_compare(database, wecom, chat_id)] += 1
        after_each()
    del changes["none"]
    return changes


def _compare(database: Database, wecom: WeComPort, chat_id: str) -> str:
    for _ in range(TRIES):
        with database.reading() as session:
            version = chat_versions(session, [chat_id]).get(chat_id, 0)
        seen = look_at_chat(wecom, chat_id)
        with database.transaction() as session:
            if chat_versions(session, [chat_id]).get(chat_id, 0) == version:
                return write_chat(session, chat_id, seen, clock.now(session))
    raise WeComRetryable("externalcontact/groupchat/get", "the chat changes all the time")
