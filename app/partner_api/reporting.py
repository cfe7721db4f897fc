"""From what a partner sent to events, and from what became of them to the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from app.db import Database
from app.inbound.events import Event, Line, LineKind, Phone, PurchaseReported, RefundReported
from app.intake.cells import MAX_AMOUNT_FEN, NOON
from app.intake.refusals import Refused, reason_of
from app.intake.service import apply_events
from app.intake.sifting import EventResult, EventStatus
from app.members.phones import read_phone, seal_phone
from app.partner_api.dates import refunds_before_purchase
from app.sealing import Keyring
from app.stores.queries import StoreFacts, stores_by_code

PURCHASES, REFUNDS = "purchases", "refunds"


@dataclass(frozen=True, slots=True)
class Item:
    """One item as it was sent; `result` is there where it was refused before it became an event."""

    group: str
    index: int
    ref: str
    event: Event | None
    result: EventResult | None


def report(
    database: Database, keys: Keyring, source: str, batch: Mapping[str, Any], *, in_chinese: bool
) -> dict[str, Any]:
    """Apply a loaded batch, purchases first; the answer has one result per item in the order they were sent."""
    with database.reading() as session:
        stores = stores_by_code(session)
        items = [
            _read(keys, group, index, sent, stores)
            for group in (PURCHASES, REFUNDS)
            for index, sent in enumerate(batch[group])
        ]
        sent_events = [item.event for item in items if item.event is not None]
        early = refunds_before_purchase(session, source, sent_events, stores)
    return apply_items(
        database, source, [_refused_where(item, early) for item in items], (PURCHASES, REFUNDS), in_chinese
    )


def apply_items(
    database: Database, source: str, items: Sequence[Item], groups: Sequence[str], in_chinese: bool
) -> dict[str, Any]:
    """Apply what became events; the answer has one result per item, by group in the order they were sent."""
    events = [item.event for item in items if item.event is not None]
    results = iter(apply_events(database, source, events, enrolls=True) if events else ())
    outcomes = [item.result or next(results) for item in items]
    counts = Counter(outcome.status for outcome in outcomes)
    answer: dict[str, Any] = {group: [] for group in groups}
    for item, outcome in zip(items, outcomes, strict=True):
        answer[item.group].append(_result(item, outcome, in_chinese))
    return answer | {str(status): counts[status] for status in EventStatus}


def phone_of(keys: Keyring, sent: Mapping[str, Any]) -> Phone:
    """The item's number, sealed; the same for the same number and item. Raises `Refused` where it is none."""
    number = read_phone(sent["phone"])
    if number is None:
        raise Refused("bad_phone")
    sealed = seal_phone(keys, number, salt=sent["ref"])
    return Phone(sealed.sealed, sealed.number_index, sealed.masked)


def _read(
    keys: Keyring, group: str, index: int, sent: Mapping[str, Any], stores: Mapping[str, StoreFacts]
) -> Item:
    try:
        event = _event(keys, group, sent, stores)
    except Refused as refused:
        return Item(group, index, sent["ref"], None, EventResult(EventStatus.REFUSED, refused.code))
    return Item(group, index, sent["ref"], event, None)


def _refused_where(item: Item, early: Collection[str]) -> Item:
    if not isinstance(item.event, RefundReported) or item.ref not in early:
        return item
    return replace(item, event=None, result=EventResult(EventStatus.REFUSED, "refund_before_purchase"))


def _event(keys: Keyring, group: str, sent: Mapping[str, Any], stores: Mapping[str, StoreFacts]) -> Event:
    store = stores.get(sent["store"])
    if store is None:
        raise Refused("unknown_store")
    lines = tuple(_line(line) for line in sent["lines"])
    shared = {
        "ref": sent["ref"],
        "store": store.code,
        "customer": sent["customer"],
        "seller": sent["seller"],
        "currency": sent["currency"],
        "amount_fen": _amount(sent, lines),
        "lines": lines,
        **moment_of(sent["occurred_at"], store),
    }
    if group == REFUNDS:
        return RefundReported(**shared, cancels=sent["cancels"])
    return PurchaseReported(**shared, phone=phone_of(keys, sent) if sent["phone"] else msgspec.UNSET)


def _line(sent: Mapping[str, Any]) -> Line:
    fen = sent["unit_price_fen"]
    return Line(
        sku=sent["sku"],
        description=sent["description"],
        quantity=sent["quantity"],
        unit_price=f"{fen // 100}.{fen % 100:02d}",
        amount_fen=sent["quantity"] * fen,
        kind=sent.get("kind", LineKind.GOODS),
        size=sent["size"],
    )


def _amount(sent: Mapping[str, Any], lines: Sequence[Line]) -> int:
    """The total: the sum of the lines where there are any; what was sent may only confirm it."""
    total = sum(line.amount_fen for line in lines)
    amount_fen: int = sent.get("amount_fen", total)
    if lines and amount_fen != total:
        raise Refused("total_differs")
    if amount_fen > MAX_AMOUNT_FEN:
        raise Refused("amount_too_large")
    if amount_fen == 0 and not sent["customer"]:
        raise Refused("not_a_sale")
    return amount_fen


def moment_of(occurred: object, store: StoreFacts) -> dict[str, Any]:
    """When it happened, as events have it: a day without a time stands for its noon."""
    if isinstance(occurred, datetime):
        return {"occurred_at": occurred, "time_known": True}
    noon = store.hours.at(occurred, NOON)  # type: ignore[arg-type]
    return {"occurred_at": noon.astimezone(UTC), "time_known": False}


def _result(item: Item, outcome: EventResult, in_chinese: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"index": item.index, "ref": item.ref, "status": str(outcome.status)}
    if outcome.code:
        reason = reason_of(outcome.code)
        result |= {"code": outcome.code, "message": reason.zh if in_chinese else reason.en}
    return result
