"""Tables of the corp's tags: a mirror of WeCom's customer tags (企业客户标签)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class TagGroup(Base):
    """A group of tags; of two the one with the greater `position` stands first, as in WeCom."""

    __tablename__ = "tag_groups"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    wecom_id: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(64))
    position: Mapped[int]
    ended_at: Mapped[datetime | None]


class Tag(Base):
    """One tag; ordered like groups."""

    __tablename__ = "tags"
    __table_args__ = (Index(None, "group_id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    wecom_id: Mapped[str] = mapped_column(String(64), unique=True)
    group_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(64))
    position: Mapped[int]
    ended_at: Mapped[datetime | None]


class TagVocabulary(Base):
    """One row: `version` counts what was written of the tags after a look at WeCom, see `ExternalContact`."""

    __tablename__ = "tag_vocabulary"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(Integer)


class BindingTag(Base):
    """A corp tag that an associate gave a contact. By WeCom's id: the vocabulary may hear of a tag later."""

    __tablename__ = "binding_tags"
    __table_args__ = (Index(None, "wecom_tag_id"),)

    binding_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    wecom_tag_id: Mapped[str] = mapped_column(String(64), primary_key=True)
