"""Writing group chats down as WeCom shows them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.group_chats.models import GroupChat, GroupChatMember
from app.ids import new_id
from app.wecom.apis import group_chats as wecom_chats
from app.wecom.errors import WeComRetryable


def chat_versions(session: Session, chat_ids: Collection[str]) -> dict[str, int]:
    """The versions of these chats, of those we have."""
    query = select(GroupChat.chat_id, GroupChat.version).where(GroupChat.chat_id.in_(chat_ids))
    return dict(session.execute(query).all())


def live_chats_of(session: Session, owners: Collection[str]) -> list[str]:
    """Chats that these accounts own and that have not ended."""
    mine = GroupChat.owner_userid.in_(sorted(owners))
    return list(session.scalars(select(GroupChat.chat_id).where(mine, GroupChat.ended_at.is_(None))))


class StaleLook(WeComRetryable):
    """Somebody wrote the chat after we had looked at it: what we saw may be the older. Look again."""

    def __init__(self) -> None:
        super().__init__("externalcontact/groupchat/get", "written by another look meanwhile")


def write_chat(
    session: Session, chat_id: str, seen: wecom_chats.GroupChat | None, version: int, now: datetime
) -> str:
    """Bring a chat and who is in it to what was seen; None: there is no such chat any more, so it and they are ended.

    `version` was the chat's before the look, 0 where we had none. Returns what that changed: "none", "added",
    "changed" or "ended". Locks the chat's row. Raises `StaleLook`.
    """
    query = select(GroupChat).where(GroupChat.chat_id == chat_id).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if version != (row.version if row else 0):
        raise StaleLook
    if row is None and seen is None:
        return "none"
    was_there = row is not None and row.ended_at is None
    if row is None:
        row = GroupChat(id=new_id(session), chat_id=chat_id, name="", owner_userid="", notice="", version=0)
        row.created_at = now
        session.add(row)
    has_changed = _write_columns(row, seen, now)
    row.version += 1
    session.flush()
    has_changed |= _write_members(session, row.id, seen.members if seen else (), now)
    session.flush()
    if seen is None:
        return "ended" if was_there else "none"
    if not was_there:
        return "added"
    return "changed" if has_changed else "none"


def _write_columns(row: GroupChat, seen: wecom_chats.GroupChat | None, now: datetime) -> bool:
    if seen is None:
        is_news = row.ended_at is None
        row.ended_at = row.ended_at or now
        return is_news
    wanted: dict[str, object] = {
        "name": seen.name[:255],
        "owner_userid": seen.owner[:64],
        "notice": seen.notice,
        "created_at": clock.instant_of(seen.created_at_s),
        "ended_at": None,
    }
    return _set(row, wanted)


def _write_members(
    session: Session, chat_row_id: int, members: Collection[wecom_chats.GroupMember], now: datetime
) -> bool:
    """Who left is ended; who came back is one again, since when WeCom says."""
    query = select(GroupChatMember).where(GroupChatMember.group_chat_id == chat_row_id)
    known = {row.userid: row for row in session.scalars(query)}
    has_changed = False
    for member in members:
        row = known.pop(member.userid, None)
        if row is None:
            row = GroupChatMember(group_chat_id=chat_row_id, userid=member.userid)
            session.add(row)
        wanted: dict[str, object] = {
            "type": int(member.kind),
            "unionid": member.unionid,
            "join_scene": int(member.join_scene),
            "joined_at": clock.instant_of(member.joined_at_s),
            "ended_at": None,
        }
        has_changed |= _set(row, wanted)
    for gone in known.values():
        if gone.ended_at is None:
            gone.ended_at = now
            has_changed = True
    return has_changed


def _set(row: GroupChat | GroupChatMember, wanted: dict[str, object]) -> bool:
    differs = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    for name, value in differs.items():
        setattr(row, name, value)
    return bool(differs)
