"""Makes one event of the rows of one invoice. Pure; says of every wrong row why."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

import msgspec

from app.inbound.events import Event, Line, Phone, PurchaseReported, RefundReported
from app.intake.cells import (
    FEN_SCALE,
    MAX_AMOUNT_FEN,
    LocalTime,
    line_fen,
    read_code,
    read_local_time,
    read_price,
    read_quantity,
    read_size,
    read_sku,
)
from app.intake.grouping import MAX_REF, Group
from app.intake.layouts import Column, Layout
from app.intake.records import Record
from app.intake.refusals import Refused
from app.members.phones import read_phone, seal_phone
from app.sealing import Keyring
from app.stores.queries import StoreFacts

MAX_DESCRIPTION = 255
LONGEST = {
    Column.CUSTOMER: 64,
    Column.STORE: 32,
    Column.SELLER: 64,
    Column.CURRENCY: 3,
    Column.CANCELS: MAX_REF,
}
# What all rows of an invoice must agree in.
SHARED = (Column.CUSTOMER, Column.STORE, Column.CURRENCY, Column.CANCELS)
MAX_APART = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Context:
    """What reading a file needs to know beside it.

    `spread` are the codes of the stores that rows without a StoreCode go to, each member always to the same one.
    `currency` is what the file's amounts are in where it does not say (empty: each store's own). `phones` seals
    members' numbers; without it they are not taken over.
    """

    stores: Mapping[str, StoreFacts]
    spread: tuple[str, ...]
    now: datetime
    currency: str = ""
    shift_days: int = 0
    phones: Keyring | None = None


class Faults(Exception):
    """Some rows of an invoice are wrong: why, by row number."""

    def __init__(self, by_row: Mapping[int, Refused]) -> None:
        super().__init__(len(by_row))
        self.by_row = by_row


class _Parsed(NamedTuple):
    """One row, read: its line (none in the layout of invoices), amount and sign, and when it happened."""

    number: int
    line: Line | None
    amount_fen: int
    is_negative: bool
    local: LocalTime


class _Moment(NamedTuple):
    occurred_at: datetime
    time_known: bool


def spread_over(codes: Sequence[str], key: str) -> str:
    """One of the store codes (sorted), always the same for a key: where rows that name no store go."""
    return codes[zlib.crc32(key.encode()) % len(codes)]


class EventBuilder:
    """Builds the events of one file."""

    def __init__(self, layout: Layout, context: Context) -> None:
        self._layout = layout
        self._context = context
        self._spread = tuple(sorted(set(context.spread)))
        at = layout.at
        self._date = at[Column.DATE]
        self._size = at.get(Column.SIZE, -1)
        self._seller = at.get(Column.SELLER, -1)
        self._shared = tuple(at[column] for column in SHARED if column in at)
        self._parse = self._parse_line if layout.has_lines else self._parse_total

    def build(self, group: Group) -> Event:
        """The event of one invoice. Raises `Faults` for single rows, `Refused` for the invoice as a whole."""
        rows, faults = self._parse_rows(group)
        if faults:
            raise Faults(faults)
        ref = read_code(group.ref, Column.INVOICE, MAX_REF)
        is_refund = ref[0] in "Cc"
        self._check_signs(rows, is_refund)
        first = group.rows[0].record.fields
        customer, cancels = self._code(first, Column.CUSTOMER), self._code(first, Column.CANCELS)
        amount_fen = self._amount(rows, customer)
        store = self._store(first, customer or cancels or ref)
        moment = self._moment(rows, store)
        lines = tuple([row.line for row in rows if row.line is not None])
        seller = self._first_seller(group)
        if is_refund:
            return RefundReported(
                ref, store.code, customer, seller, *moment, store.currency, amount_fen, lines, cancels
            )
        if cancels:
            raise Refused("cancels_on_sale", Column.CANCELS)
        phone = self._phone(first, ref) if customer else msgspec.UNSET
        return PurchaseReported(
            ref, store.code, customer, seller, *moment, store.currency, amount_fen, lines, phone
        )

    def _parse_rows(self, group: Group) -> tuple[list[_Parsed], dict[int, Refused]]:
        rows: list[_Parsed] = []
        faults: dict[int, Refused] = {}
        shared: list[str] | None = None
        for record, code, column in group.rows:
            try:
                if code:
                    raise Refused(code, column)
                fields = record.fields
                mine = [fields[place] for place in self._shared]
                shared = shared or mine
                if mine != shared:
                    self._check_shared(mine, shared)
                rows.append(self._parse(record))
            except Refused as reason:
                faults[record.number] = reason
        return rows, faults

    def _parse_line(self, record: Record) -> _Parsed:
        fields, at = record.fields, self._layout.at
        quantity = read_quantity(fields[at[Column.QUANTITY]])
        price = read_price(fields[at[Column.PRICE]], Column.PRICE)
        if price.scaled < 0:
            raise Refused("negative_price", Column.PRICE)
        sku, kind = read_sku(fields[at[Column.SKU]])
        description = fields[at[Column.DESCRIPTION]].strip()[:MAX_DESCRIPTION]
        size = read_size(fields[self._size]) if self._size >= 0 else ""
        fen = line_fen(quantity, price)
        line = Line(sku, description, abs(quantity), price.text, fen, kind, size)
        local = read_local_time(fields[self._date], self._context.shift_days)
        return _Parsed(record.number, line, fen, quantity < 0, local)

    def _parse_total(self, record: Record) -> _Parsed:
        total = read_price(record.fields[self._layout.at[Column.TOTAL]], Column.TOTAL)
        local = read_local_time(record.fields[self._date], self._context.shift_days)
        fen = (abs(total.scaled) + FEN_SCALE // 2) // FEN_SCALE
        return _Parsed(record.number, None, fen, total.scaled < 0, local)

    def _check_shared(self, mine: Sequence[str], shared: Sequence[str]) -> None:
        for place, one, other in zip(self._shared, mine, shared, strict=True):
            if one.strip() != other.strip():
                raise Refused("differs_within_invoice", self._layout.columns[place])

    def _check_signs(self, rows: Sequence[_Parsed], is_refund: bool) -> None:
        """Purchases are positive, refunds negative; a stock adjustment is a negative quantity on no refund."""
        negative = [row.number for row in rows if row.is_negative]
        if len(negative) == (len(rows) if is_refund else 0):
            return
        column = Column.QUANTITY if self._layout.has_lines else Column.TOTAL
        if not negative:
            raise Refused("refund_not_negative", column)
        if len(negative) == len(rows):
            raise Refused("not_a_sale" if self._layout.has_lines else "negative_price", column)
        wrong = [row.number for row in rows if row.is_negative != is_refund]
        raise Faults({number: Refused("mixed_signs", column) for number in wrong})

    def _amount(self, rows: Sequence[_Parsed], customer: str) -> int:
        amount_fen = sum([row.amount_fen for row in rows])
        column = Column.PRICE if self._layout.has_lines else Column.TOTAL
        if amount_fen > MAX_AMOUNT_FEN:
            raise Refused("amount_too_large", column)
        if amount_fen == 0 and not customer:
            raise Refused("not_a_sale", column)
        return amount_fen

    def _store(self, fields: Sequence[str], spread_by: str) -> StoreFacts:
        """The store a row names; without one, of the given stores always the same for the same member."""
        code = self._code(fields, Column.STORE)
        if not code and self._spread:
            code = spread_over(self._spread, spread_by)
        store = self._context.stores.get(code)
        if store is None:
            raise Refused("unknown_store" if code else "missing_value", Column.STORE)
        currency = self._code(fields, Column.CURRENCY) or self._context.currency
        if currency and currency != store.currency:
            raise Refused("wrong_currency", Column.CURRENCY)
        return store

    def _moment(self, rows: Sequence[_Parsed], store: StoreFacts) -> _Moment:
        """The earliest time of the rows: a POS that closes a receipt over a minute's end writes two."""
        earliest = min(rows, key=_wall).local if len(rows) > 1 else rows[0].local
        late = {row.number for row in rows if row.local.wall - earliest.wall > MAX_APART}
        if late:
            raise Faults({number: Refused("times_apart", Column.DATE) for number in late})
        day = earliest.wall.date()
        occurred_at = store.hours.at(day, earliest.wall.time())
        # A date alone stands at noon, which in the morning of that day is still to come.
        begins_at = occurred_at if earliest.is_known else store.hours.at(day, time.min)
        if begins_at > self._context.now:
            raise Refused("in_future", Column.DATE)
        return _Moment(occurred_at.astimezone(UTC), earliest.is_known)

    def _phone(self, fields: Sequence[str], ref: str) -> Phone | msgspec.UnsetType:
        """The buyer's number, sealed; the same for the same invoice."""
        place, keys = self._layout.at.get(Column.PHONE), self._context.phones
        if place is None or keys is None or not (text := fields[place].strip()):
            return msgspec.UNSET
        number = read_phone(text)
        if number is None:
            raise Refused("bad_phone", Column.PHONE)
        sealed = seal_phone(keys, number, salt=ref)
        return Phone(sealed.sealed, sealed.number_index, sealed.masked)

    def _first_seller(self, group: Group) -> str:
        """Who sold: the first row that says so."""
        if self._seller < 0:
            return ""
        for row in group.rows:
            if seller := self._code(row.record.fields, Column.SELLER):
                return seller
        return ""

    def _code(self, fields: Sequence[str], column: Column) -> str:
        place = self._layout.at.get(column)
        if place is None or not (text := fields[place]):
            return ""
        return read_code(text, column, LONGEST[column])


def _wall(row: _Parsed) -> datetime:
    return row.local.wall
