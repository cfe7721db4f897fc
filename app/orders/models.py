"""Tables of orders, refunds and per-member totals. Money is integer minor units (fen) of the row's currency."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Index, Integer, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Order(Base):
    """A purchase; never edited but for `refunded_*`. `member_id` None: an anonymous sale."""

    __tablename__ = "orders"
    __table_args__ = (UniqueConstraint("source", "ref"), Index(None, "member_id", "purchased_on"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(String(32))
    ref: Mapped[str] = mapped_column(String(64))
    store_id: Mapped[int]
    member_id: Mapped[int | None]
    seller_id: Mapped[int | None]
    purchased_at: Mapped[datetime]
    purchased_on: Mapped[date]
    time_known: Mapped[bool]
    currency: Mapped[str] = mapped_column(String(3))
    amount_fen: Mapped[int]
    goods_fen: Mapped[int]
    refunded_fen: Mapped[int]
    wholly_refunded: Mapped[bool]
    recorded_at: Mapped[datetime]
    enrolls: Mapped[bool]


class OrderLine(Base):
    """A line of a receipt; `refunded_quantity` of it came back."""

    __tablename__ = "order_lines"

    order_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line_no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sku: Mapped[str] = mapped_column(String(64))
    description: Mapped[str] = mapped_column(String(255))
    size: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16))
    quantity: Mapped[int] = mapped_column(Integer)
    unit_price: Mapped[Decimal] = mapped_column(Numeric(14, 4))
    amount_fen: Mapped[int]
    refunded_quantity: Mapped[int] = mapped_column(Integer)


class Refund(Base):
    """A refund as the POS reported it, whether or not its purchase is known (yet)."""

    __tablename__ = "refunds"
    __table_args__ = (UniqueConstraint("source", "ref"), Index(None, "source", "cancels"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(String(32))
    ref: Mapped[str] = mapped_column(String(64))
    cancels: Mapped[str | None] = mapped_column(String(64))
    store_id: Mapped[int]
    member_id: Mapped[int | None]
    refunded_at: Mapped[datetime]
    currency: Mapped[str] = mapped_column(String(3))
    amount_fen: Mapped[int]
    recorded_at: Mapped[datetime]


class RefundLine(Base):
    """A line that came back; `order_id` and `order_line_no` name what it cancels, where that was found."""

    __tablename__ = "refund_lines"
    __table_args__ = (Index(None, "order_id"),)

    refund_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line_no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sku: Mapped[str] = mapped_column(String(64))
    description: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(16))
    quantity: Mapped[int] = mapped_column(Integer)
    amount_fen: Mapped[int]
    order_id: Mapped[int | None]
    order_line_no: Mapped[int | None] = mapped_column(Integer)


class MemberPurchases(Base):
    """What a member's purchases add up to; always equal to a recount of the orders."""

    __tablename__ = "member_purchases"
    __table_args__ = (Index(None, "last_purchased_at"),)

    member_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    orders: Mapped[int]
    amount_fen: Mapped[int]
    refunded_fen: Mapped[int]
    first_purchased_at: Mapped[datetime | None]
    last_purchased_at: Mapped[datetime | None]


class ValueTiers(Base):
    """From how much net spend on (fen) a member counts as of the top tier and of the high one: one row, counted anew
    every day."""

    __tablename__ = "value_tiers"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    top_fen: Mapped[int]
    high_fen: Mapped[int]
    counted_at: Mapped[datetime]
