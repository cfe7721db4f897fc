"""Which purchase a refund cancels, and what is left of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.inbound.events import Line, LineKind


@dataclass(slots=True)
class SoldLine:
    """A line of a purchase as far as refunds are concerned; `refunded` grows as they are allocated."""

    order_id: int
    line_no: int
    sku: str
    kind: str
    quantity: int
    amount_fen: int
    refunded: int

    @property
    def left(self) -> int:
        """How many have not come back."""
        return self.quantity - self.refunded


@dataclass(frozen=True, slots=True)
class ReturnedPart:
    """So many of a refund's line cancel that line of a purchase; `sold` None: no purchase was found."""

    line: Line
    quantity: int
    amount_fen: int
    sold: SoldLine | None


def allocate(returned: Sequence[Line], sold: Sequence[SoldLine]) -> list[ReturnedPart]:
    """Spread returned lines over sold lines of the same article, in the order given (newest purchase first).

    What finds no counterpart is kept as a part without one, so quantities and money always add up.
    """
    parts: list[ReturnedPart] = []
    for line in returned:
        open_quantity, open_fen = line.quantity, line.amount_fen
        for candidate in sold:
            if open_quantity == 0:
                break
            taken = min(open_quantity, candidate.left) if candidate.sku == line.sku else 0
            if taken == 0:
                continue
            fen = open_fen * taken // open_quantity
            candidate.refunded += taken
            parts.append(ReturnedPart(line, taken, fen, candidate))
            open_quantity, open_fen = open_quantity - taken, open_fen - fen
        if open_quantity:
            parts.append(ReturnedPart(line, open_quantity, open_fen, None))
    return parts


def is_wholly_refunded(lines: Iterable[SoldLine], amount_fen: int, refunded_fen: int) -> bool:
    """True when every article came back (postage and fees may stay), or all the money was paid back."""
    goods = [line for line in lines if line.kind == LineKind.GOODS]
    has_come_back = bool(goods) and all(line.left == 0 for line in goods)
    return has_come_back or 0 < amount_fen <= refunded_fen
