"""Tables of what is ordered at WeCom (群发任务、朋友圈任务), and of whom each order is to reach."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class OrderState(StrEnum):
    """Where an order stands; those of `FINAL` are final, but for a moment that somebody else is put to."""

    GATHERING = "gathering"  # members of the same step may still join
    READY = "ready"  # to be made at WeCom
    CLAIMED = "claimed"  # being made, or whoever made it died: told apart by `next_due_at`
    DOUBTFUL = "doubtful"  # nobody knows whether it was made: it is looked for, never made again
    PENDING = "pending"  # WeCom is at it: a moment has no id yet
    ORDERED = "ordered"  # it is with the associate, in WeCom
    OVER = "over"  # of everybody it is known what came of them
    TAKEN_BACK = "taken_back"  # cancelled at WeCom, or not wanted any more before it was made
    REFUSED = "refused"
    UNKNOWN = "unknown"  # it was looked for long enough and not found


FINAL = frozenset({OrderState.OVER, OrderState.TAKEN_BACK, OrderState.REFUSED, OrderState.UNKNOWN})
# States whose timer is in the lane of orders, in real time; every other one's is in the lane of confirmations.
BEING_MADE = frozenset({OrderState.READY, OrderState.CLAIMED, OrderState.DOUBTFUL})
UNTOLD = (OrderState.CLAIMED, OrderState.DOUBTFUL)  # whether it was made is not known yet
ASKED_ABOUT = (OrderState.PENDING, OrderState.ORDERED)  # WeCom is asked what becomes of it


class SendReason(StrEnum):
    """Why a task of a group send or a moment was closed undone, beside the reasons of steps: shown to people."""

    REFUSED = "wecom_refused"
    UNKNOWN = "send_unknown"  # whether WeCom has it could not be told, and a second one must not be made


class TargetState(StrEnum):
    """What became of one member's part in an order; every state but WAITING is final."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"  # WeCom could not reach them, or it was taken back before
    RELEASED = "released"  # they were out of it before it was made


class SendOrder(Base):
    """One group send or moment: what WeCom has one id for (`wecom_id`, until then perhaps a `job_id`).

    While an order may be joined it has its `open_key`. Not FINAL it owns one timer at `next_due_at`: in the lane of
    orders, real time, while it is `BEING_MADE`, else in that of confirmations. `fence` counts claims. Every instant but
    `next_due_at` in the lane of orders is business time. `speaks_for`: the words name the associate, so WeCom is told
    whom to ask; otherwise it asks whoever chatted last with the customer.

    Moments of several associates with the same words (`same_key`) that go out at the same `slot_at` are made with one
    call: they share a `call_id`, the first one's id, and what WeCom calls them.
    """

    __tablename__ = "send_orders"
    __table_args__ = (Index(None, "wecom_id"), Index(None, "call_id"), Index(None, "same_key", "slot_at"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel: Mapped[str] = mapped_column(String(16))
    open_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    associate_id: Mapped[int]
    store_id: Mapped[int]
    title: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    speaks_for: Mapped[bool]
    size: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(255))
    fence: Mapped[int] = mapped_column(Integer)
    attempts: Mapped[int] = mapped_column(Integer)
    looks: Mapped[int] = mapped_column(Integer)
    wecom_id: Mapped[str] = mapped_column(String(128))
    job_id: Mapped[str] = mapped_column(String(128))
    opened_at: Mapped[datetime]
    valid_until: Mapped[datetime]
    next_due_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    ordered_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    same_key: Mapped[str] = mapped_column(String(64), default="")
    slot_at: Mapped[datetime | None]
    call_id: Mapped[int | None]


class SendPace(Base):
    """From when WeCom may be called again on a channel for which it counts calls; the row is the mutex of who plans."""

    __tablename__ = "send_paces"

    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    free_from: Mapped[datetime]


class SendTarget(Base):
    """A task that an order serves, and its member.

    Of group sends `month` ("2026-03", in China) is the one in which it counts towards what WeCom lets a customer have:
    from the moment it is owed, so the row reserves it. `sent_by` is who sent it by WeCom's word.
    """

    __tablename__ = "send_targets"
    __table_args__ = (Index(None, "order_id"), Index(None, "member_id", "month"))

    task_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    order_id: Mapped[int]
    work_item_id: Mapped[int]
    member_id: Mapped[int]
    external_userid: Mapped[str] = mapped_column(String(64))
    month: Mapped[str] = mapped_column(String(7))
    state: Mapped[str] = mapped_column(String(16))
    sent_by: Mapped[int | None]
    sent_at: Mapped[datetime | None]
