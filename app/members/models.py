"""Tables of members, their identities and their WeCom contacts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class IdentityKind(StrEnum):
    """By what a member is recognised."""

    CUSTOMER_CODE = "customer_code"  # the number a POS prints on the receipt


class Member(Base):
    """A member; `owner_id` is the owning associate (专属导购), None in the store's pool."""

    __tablename__ = "members"
    __table_args__ = (Index(None, "owner_id"), Index(None, "store_id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(64))
    store_id: Mapped[int]
    owner_id: Mapped[int | None]
    joined_at: Mapped[datetime]


class MemberIdentity(Base):
    """One key by which a member is known to some system."""

    __tablename__ = "member_identities"
    __table_args__ = (Index(None, "member_id"),)

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    value: Mapped[str] = mapped_column(String(128), primary_key=True)
    member_id: Mapped[int]


class MemberCare(Base):
    """The mutex of everything done about a member: whoever changes their follow-ups locks this row first."""

    __tablename__ = "member_care"

    member_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class ExternalContact(Base):
    """A person as WeCom knows them (外部联系人)."""

    __tablename__ = "external_contacts"
    __table_args__ = (Index(None, "member_id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    external_userid: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(128))
    member_id: Mapped[int | None]


class ContactBinding(Base):
    """Associate × external contact (跟进人关系): only through a live one may an associate chat."""

    __tablename__ = "contact_bindings"
    __table_args__ = (UniqueConstraint("external_contact_id", "associate_id"), Index(None, "associate_id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    associate_id: Mapped[int]
    external_contact_id: Mapped[int]
    bound_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
