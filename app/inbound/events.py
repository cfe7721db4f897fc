"""What the outside world reports, as plain values: the one shape that files, the partner API and WeCom are read into."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum

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


class PurchaseReported(msgspec.Struct, frozen=True, tag="purchase"):
    """A purchase (`customer` empty: anonymous). Without lines only its total is known."""

    ref: str
    store: str
    customer: str
    seller: str
    occurred_at: datetime
    time_known: bool
    currency: str
    amount_fen: int
    lines: tuple[Line, ...] = ()

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


class RefundReported(msgspec.Struct, frozen=True, tag="refund"):
    """A cancellation of lines; `cancels` names the purchase where the POS knows it, otherwise it is searched."""

    ref: str
    store: str
    customer: str
    seller: str
    occurred_at: datetime
    time_known: bool
    currency: str
    amount_fen: int
    lines: tuple[Line, ...] = ()
    cancels: str = ""

    @property
    def event_key(self) -> str:
        """Unique within its source, for ever."""
        return f"refund:{self.ref}"


Event = PurchaseReported | RefundReported

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """The event as canonical JSON: the same event always gives the same bytes."""
    return _encoder.encode(event)


def decode(payload: str) -> Event:
    """The event that `encode` wrote."""
    return _decoder.decode(payload)


def content_hash(encoded: bytes) -> str:
    """Fingerprint by which a repeat is told from a contradiction."""
    return hashlib.blake2b(encoded, digest_size=16).hexdigest()
