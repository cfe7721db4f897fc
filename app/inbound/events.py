"""What the outside world reports, as plain values: the one shape into which files and the partner API are read.

Here they are known by their form alone; what an event of a kind may say is checked by whoever reads it from outside.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class LineKind(StrEnum):
    """What a line of a receipt stands for; only goods start and stop follow-ups."""

    GOODS = "goods"
    POSTAGE = "postage"
    FEE = "fee"
    DISCOUNT = "discount"
    ADJUSTMENT = "adjustment"


class Line(msgspec.Struct, frozen=True):
    """One line: `quantity` is positive for purchases and refunds alike; `amount_fen` is rounded half up once."""

    sku: str
    description: str
    quantity: int
    unit_price: str
    amount_fen: int
    kind: LineKind = LineKind.GOODS
    size: str = ""


class _Reported(msgspec.Struct, frozen=True):
    """What purchases and refunds have in common. Without lines only the total is known; no `customer`: anonymous.

    `time_known` False: only the day is known, and `occurred_at` is that day's noon.
    """

    ref: str
    store: str
    customer: str
    seller: str
    occurred_at: datetime
    time_known: bool
    currency: str
    amount_fen: int
    lines: tuple[Line, ...] = ()


class Phone(msgspec.Struct, frozen=True):
    """A mobile number, sealed before it came here: nobody can read it from the inbox (`members.phones`)."""

    sealed: str
    number_index: str
    masked: str


class PurchaseReported(_Reported, frozen=True, tag="purchase"):
    """A purchase; `phone` is the buyer's, where the till tells it. Where it does not, the event's bytes lack it."""

    phone: Phone | msgspec.UnsetType = msgspec.UNSET

    @property
    def event_key(self) -> str:
        """Unique within its source, for ever."""
        return f"purchase:{self.ref}"

    @property
    def goods_fen(self) -> int:
        """The part that was goods; the whole where no lines are known."""
        if not self.lines:
            return self.amount_fen
        return sum(line.amount_fen for line in self.lines if line.kind is LineKind.GOODS)


class RefundReported(_Reported, frozen=True, tag="refund"):
    """A cancellation of lines; `cancels` names the purchase where the POS knows it, otherwise it is searched."""

    cancels: str = ""

    @property
    def event_key(self) -> str:
        """Unique within its source, for ever."""
        return f"refund:{self.ref}"


class HappeningReported(msgspec.Struct, frozen=True, tag="happening"):
    """Something that happened to a member beside purchases: of which `kind`, with its `data`.

    `seller` is the associate to whom it happened; `name` the member's, where it is told.
    """

    ref: str
    kind: str
    store: str
    customer: str
    seller: str
    occurred_at: datetime
    time_known: bool
    data: dict[str, Any]
    name: str = ""
    phone: Phone | msgspec.UnsetType = msgspec.UNSET

    @property
    def event_key(self) -> str:
        """Unique within its source, for ever."""
        return f"{self.kind}:{self.ref}"


class PhoneReported(msgspec.Struct, frozen=True, tag="phone"):
    """A member's mobile number, sealed before it came here."""

    ref: str
    store: str
    customer: str
    occurred_at: datetime
    time_known: bool
    phone: Phone
    seller: str = ""
    name: str = ""

    @property
    def event_key(self) -> str:
        """Unique within its source, for ever."""
        return f"phone:{self.ref}"


class DateReported(msgspec.Struct, frozen=True, tag="date"):
    """A member's birthday or anniversary, sealed before it came here: nobody can read it from the inbox."""

    ref: str
    kind: str
    store: str
    customer: str
    occurred_at: datetime
    time_known: bool
    calendar: str
    sealed: str
    day_index: str
    seller: str = ""
    name: str = ""

    @property
    def event_key(self) -> str:
        """Unique within its source, for ever."""
        return f"{self.kind}:{self.ref}"


class OwnerNamed(msgspec.Struct, frozen=True, tag="owner"):
    """Headquarters says whose a member is from then on; no `seller`: the store's pool."""

    ref: str
    store: str
    customer: str
    seller: str
    occurred_at: datetime
    time_known: bool
    name: str = ""

    @property
    def event_key(self) -> str:
        """Unique within its source, for ever."""
        return f"owner:{self.ref}"


Event = PhoneReported | PurchaseReported | RefundReported | HappeningReported | DateReported | OwnerNamed

_encoder = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """The event as canonical JSON: the same event always gives the same bytes."""
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:  # half a character: nobody can store it, but what was sent can be kept escaped
        return json.dumps(msgspec.to_builtins(event)).encode()


def content_hash(encoded: bytes) -> str:
    """Fingerprint by which a repeat is told from a contradiction."""
    return hashlib.blake2b(encoded, digest_size=16).hexdigest()
