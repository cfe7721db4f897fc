"""Reads a purchase file into events: pure, streaming, both layouts. Nothing here touches the database.

One wrong row refuses its whole invoice, so that nothing is half applied; the rows around it are read on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, NamedTuple

from app.inbound.events import Event
from app.intake.building import Context, EventBuilder, Faults
from app.intake.cells import read_local_time
from app.intake.grouping import Group, group_records
from app.intake.layouts import Column, Layout, read_layout
from app.intake.records import Record, read_records
from app.intake.refusals import Refused, UnreadableFile

# An invoice number refused once stays refused when more of its rows come later in the file.
MAX_REMEMBERED = 100_000


class RefusedRow(NamedTuple):
    """A row that was not applied; `cause` is the row at fault where that is another one, else 0."""

    number: int
    column: str
    code: str
    cause: int
    raw: str


@dataclass(frozen=True, slots=True)
class RefusedInvoice:
    """An invoice of which nothing was applied; `continues`: more rows of one already given."""

    ref: str
    rows: tuple[RefusedRow, ...]
    continues: bool = False


@dataclass(frozen=True, slots=True)
class ReadInvoice:
    """An invoice as an event, with the rows it was read from."""

    event: Event
    rows: tuple[Record, ...]


def read_purchases(file: BinaryIO, context: Context) -> Iterator[ReadInvoice | RefusedInvoice]:
    """Every invoice of the file in its order, each either an event or refused with reasons.

    Memory does not depend on the file's size. Raises `UnreadableFile` before the first invoice where the file is
    no CSV with one of the two headers.
    """
    records = read_records(file)
    header = next(records)
    if header.problem:
        raise UnreadableFile("not_csv", header.raw[:80])
    layout = read_layout(header.fields)
    if Column.STORE not in layout.at and not context.spread:
        raise UnreadableFile("no_store")
    return _invoices(group_records(records, layout), EventBuilder(layout, context))


def _invoices(groups: Iterator[Group], builder: EventBuilder) -> Iterator[ReadInvoice | RefusedInvoice]:
    refused: dict[str, int] = {}
    for group in groups:
        result = _read_group(group, builder, refused)
        if isinstance(result, RefusedInvoice) and group.ref:
            refused.setdefault(group.ref, result.rows[0].number)
            if len(refused) > MAX_REMEMBERED:
                del refused[next(iter(refused))]
        yield result


def _read_group(
    group: Group, builder: EventBuilder, refused: Mapping[str, int]
) -> ReadInvoice | RefusedInvoice:
    if group.oversize:
        return _refuse_all(group, Refused("too_many_lines"))
    if refused and (cause := refused.get(group.ref)):
        return _refuse_all(group, Refused("invoice_refused"), cause)
    try:
        event = builder.build(group)
    except Faults as faults:
        return _refuse_some(group, faults.by_row)
    except Refused as reason:
        return _refuse_all(group, reason)
    return ReadInvoice(event, tuple([row.record for row in group.rows]))


def _refuse_all(group: Group, reason: Refused, cause: int = 0) -> RefusedInvoice:
    rows = (
        RefusedRow(row.record.number, reason.column, reason.code, cause, row.record.raw) for row in group.rows
    )
    return RefusedInvoice(group.ref, tuple(rows), group.continues)


def _refuse_some(group: Group, faults: Mapping[int, Refused]) -> RefusedInvoice:
    cause = min(faults)
    return RefusedInvoice(
        group.ref, tuple(_refused_row(row.record, faults.get(row.record.number), cause) for row in group.rows)
    )


def _refused_row(record: Record, reason: Refused | None, cause: int) -> RefusedRow:
    if reason is None:
        return RefusedRow(record.number, "", "invoice_refused", cause, record.raw)
    return RefusedRow(record.number, reason.column, reason.code, 0, record.raw)


@dataclass(frozen=True, slots=True)
class LocalSpan:
    """The earliest and the latest time a file's rows name, on the stores' clocks; noon where they name a date."""

    first: datetime
    last: datetime


def read_local_span(file: BinaryIO) -> LocalSpan | None:
    """When the purchases of a file begin and end, by every readable row; None without any. Streaming.

    Raises `UnreadableFile` like `read_purchases`.
    """
    records = read_records(file)
    header = next(records)
    if header.problem:
        raise UnreadableFile("not_csv", header.raw[:80])
    layout = read_layout(header.fields)
    first = last = None
    for wall in _wall_times(records, layout):
        first = wall if first is None or wall < first else first
        last = wall if last is None or wall > last else last
    return None if first is None or last is None else LocalSpan(first, last)


def _wall_times(records: Iterator[Record], layout: Layout) -> Iterator[datetime]:
    place, before = layout.at[Column.DATE], ""
    for record in records:
        if len(record.fields) != layout.width or (text := record.fields[place]) == before:
            continue
        before = text
        try:
            yield read_local_time(text, 0).wall
        except Refused:
            continue
