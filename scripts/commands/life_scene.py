"""Where a life in the sandbox begins, and what its tills report when."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select

from app import clock
from app.db import Database
from app.inbound.events import Event
from app.intake.building import Context
from app.intake.reading import LocalSpan, ReadInvoice, read_purchases
from app.intake.report import RefusalReport
from app.intake.service import MAX_BATCH
from app.orders.models import Order
from app.stores.queries import stores_by_code
from app.wecom.sandbox_control import SandboxControl
from scripts.commands.demo_members import demo_members
from scripts.commands.load_chain import contacts_of, load_chain, load_members
from tasks.travel import on_grid

SOURCE = "pos"
Arrival = tuple[datetime, list[Event]]


class LivedAlready(Exception):
    """The database holds purchases: no life begins in it."""


def set_scene(
    database: Database, control: SandboxControl, chain: Path, file: Path, first: datetime
) -> ZoneInfo:
    """Midnight before `first` (a local time), the chain and its members in both worlds; returns the chain's zone.

    Members are the chain's, or made up for the customer numbers of the file. Raises `LivedAlready`.
    """
    facts = json.loads((chain / "chain.json").read_text(encoding="utf-8"))
    zone = ZoneInfo(facts["time_zone"])
    dawn = first.replace(hour=0, minute=0, second=0, tzinfo=zone)
    with database.transaction() as session:
        if session.scalar(select(Order.id).limit(1)) is not None:
            raise LivedAlready
        control.set_clock(clock.jump_to(session, dawn.astimezone(UTC)))
    load_chain(database, chain)
    control.let_cards_call_back()
    control.put_people({"userid": person["userid"], "name": person["name"]} for person in facts["associates"])
    control.put_contacts(contacts_of(_members(database, chain, file, facts)))
    return zone


def _members(database: Database, chain: Path, file: Path, facts: dict[str, Any]) -> list[dict[str, Any]]:
    listed = chain / "members.csv"
    if listed.exists():  # loaded with the chain
        with listed.open(encoding="utf-8", newline="") as rows:
            return list(csv.DictReader(rows))
    made_up = list(demo_members(file, facts))
    load_members(database, made_up)
    return made_up


def arrivals(
    database: Database,
    file: Path,
    span: LocalSpan,
    zone: ZoneInfo,
    refusals: RefusalReport,
    quantum: timedelta,
) -> Iterator[Arrival]:
    """What the tills report, by the instant they report it (the end of its quantum), at most a batch at a time.

    In the file's order: what stands behind something later arrives late, as it would from a till.
    """
    with database.reading() as session:
        stores = stores_by_code(session)
    latest = span.last.replace(tzinfo=zone).astimezone(UTC) + timedelta(days=1)
    events = _readable(file, Context(stores, tuple(sorted(stores)), latest), refusals)
    for instant, group in groupby(events, key=lambda event: on_grid(event.occurred_at, quantum)):
        together = list(group)
        for start in range(0, len(together), MAX_BATCH):
            yield instant, together[start : start + MAX_BATCH]


def _readable(file: Path, context: Context, refusals: RefusalReport) -> Iterator[Event]:
    with file.open("rb") as opened:
        for one in read_purchases(opened, context):
            if isinstance(one, ReadInvoice):
                yield one.event
            else:
                refusals.write(one.ref, one.rows)


class TillRoll:
    """Arrivals kept in a file, from which a process that comes back goes on where time stands."""

    _decoder = msgspec.json.Decoder(list[Event])

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, all_of_them: Iterable[Arrival]) -> int:
        """Keep them; returns how many events they are."""
        count = 0
        with self._path.open("wb") as file:
            for instant, events in all_of_them:
                count += len(events)
                file.write(f"{instant.isoformat()}\t".encode() + msgspec.json.encode(events) + b"\n")
        return count

    def since(self, instant: datetime) -> Iterator[Arrival]:
        """Those from an instant on, in their order."""
        with self._path.open("rb") as file:
            for line in file:
                at, _, events = line.partition(b"\t")
                arrives_at = datetime.fromisoformat(at.decode())
                if arrives_at >= instant:
                    yield arrives_at, self._decoder.decode(events)

    def events(self) -> Iterator[Event]:
        """All of them."""
        with self._path.open("rb") as file:
            for line in file:
                yield from self._decoder.decode(line.partition(b"\t")[2])
