"""Reported purchases and refunds with their names resolved: what `service.record` stores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from app.inbound.events import PurchaseReported, RefundReported
from app.stores.queries import StoreFacts


@dataclass(frozen=True, slots=True)
class Sale:
    """A reported purchase with its names resolved; `id` becomes the order's."""

    id: int
    event: PurchaseReported
    store: StoreFacts
    member_id: int | None
    seller_id: int | None
    enrolls: bool

    @property
    def purchased_on(self) -> date:
        """The local date of the purchase."""
        return self.store.hours.local_date(self.event.occurred_at)


@dataclass(frozen=True, slots=True)
class Return:
    """A reported refund with its names resolved; `id` becomes the refund's."""

    id: int
    event: RefundReported
    store: StoreFacts
    member_id: int | None
