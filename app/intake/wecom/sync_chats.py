"""Comparing the group chats of some associates with what WeCom shows: which there are is listed, each is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from app import clock
from app.db import Database
from app.group_chats.service import StaleLook, live_chats_of, write_chat
from app.intake.wecom.group_chats import look_at_chat
from app.wecom.errors import WeComMisconfigured, WeComRejected
from app.wecom.port import WeComPort

OWNERS_A_CALL = 100
TRIES = 3

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ChatComparison:
    """What comparing came to: changes by kind, and the chats that WeCom does not let us look at, with the reason."""

    changes: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)


def compare_chats(
    database: Database, wecom: WeComPort, owners: Sequence[str], after_each: Callable[[], None]
) -> ChatComparison:
    """Bring the chats of these owners (at most 100) to what WeCom shows.

    A chat that is not listed any more is read too: it may have got another owner. Raises as the port does.
    """
    result = ChatComparison()
    listed = {chat.chat_id for chat in wecom.group_chats.list(owners)}
    with database.reading() as session:
        ours = live_chats_of(session, owners)
    for chat_id in sorted(listed | set(ours)):
        _mend(database, wecom, chat_id, result)
        after_each()
    del result.changes["none"]
    result.changes["seen"] = len(listed)
    return result


def _mend(database: Database, wecom: WeComPort, chat_id: str, result: ChatComparison) -> None:
    """Look at one chat; one that WeCom refuses to show holds up no other."""
    try:
        result.changes[_compare(database, wecom, chat_id)] += 1
    except WeComMisconfigured:
        raise
    except WeComRejected as error:
        log.warning("chat_not_shown", chat_id=chat_id, reason=str(error))
        result.changes["failed"] += 1
        result.refused[chat_id] = str(error)


def _compare(database: Database, wecom: WeComPort, chat_id: str) -> str:
    for attempt in range(1, TRIES + 1):
        seen = look_at_chat(database, wecom, chat_id)
        try:
            with database.transaction() as session:
                return write_chat(session, chat_id, seen.chat, seen.version, clock.now(session))
        except StaleLook:
            if attempt == TRIES:
                raise
    raise AssertionError("unreachable")
