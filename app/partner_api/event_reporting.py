"""From what a partner sent of members to events. Birthdays and numbers are sealed here: nothing behind reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from app.db import Database
from app.inbound.events import DateReported, Event, HappeningReported, OwnerNamed, PhoneReported
from app.intake.refusals import Refused
from app.intake.sifting import EventResult, EventStatus
from app.member_events.models import MemberEventKind
from app.member_events.rules import checked
from app.members.dates import YearlyDay, seal_day
from app.members.models import DateKind
from app.partner_api.event_schemas import GROUPS, OWNER, PHONE
from app.partner_api.reporting import Item, apply_items, moment_of, phone_of
from app.sealing import Keyring
from app.stores.queries import StoreFacts, stores_by_code

# What an item says of itself, not of what happened.
COMMON = frozenset({"ref", "store", "customer", "seller", "occurred_at", "name", "phone"})


@dataclass(frozen=True, slots=True)
class Keys:
    """What seals what nobody behind this may read: birthdays and numbers."""

    dates: Keyring
    phones: Keyring


def report_happenings(
    database: Database, keys: Keys, source: str, batch: Mapping[str, Any], *, in_chinese: bool
) -> dict[str, Any]:
    """Apply a loaded batch; the answer has one result per item, by list in the order they were sent."""
    with database.reading() as session:
        stores = stores_by_code(session)
    items = [
        _read(keys, group, index, sent, stores) for group in GROUPS for index, sent in enumerate(batch[group])
    ]
    return apply_items(database, source, items, list(GROUPS), in_chinese)


def _read(
    keys: Keys, group: str, index: int, sent: Mapping[str, Any], stores: Mapping[str, StoreFacts]
) -> Item:
    try:
        event = _event(keys, GROUPS[group], sent, stores)
    except Refused as refused:
        return Item(group, index, sent["ref"], None, EventResult(EventStatus.REFUSED, refused.code))
    return Item(group, index, sent["ref"], event, None)


def _event(
    keys: Keys,
    kind: MemberEventKind | DateKind | str,
    sent: Mapping[str, Any],
    stores: Mapping[str, StoreFacts],
) -> Event:
    store = stores.get(sent["store"])
    if store is None:
        raise Refused("unknown_store")
    shared = {
        "ref": sent["ref"],
        "store": store.code,
        "customer": sent["customer"],
        "seller": sent["owner" if kind == OWNER else "seller"],
        **moment_of(sent["occurred_at"], store),
    }
    if kind == OWNER:
        return OwnerNamed(**shared)
    if kind == PHONE:
        return PhoneReported(**shared, phone=phone_of(keys.phones, sent))
    shared["kind"] = str(kind)
    if isinstance(kind, DateKind):
        day = YearlyDay(sent["calendar"], sent["month"], sent["day"], sent["year"], sent["leap"])
        sealed = seal_day(keys.dates, kind, day, salt=sent["ref"])
        return DateReported(
            **shared, calendar=str(sealed.calendar), sealed=sealed.sealed, day_index=sealed.day_index
        )
    said = {name: value for name, value in sent.items() if name not in COMMON}
    if kind is MemberEventKind.AFTER_SALES:
        said["case"] = sent["ref"]
    phone = phone_of(keys.phones, sent) if sent.get("phone") else msgspec.UNSET
    return HappeningReported(**shared, data=checked(kind, said), name=sent.get("name", ""), phone=phone)
