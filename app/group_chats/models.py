"""Tables of group chats and their members."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from sqlalchemy import Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class MemberType(IntEnum):
    """Who a group's member is, with WeCom's numbers (facts 3.12)."""

    ACCOUNT = 1
    EXTERNAL = 2


class GroupChat(Base):
    """A group chat; `owner_userid` is its owner's account, `version` as with `ExternalContact`."""

    __tablename__ = "group_chats"
    __table_args__ = (Index(None, "owner_userid"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    chat_id: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    owner_userid: Mapped[str] = mapped_column(String(64))
    notice: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer)


class GroupChatMember(Base):
    """Who is in a group chat; who left is ended. `userid` is an account or an external_userid, by `type`."""

    __tablename__ = "group_chat_members"
    __table_args__ = (Index(None, "userid"),)

    group_chat_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    userid: Mapped[str] = mapped_column(String(64), primary_key=True)
    type: Mapped[int] = mapped_column(Integer)
    unionid: Mapped[str | None] = mapped_column(String(64))
    join_scene: Mapped[int] = mapped_column(Integer)
    joined_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
