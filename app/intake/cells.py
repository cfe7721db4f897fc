"""Reads the values of single cells: exact, strict, and cached because receipts repeat prices, numbers and times.

Money is counted in ten-thousandths while a price has decimals; it becomes fen once per line, rounded half up.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from app.inbound.events import LineKind
from app.intake.layouts import Column
from app.intake.refusals import Refused

PRICE_SCALE = 10_000
PRICE_DECIMALS = 4
FEN_SCALE = PRICE_SCALE // 100
MAX_QUANTITY = 10_000_000
MAX_PRICE = 100_000_000 * PRICE_SCALE
MAX_AMOUNT_FEN = 10**13
FIRST_YEAR = 1970
NOON = time(12)

NUMBER = re.compile(r"(-?)(\d{1,18})(?:\.(\d{1,18}))?", re.ASCII)
WHOLE = re.compile(r"-?\d{1,12}", re.ASCII)
LOCAL_TIME = re.compile(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}(:\d{2})?)?", re.ASCII)
DATE_LENGTH = 10
# No number or time is longer; without the bound, blanks around them would fill the caches.
MAX_CELL = 48
TOO_LONG = "…"  # matches no pattern
MAX_SKU = 64
MAX_SIZE = 16

# The codes of the published data set that are no articles (Chen 2015); a POS of one's own adds its own here.
KINDS = {
    "POST": LineKind.POSTAGE,
    "DOT": LineKind.POSTAGE,
    "C2": LineKind.POSTAGE,  # carriage
    "D": LineKind.DISCOUNT,
    "M": LineKind.ADJUSTMENT,  # manual
    "S": LineKind.ADJUSTMENT,  # samples
    "B": LineKind.ADJUSTMENT,  # bad debt
    "PADS": LineKind.ADJUSTMENT,  # a tenth of a penny, to match cushions sold
    "BANK CHARGES": LineKind.FEE,
    "AMAZONFEE": LineKind.FEE,
    "CRUK": LineKind.FEE,  # commission to a charity
}
VOUCHER_PREFIX = "GIFT_"  # a gift voucher is money kept for later, not goods


class Price(NamedTuple):
    """A unit price or total: how often a ten-thousandth of the currency's unit, and how it is written."""

    scaled: int
    text: str


class LocalTime(NamedTuple):
    """What the store's clock showed; noon where the POS gave a date only."""

    wall: datetime
    is_known: bool


@lru_cache(maxsize=16_384)
def read_price(text: str, column: Column) -> Price:
    """A plain decimal number, sign kept. Raises `Refused` for anything else or more than 4 decimals."""
    stripped = _bounded(text)
    found = NUMBER.fullmatch(stripped)
    if found is None:
        raise Refused("bad_price" if stripped else "missing_value", column)
    sign, whole, decimals = found[1], found[2], (found[3] or "").rstrip("0")
    if len(decimals) > PRICE_DECIMALS:
        raise Refused("bad_price", column)
    scaled = int(whole) * PRICE_SCALE + int(decimals.ljust(PRICE_DECIMALS, "0"))
    if scaled > MAX_PRICE:
        raise Refused("amount_too_large", column)
    return Price(-scaled if sign else scaled, f"{sign}{int(whole)}.{decimals.ljust(2, '0')}")


@lru_cache(maxsize=16_384)
def read_quantity(text: str) -> int:
    """A whole number other than zero, sign kept. Raises `Refused`."""
    stripped = _bounded(text)
    if WHOLE.fullmatch(stripped) is None:
        raise Refused("bad_quantity" if stripped else "missing_value", Column.QUANTITY)
    quantity = int(stripped)
    if quantity == 0:
        raise Refused("zero_quantity", Column.QUANTITY)
    if abs(quantity) > MAX_QUANTITY:
        raise Refused("amount_too_large", Column.QUANTITY)
    return quantity


@lru_cache(maxsize=4_096)
def read_local_time(text: str, shift_days: int) -> LocalTime:
    """A date, or a date and a time, of the store's clock, moved by whole days. Raises `Refused`."""
    stripped = _bounded(text)
    if LOCAL_TIME.fullmatch(stripped) is None:
        raise Refused("bad_date" if stripped else "missing_value", Column.DATE)
    try:
        wall = datetime.fromisoformat(stripped) + timedelta(days=shift_days)
    except (ValueError, OverflowError) as error:
        raise Refused("bad_date", Column.DATE) from error
    if wall.year < FIRST_YEAR:
        raise Refused("bad_date", Column.DATE)
    if len(stripped) > DATE_LENGTH:
        return LocalTime(wall, True)
    return LocalTime(datetime.combine(wall, NOON), False)


@lru_cache(maxsize=16_384)
def read_sku(text: str) -> tuple[str, LineKind]:
    """An article code and what its line stands for. Raises `Refused`."""
    sku = read_code(text, Column.SKU, MAX_SKU)
    if not sku:
        raise Refused("missing_value", Column.SKU)
    return sku, kind_of(sku)


@lru_cache(maxsize=1_024)
def read_size(text: str) -> str:
    """A size as the POS writes it; may be empty. Raises `Refused`."""
    return read_code(text, Column.SIZE, MAX_SIZE)


def kind_of(sku: str) -> LineKind:
    """What a line stands for, by its article code."""
    code = sku.upper()
    return LineKind.ADJUSTMENT if code.startswith(VOUCHER_PREFIX) else KINDS.get(code, LineKind.GOODS)


def line_fen(quantity: int, price: Price) -> int:
    """|quantity| × price in fen, rounded half up once (design §4: a line is rounded once, never its unit price)."""
    return (abs(quantity) * price.scaled + FEN_SCALE // 2) // FEN_SCALE


def read_code(text: str, column: Column, longest: int) -> str:
    """A code without the blanks around it; may be empty. Raises `Refused` where it is too long or not printable."""
    code = text.strip()
    if len(code) > longest:
        raise Refused("too_long", column)
    if not code.isprintable():
        raise Refused("bad_text", column)
    return code


def _bounded(text: str) -> str:
    return text.strip() if len(text) <= MAX_CELL else TOO_LONG
