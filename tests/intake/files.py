"""Purchase files for tests, written as a POS would."""

from __future__ import annotations

import io
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from app.intake.building import Context
from app.intake.reading import ReadInvoice, RefusedInvoice, read_purchases
from app.stores.queries import StoreFacts
from app.stores.rules import StoreHours

LINES = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
INVOICES = "InvoiceNo,InvoiceDate,CustomerID,TotalPrice"
NOW = datetime(2024, 6, 1, 4, 0, tzinfo=UTC)


def store(code: str, currency: str = "CNY", zone: str = "Asia/Shanghai") -> StoreFacts:
    return StoreFacts(1, code, code, currency, StoreHours(ZoneInfo(zone), time(10), time(22)))


STORES = {
    facts.code: facts
    for facts in (store("SH01"), store("SH02"), store("LN01", "GBP", "Europe/London"), store("SH03"))
}


def line(
    ref="1", sku="A", quantity="1", at="2024-05-01 10:00:00", price="10", customer="c1", *more: str
) -> str:
    return ",".join((ref, sku, "衬衫", quantity, at, price, customer, "China", *more))


def read(text: str | bytes, *, stores=("SH01",), currency="", shift_days=0, now=NOW, phones=None):
    """Everything the reader gives for a file with this content."""
    data = text.encode() if isinstance(text, str) else text
    context = Context(STORES, tuple(stores), now, currency, shift_days, phones)
    return list(read_purchases(io.BytesIO(data), context))


def read_lines(*rows: str, more: str = "", **options):
    """The same for rows of the lines layout, with more columns behind the required ones."""
    return read("\n".join((LINES + more, *rows)) + "\n", **options)


def events(results) -> list[Any]:
    return [result.event for result in results if isinstance(result, ReadInvoice)]


def refusals(results) -> list[tuple[int, str, str]]:
    """(row, column, code) of every refused row."""
    return [
        (row.number, str(row.column), row.code)
        for result in results
        if isinstance(result, RefusedInvoice)
        for row in result.rows
    ]
