"""What is wrong in a file is refused by row and column, and nothing is half applied."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable

import pytest

from app.intake import grouping
from app.intake.building import Context
from app.intake.reading import RefusedInvoice, read_purchases
from app.intake.records import MAX_LINE_BYTES
from app.intake.refusals import UnreadableFile, reasons
from tests.intake.files import (
    INVOICES,
    LINES,
    NOW,
    STORES,
    events,
    line,
    read,
    read_lines,
    refusals,
)

GOOD = line(ref="good")


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        (line(quantity="-1"), "Quantity", "not_a_sale"),
        (line(price="0", customer=""), "UnitPrice", "not_a_sale"),
        (line(price="-1"), "UnitPrice", "negative_price"),
        (line(price="1e3"), "UnitPrice", "bad_price"),
        (line(price="NaN"), "UnitPrice", "bad_price"),
        (line(price="1.00001"), "UnitPrice", "bad_price"),
        (line(price="٣"), "UnitPrice", "bad_price"),
        (line(price=""), "UnitPrice", "missing_value"),
        (line(price="99999999999"), "UnitPrice", "amount_too_large"),
        (line(price="99999999", quantity="9999999"), "UnitPrice", "amount_too_large"),
        (line(quantity="0"), "Quantity", "zero_quantity"),
        (line(quantity="1.5"), "Quantity", "bad_quantity"),
        (line(quantity="1_0"), "Quantity", "bad_quantity"),
        (line(quantity=""), "Quantity", "missing_value"),
        (line(quantity="99999999"), "Quantity", "amount_too_large"),
        (line(at="01/05/2024"), "InvoiceDate", "bad_date"),
        (line(at="2024-02-30"), "InvoiceDate", "bad_date"),
        (line(at="2024-05-01 24:61:00"), "InvoiceDate", "bad_date"),
        (line(at="0001-01-01"), "InvoiceDate", "bad_date"),
        (line(at=""), "InvoiceDate", "missing_value"),
        (line(at="2024-06-01 12:00:01"), "InvoiceDate", "in_future"),
        (line(ref=""), "InvoiceNo", "missing_value"),
        (line(ref="x" * 65), "InvoiceNo", "too_long"),
        (line(ref="a\tb"), "InvoiceNo", "bad_text"),
        (line(sku=""), "StockCode", "missing_value"),
        (line(sku="x" * 65), "StockCode", "too_long"),
        (line(customer="x" * 65), "CustomerID", "too_long"),
        (line(ref="C1"), "Quantity", "refund_not_negative"),
        ("1,A,half a row", "", "wrong_number_of_fields"),
        (line() + ",one more", "", "wrong_number_of_fields"),
        ('1,A,"never closed,1,2024-05-01 10:00:00,10,c1,China', "", "bad_quotes"),
        ('1,A,"closed"but,1,2024-05-01 10:00:00,10,c1,China', "", "bad_quotes"),
        (line(sku="A\0"), "", "nul_byte"),
        (line(sku="x" * MAX_LINE_BYTES), "", "row_too_long"),
    ],
)
def test_a_wrong_row_is_refused_alone(row: str, column: str, code: str):
    results = read_lines(GOOD, row, line(ref="after"))
    assert refusals(results) == [(3, column, code)]
    assert [event.ref for event in events(results)] == ["good", "after"]


def test_every_code_is_described_in_both_languages():
    for code, reason in reasons().items():
        assert reason.zh, code
        assert reason.en, code


def test_a_row_that_is_not_utf8_is_refused_alone():
    data = "\n".join((LINES, GOOD, line(), line(ref="after"), "")).encode()
    results = read(data.replace("1,A,衬衫".encode(), "1,A,衬衫".encode("gb18030")))
    assert refusals(results) == [(3, "", "not_utf8")]
    assert len(events(results)) == 2


def test_a_bad_row_refuses_its_whole_invoice_and_names_it():
    results = read_lines(line(sku="A"), line(sku="B", price="x"), line(sku="C"), line(ref="2"))
    assert refusals(results) == [
        (2, "", "invoice_refused"),
        (3, "UnitPrice", "bad_price"),
        (4, "", "invoice_refused"),
    ]
    assert [row.cause for row in results[0].rows] == [3, 0, 3]
    assert [event.ref for event in events(results)] == ["2"]


def test_mixed_signs_are_refused():
    results = read_lines(line(), line(sku="B", quantity="-1"), line(ref="C2"), line(ref="C2", quantity="-1"))
    assert refusals(results) == [
        (2, "", "invoice_refused"),
        (3, "Quantity", "mixed_signs"),
        (4, "Quantity", "mixed_signs"),
        (5, "", "invoice_refused"),
    ]


def test_rows_of_an_invoice_that_differ_are_refused():
    rows = [line(customer="c1"), line(customer="c2"), line(ref="2"), line(ref="2", at="2024-05-03 10:00:00")]
    assert refusals(read_lines(*rows)) == [
        (2, "", "invoice_refused"),
        (3, "CustomerID", "differs_within_invoice"),
        (4, "", "invoice_refused"),
        (5, "InvoiceDate", "times_apart"),
    ]


def test_an_unreadable_row_inside_an_invoice_refuses_it():
    """Otherwise the invoice would be applied without that line, and could never be repaired."""
    results = read_lines(line(), line(ref=""), line(), line(ref="2"))
    assert refusals(results) == [
        (2, "", "invoice_refused"),
        (3, "InvoiceNo", "missing_value"),
        (4, "", "invoice_refused"),
    ]
    results = read_lines(line(), '1,A,"open,1', line(ref="2"))
    assert [code for _, _, code in refusals(results)] == ["invoice_refused", "bad_quotes"]


def test_an_invoice_refused_once_stays_refused_when_more_of_it_comes():
    results = read_lines(line(price="x"), line(ref="2"), line())
    assert refusals(results) == [(2, "UnitPrice", "bad_price"), (4, "", "invoice_refused")]


def test_stores_and_currencies_must_be_known():
    rows = [
        line("1", "A", "1", "2024-05-01", "5", "c1", "NOPE", ""),
        line("2", "A", "1", "2024-05-01", "5", "c1", "SH01", "GBP"),
        line("3", "A", "1", "2024-05-01", "5", "c1", "", ""),
    ]
    results = read_lines(*rows, more=",StoreCode,Currency", stores=())
    assert refusals(results) == [
        (2, "StoreCode", "unknown_store"),
        (3, "Currency", "wrong_currency"),
        (4, "StoreCode", "missing_value"),
    ]
    assert refusals(read_lines(GOOD, currency="GBP")) == [(2, "Currency", "wrong_currency")]


def test_only_a_refund_may_cancel():
    results = read_lines(line("1", "A", "1", "2024-05-01", "5", "c1", "0"), more=",Cancels")
    assert refusals(results) == [(2, "Cancels", "cancels_on_sale")]


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("1,2024-05-01,c1,-5", "TotalPrice", "negative_price"),
        ("C1,2024-05-01,c1,5", "TotalPrice", "refund_not_negative"),
        ("1,2024-05-01,,0", "TotalPrice", "not_a_sale"),
        ("1,2024-05-01,c1,abc", "TotalPrice", "bad_price"),
        ("1,2024-05-01,c1", "", "wrong_number_of_fields"),
    ],
)
def test_a_wrong_total_is_refused(row: str, column: str, code: str):
    assert refusals(read(f"{INVOICES}\n{row}\n")) == [(2, column, code)]


def test_a_last_row_without_line_end_is_believed_only_where_nothing_can_be_missing():
    whole = f"{INVOICES}\n1,2024-05-01,c1,329.05"
    assert len(events(read(whole))) == 1
    assert refusals(read(whole[:-1])) == [(2, "TotalPrice", "cut_off")]
    assert refusals(read(whole[:-8])) == [(2, "", "wrong_number_of_fields")]
    assert len(events(read(f"{LINES}\n{GOOD}"))) == 1


def test_a_quote_that_is_never_closed_swallows_nothing():
    rows = [line(ref=str(number)) for number in range(100)]
    rows[10] = rows[10].replace("衬衫", '"衬衫')
    results = read_lines(*rows)
    assert refusals(results) == [(12, "", "bad_quotes")]
    assert len(events(results)) == 99


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf\r\n", "empty_file"),
        (b"\x1f\x8b\x08\0\0", "compressed_file"),
        (b"PK\x03\x04xl/", "spreadsheet_file"),
        (LINES.encode("utf-16"), "not_utf8_file"),
        (b"\x89PNG\r\n\x1a\n\0", "not_utf8_file"),
        (b"abc\0def\n", "not_csv"),
        (b"x" * 300_000, "not_csv"),
        (b'"never closed', "not_csv"),
        (b"just some text\n", "not_csv"),
        (b"{}\n", "not_csv"),
        (f"{LINES},Telephone\n".encode(), "unknown_column"),
        (f"{INVOICES},Size\n".encode(), "unknown_column"),
        (f"{LINES},Country\n".encode(), "repeated_column"),
        (LINES.replace(",UnitPrice", "").encode(), "missing_column"),
        (LINES.replace(",", ";").encode(), "not_csv"),
    ],
)
def test_a_file_that_is_none_is_refused_as_a_whole(data: bytes, code: str):
    with pytest.raises(UnreadableFile) as refused:
        read(data)
    assert refused.value.code == code


def test_an_unknown_column_is_named():
    with pytest.raises(UnreadableFile, match="Telephone"):
        read(f"{LINES},Telephone\n")


def test_a_file_without_stores_needs_one_given():
    with pytest.raises(UnreadableFile, match="no_store"):
        read_lines(GOOD, stores=())


def test_a_header_alone_is_a_day_without_sales():
    assert read(f"{LINES}\n") == []


class Endless(io.RawIOBase):
    """A file of any size that takes no memory: a head, then the same piece again and again."""

    def __init__(self, head: bytes, piece: Callable[[int], bytes], size: int) -> None:
        self._buffer = head
        self._piece = piece
        self._left = size
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target) -> int:
        while self._left > 0 and len(self._buffer) < len(target):
            block = self._piece(self._count)
            self._count += 1
            self._buffer += block
            self._left -= len(block)
        taken = self._buffer[: len(target)]
        self._buffer = self._buffer[len(target) :]
        target[: len(taken)] = taken
        return len(taken)


def row_of_new_invoice(number: int) -> bytes:
    return f"{line(ref=str(number), price='x' if number % 2 else '1')}\n".encode()


@pytest.mark.parametrize(
    ("piece", "size"),
    [
        pytest.param(lambda _: b"x" * 65_000, 100_000_000, id="one endless line"),
        pytest.param(lambda _: b'1,"' + b"y" * 9_000 + b"\n", 50_000_000, id="open quotes"),
        pytest.param(lambda _: b"\0" * 9_000 + b"\n", 50_000_000, id="zeroes"),
        pytest.param(lambda _: b"\n" * 4_000, 200_000, id="blank lines"),
        pytest.param(lambda _: f"{line()}\n".encode() * 30, 1_000_000, id="one endless invoice"),
        pytest.param(lambda _: b",A\n" * 50, 60_000, id="rows without number"),
        pytest.param(row_of_new_invoice, 400_000, id="every other one refused"),
    ],
)
def test_memory_does_not_grow_with_the_file(piece: Callable[[int], bytes], size: int):
    file = io.BufferedReader(Endless(f"{LINES}\n".encode(), piece, size))
    tracemalloc.start()
    for _ in read_purchases(file, Context(STORES, ("SH01",), NOW)):
        pass
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert highest < 12_000_000


def test_an_invoice_with_too_many_lines_is_refused_whole(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(grouping, "MAX_LINES", 10)
    results = read_lines(*[line() for _ in range(25)], line(ref="2"))
    assert {code for _, _, code in refusals(results)} == {"too_many_lines"}
    assert len(refusals(results)) == 25
    assert [one.continues for one in results if isinstance(one, RefusedInvoice)] == [False, True, True]
    assert [event.ref for event in events(results)] == ["2"]
