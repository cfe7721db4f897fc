"""Tables of members, their identities and their WeCom contacts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, Integer, String, Text, UniqueConstraint
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


class OwnerReason(StrEnum):
    """Why a member has another owner."""

    TRANSFER = "transfer"  # WeCom gave the customer to somebody else (在职继承、离职继承)
    NAMED = "named"  # headquarters said so, or a system that speaks for it


class OwnerChange(Base):
    """A member got another owner (专属导购变更), or was said to have the one they had: a row each time, never changed.

    None is the store's pool. `happened_at` is when it came about by whoever told it, `told_by` (an inbox source), and
    `recorded_at` when it was known here. Whose the member was before the first row says its `from_id`.
    """

    __tablename__ = "owner_changes"
    __table_args__ = (Index(None, "member_id", "happened_at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    member_id: Mapped[int]
    from_id: Mapped[int | None]
    to_id: Mapped[int | None]
    why: Mapped[str] = mapped_column(String(16))
    told_by: Mapped[str] = mapped_column(String(32))
    happened_at: Mapped[datetime]
    recorded_at: Mapped[datetime]


class MemberIdentity(Base):
    """One key by which a member is known to some system."""

    __tablename__ = "member_identities"
    __table_args__ = (Index(None, "member_id"),)

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    value: Mapped[str] = mapped_column(String(128), primary_key=True)
    member_id: Mapped[int]


class MemberCare(Base):
    """The mutex of everything done about a member: whoever changes their follow-ups locks this row first.

    Since `opted_out_at` (勿扰) the member wants none.
    """

    __tablename__ = "member_care"

    member_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    opted_out_at: Mapped[datetime | None]


class DateKind(StrEnum):
    """Days of a member's own that come every year."""

    BIRTHDAY = "birthday"
    ANNIVERSARY = "anniversary"  # of what, the member knows; e.g. a wedding day


class DateCalendar(StrEnum):
    """By which calendar a day comes again."""

    SOLAR = "solar"
    LUNAR = "lunar"


class MemberDate(Base):
    """A day of a member's that comes every year (生日、纪念日); the newest report counts.

    `sealed` is the date, readable with the installation's key alone; `day_index` finds the members of a day without
    opening any. See `dates`.
    """

    __tablename__ = "member_dates"
    __table_args__ = (Index(None, "kind", "day_index", "member_id"),)

    member_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    calendar: Mapped[str] = mapped_column(String(8))
    sealed: Mapped[str] = mapped_column(String(128))
    day_index: Mapped[str] = mapped_column(String(32))
    event_id: Mapped[int]
    reported_at: Mapped[datetime]


class MemberPhone(Base):
    """A member's mobile number (手机号); the newest report counts.

    `sealed` is the number, readable with the installation's key alone; `number_index` finds whose it is without opening
    any; `masked` is what people may see. See `phones`.
    """

    __tablename__ = "member_phones"
    __table_args__ = (Index(None, "number_index"),)

    member_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed: Mapped[str] = mapped_column(String(128))
    number_index: Mapped[str] = mapped_column(String(32))
    masked: Mapped[str] = mapped_column(String(24))
    event_id: Mapped[int]
    reported_at: Mapped[datetime]


class ExternalContact(Base):
    """A person as WeCom knows them (外部联系人); without a name while they are only half added.

    `version` counts what was written of this contact after a look at WeCom: who looked before somebody else's writing
    looks again.
    """

    __tablename__ = "external_contacts"
    __table_args__ = (Index(None, "member_id"), Index(None, "unionid"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    external_userid: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(128))
    member_id: Mapped[int | None]
    avatar: Mapped[str] = mapped_column(String(512), default="")
    unionid: Mapped[str | None] = mapped_column(String(64))
    is_wechat: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(Integer, default=0)


class ContactBinding(Base):
    """Associate × external contact (跟进人关系): only through a live one (`queries.is_live`) may an associate chat.

    `bound_at`, `half_at`, `lost_at` and `deleted_at` are the newest instants of their kind that WeCom has told of, in
    business time: added, added by the customer alone, customer deleted the associate, associate deleted the customer.
    What follows from them and from the latest look is written down as `is_half` and `ended_at`, see `rules.settle`.
    """

    __tablename__ = "contact_bindings"
    __table_args__ = (UniqueConstraint("external_contact_id", "associate_id"), Index(None, "associate_id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    associate_id: Mapped[int]
    external_contact_id: Mapped[int]
    bound_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    half_at: Mapped[datetime | None]
    lost_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    is_half: Mapped[bool] = mapped_column(default=False)
    remark: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[str] = mapped_column(String(64), default="")
    add_way: Mapped[int] = mapped_column(Integer, default=0)


class SyncState(StrEnum):
    """Where a sync stands; every state but WAITING and RUNNING is final."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"  # some people's contacts could not be read: nothing of theirs was ended
    FAILED = "failed"


class Sync(Base):
    """One comparison of our tables with WeCom's (企业微信对账), resumable where it stopped.

    Until it is over it owns one timer in the sync lane at `next_due_at`, in real time, when to begin or go on, and its
    `slot`: of those asked for, and of the nightly ones, there is one at a time. `stage` and `cursor` say where it goes
    on; `counts` is JSON, kind of thing → what became of it → how many.
    """

    __tablename__ = "syncs"
    __table_args__ = (Index(None, "state", "requested_at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    slot: Mapped[str | None] = mapped_column(String(16), unique=True)
    reason: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    requested_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    next_due_at: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(Integer)
    attempts: Mapped[int] = mapped_column(Integer)
    stage: Mapped[str] = mapped_column(String(16))
    cursor: Mapped[str] = mapped_column(String(512))
    counts: Mapped[str] = mapped_column(Text)
    trouble: Mapped[str] = mapped_column(String(255))


class Heartbeat(Base):
    """When a kind of process, "clock" or "web", was last known to run (real time): a gap is an outage.

    `back_at` is when it went on after the last gap, in business time.
    """

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    beaten_at: Mapped[datetime]
    back_at: Mapped[datetime | None]
