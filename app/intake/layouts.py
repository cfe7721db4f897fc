"""The two layouts of a purchase file, told apart by their header. Nothing here reads rows.

Lines: a row per line of a receipt. Invoices: a row per receipt, with its total. Columns may stand in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.intake.refusals import UnreadableFile


class Column(StrEnum):
    """Every column a purchase file may have, as its header spells it."""

    INVOICE = "InvoiceNo"
    SKU = "StockCode"
    DESCRIPTION = "Description"
    QUANTITY = "Quantity"
    DATE = "InvoiceDate"
    PRICE = "UnitPrice"
    CUSTOMER = "CustomerID"
    COUNTRY = "Country"
    TOTAL = "TotalPrice"
    STORE = "StoreCode"
    SELLER = "SellerID"
    CURRENCY = "Currency"
    SIZE = "Size"
    CANCELS = "Cancels"
    PHONE = "Phone"


LINES = frozenset(
    {
        Column.INVOICE,
        Column.SKU,
        Column.DESCRIPTION,
        Column.QUANTITY,
        Column.DATE,
        Column.PRICE,
        Column.CUSTOMER,
        Column.COUNTRY,
    }
)
LINES_OPTIONAL = frozenset(
    {Column.STORE, Column.SELLER, Column.CURRENCY, Column.SIZE, Column.CANCELS, Column.PHONE}
)
INVOICES = frozenset({Column.INVOICE, Column.DATE, Column.CUSTOMER, Column.TOTAL})
INVOICES_OPTIONAL = frozenset({Column.STORE, Column.SELLER, Column.CURRENCY, Column.PHONE})


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each column stands; `at` has required and present optional columns only."""

    has_lines: bool
    columns: tuple[Column, ...]
    at: dict[Column, int]

    @property
    def width(self) -> int:
        """How many fields every row has."""
        return len(self.columns)

    @property
    def last(self) -> Column:
        """The column whose value a file that was cut off may end in the middle of."""
        return self.columns[-1]


def read_layout(header: Sequence[str]) -> Layout:
    """The layout a header row declares. Raises `UnreadableFile` naming the first column that is wrong."""
    names = [name.strip() for name in header]
    if Column.INVOICE not in names:
        raise UnreadableFile("not_csv" if len(names) < 2 else "missing_column", _shown(names))
    has_lines = Column.TOTAL not in names
    required, optional = (LINES, LINES_OPTIONAL) if has_lines else (INVOICES, INVOICES_OPTIONAL)
    for name in names:
        if name not in required | optional:
            raise UnreadableFile("unknown_column", name[:64])
        if names.count(name) > 1:
            raise UnreadableFile("repeated_column", name)
    missing = sorted(required.difference(names))
    if missing:
        raise UnreadableFile("missing_column", ", ".join(missing))
    columns = tuple(Column(name) for name in names)
    return Layout(has_lines, columns, {column: place for place, column in enumerate(columns)})


def _shown(names: Sequence[str]) -> str:
    return f"{Column.INVOICE} (found: {', '.join(names)[:120]})"
