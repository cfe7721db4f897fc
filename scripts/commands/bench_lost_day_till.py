"""Tills that report purchases at a steady rate, for `scripts/bench lost-day`.

Half of the buyers are members whose day step is overdue, each once, the others are new. What they bought lies so far
back that its 30-minute step falls due a little after it is reported.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, count, cycle, islice
from typing import Any, NamedTuple

from sqlalchemy import select

from app import clock
from app.associates.models import Associate
from app.db import Database
from app.inbound.events import Line, PurchaseReported
from app.intake.service import MAX_BATCH, apply_events
from app.intake.sifting import EventStatus
from app.members.models import IdentityKind, Member, MemberIdentity
from app.stores.models import Store

SOURCE = "till"
CURRENCY = "CNY"
TICK_S = 0.25
FIRST_STEP_AFTER = timedelta(minutes=30)
DUE_IN = timedelta(seconds=5)


class Buyer(NamedTuple):
    """Who buys: customer code, their store's code, and who sells to them."""

    customer: str
    store: str
    seller: str


@dataclass(frozen=True, slots=True)
class Sold:
    """How many purchases were taken in, and in how many seconds; `slowest_s` took the slowest report of some."""

    purchases: int
    seconds: float
    slowest_s: float


class Tills:
    """Reports purchases of these buyers, nobody's twice."""

    def __init__(self, database: Database, people: Sequence[dict[str, Any]], products: Sequence[Any]) -> None:
        """`people` and `products` are those of the chain's file."""
        self._database = database
        self._known: Iterator[Buyer] = iter(())
        sellers = [person for person in people if person["store"]]
        self._new = map(_newcomer, count(1), cycle(sellers))
        self._product = products[0]
        self._numbers = count(1)

    def expect(self, purchases: int) -> None:
        """Look up in good time who is to come: every so many-th of the members, as far as there are enough."""
        self._known = iter(_some_members(self._database, purchases // 2 + 1))

    def sell(self, rate: float, seconds: float) -> Sold:
        """Report `rate` purchases a second for so long. Raises `AssertionError` where one is not taken in."""
        everybody = self._buyers()
        began, sold, slowest = time.monotonic(), 0, 0.0
        while sold < rate * seconds:
            asked = time.monotonic()
            some = min(MAX_BATCH, math.ceil(rate * min(asked - began + TICK_S, seconds)) - sold)
            self._report(list(islice(everybody, some)))
            sold, took = sold + some, time.monotonic() - asked
            slowest = max(slowest, took)
            time.sleep(max(0.0, TICK_S - took))
        return Sold(sold, time.monotonic() - began, slowest)

    def sell_at_once(self, purchases: int) -> None:
        """Report so many as fast as they are taken in."""
        everybody = self._buyers()
        for start in range(0, purchases, MAX_BATCH):
            self._report(list(islice(everybody, min(MAX_BATCH, purchases - start))))

    def _buyers(self) -> Iterator[Buyer]:
        return chain(chain.from_iterable(zip(self._known, self._new, strict=False)), self._new)

    def _report(self, buyers: Sequence[Buyer]) -> None:
        if not buyers:
            return
        with self._database.reading() as session:
            at = clock.now(session) - FIRST_STEP_AFTER + DUE_IN
        events = [self._purchase(buyer, at) for buyer in buyers]
        results = apply_events(self._database, SOURCE, events, enrolls=True)
        assert {result.status for result in results} == {EventStatus.APPLIED}, results

    def _purchase(self, buyer: Buyer, at: datetime) -> PurchaseReported:
        line = Line(self._product["sku"], self._product["name"], 1, "399.00", 39_900)
        ref = f"{at:%Y%m%d}-{next(self._numbers)}"
        return PurchaseReported(
            ref, buyer.store, buyer.customer, buyer.seller, at, True, CURRENCY, 39_900, (line,)
        )


def _newcomer(number: int, seller: dict[str, Any]) -> Buyer:
    return Buyer(f"NEW{number}", seller["store"], seller["userid"])


def _some_members(database: Database, wanted: int) -> list[Buyer]:
    with database.reading() as session:
        ids = session.scalars(select(Member.id).order_by(Member.id)).all()
        some = ids[:: max(1, len(ids) // wanted)][:wanted]
        query = (
            select(MemberIdentity.value, Store.code, Associate.wecom_userid)
            .join(Member, Member.id == MemberIdentity.member_id)
            .join(Store, Store.id == Member.store_id)
            .join(Associate, Associate.id == Member.owner_id)
            .where(MemberIdentity.kind == IdentityKind.CUSTOMER_CODE)
        )
        found = []
        for start in range(0, len(some), MAX_BATCH):
            mine = query.where(Member.id.in_(some[start : start + MAX_BATCH]))
            found += [Buyer(*row) for row in session.execute(mine)]
        return found
