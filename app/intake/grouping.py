"""Puts the consecutive rows of one invoice together, in bounded memory. Nothing here reads their values.

A row that cannot be read still belongs somewhere: to the invoice whose number it shows, or to the one it stands
inside of; otherwise that invoice would be applied without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from app.intake.layouts import Column, Layout
from app.intake.records import Record

MAX_LINES = 5_000
MAX_CHARS = 4_000_000
MAX_STRAYS = 100
MAX_REF = 64


class Row(NamedTuple):
    """A record and, where it is already known to be wrong, why and in which column."""

    record: Record
    code: str = ""
    column: str = ""


@dataclass(slots=True)
class Group:
    """The rows of one invoice; `ref` is empty for a stray row without a number.

    Of an invoice that is too large come several groups, each `oversize`; all but the first also `continues`.
    """

    ref: str
    rows: list[Row] = field(default_factory=list)
    oversize: bool = False
    continues: bool = False
    chars: int = 0

    def add(self, row: Row) -> None:
        """Take one more row."""
        self.rows.append(row)
        self.chars += len(row.record.raw)

    @property
    def is_full(self) -> bool:
        """True when it must not be held in memory any longer."""
        return len(self.rows) > MAX_LINES or self.chars > MAX_CHARS


def group_records(records: Iterator[Record], layout: Layout) -> Iterator[Group]:
    """The rows after the header, invoice by invoice; in the layout of invoices every row is one."""
    if not layout.has_lines:
        for record in records:
            ref, row = identify(record, layout)
            yield Group(ref, [row])
        return
    current = Group("")
    strays: list[Row] = []
    for record in records:
        ref, row = identify(record, layout)
        if not ref:
            strays.append(row)
        if (ref and ref != current.ref) or len(strays) > MAX_STRAYS:
            yield from _finished(current, strays)
            current, strays = Group(ref), []
        if not ref:
            continue
        for inside in (*strays, row):
            current.add(inside)
        strays.clear()
        if current.is_full:
            current.oversize = True
            yield current
            current = Group(ref, oversize=True, continues=True)
    yield from _finished(current, strays)


def _finished(current: Group, strays: list[Row]) -> Iterator[Group]:
    if current.rows:
        yield current
    for row in strays:
        yield Group("", [row])


def identify(record: Record, layout: Layout) -> tuple[str, Row]:
    """The invoice number a row shows (empty: none) and what is wrong with the row as a whole."""
    _, raw, fields, problem = record
    place = layout.at[Column.INVOICE]
    if problem:
        return _guessed_ref(raw) if place == 0 else "", Row(record, problem)
    if len(fields) != layout.width:
        ref = fields[place].strip() if place < len(fields) else ""
        return ref, Row(record, "wrong_number_of_fields")
    ref = fields[place].strip()
    if not ref:
        return "", Row(record, "missing_value", Column.INVOICE)
    if raw[-1] != "\n" and is_cut_off(layout.last, fields[-1]):
        return ref, Row(record, "cut_off", layout.last)
    return ref, Row(record)


def is_cut_off(column: Column, text: str) -> bool:
    """True where the last value of a file without a last line end may be the beginning of another value."""
    if column in {Column.PRICE, Column.TOTAL}:
        return len(text.strip().partition(".")[2]) < 2
    return column in {Column.QUANTITY, Column.DATE}


def _guessed_ref(raw: str) -> str:
    ref = raw[: MAX_REF + 3].partition(",")[0].strip('" \r\n')
    return ref if len(ref) <= MAX_REF and ref.isprintable() else ""
