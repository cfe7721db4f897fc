"""Purchase files become events: both layouts, money, times, stores, refunds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.inbound.events import LineKind, PurchaseReported, RefundReported, encode
from app.intake.reading import read_local_span
from app.members.phones import PURPOSE, open_phone
from app.sealing import Keyring
from tests.intake.files import INVOICES, LINES, NOW, events, line, read, read_lines, refusals

EXCERPT = Path(__file__).resolve().parents[2] / "config" / "demo" / "purchases_excerpt.csv"


def only_event(*rows: str, **options):
    results = read_lines(*rows, **options)
    assert refusals(results) == []
    (event,) = events(results)
    return event


def test_consecutive_rows_of_one_number_are_one_purchase():
    event = only_event(line(sku="A", quantity="2", price="9.99"), line(sku="B", price="0.5"))
    assert isinstance(event, PurchaseReported)
    assert [(one.sku, one.quantity, one.unit_price, one.amount_fen) for one in event.lines] == [
        ("A", 2, "9.99", 1998),
        ("B", 1, "0.50", 50),
    ]
    assert (event.ref, event.amount_fen, event.customer, event.store, event.currency) == (
        "1",
        2048,
        "c1",
        "SH01",
        "CNY",
    )


@pytest.mark.parametrize(
    ("quantity", "price", "fen"),
    [("1", "0.005", 1), ("1", "0.0049", 0), ("3", "0.335", 101), ("7", "1.0050", 704), ("12", "0.42", 504)],
)
def test_a_line_is_rounded_half_up_once(quantity: str, price: str, fen: int):
    assert only_event(line(quantity=quantity, price=price)).amount_fen == fen


def test_local_times_become_utc_by_the_stores_zone():
    shanghai = only_event(line(at="2024-05-01 10:00:00"))
    london = only_event(line(at="2024-05-01 10:00:00"), stores=("LN01",))
    assert shanghai.occurred_at == datetime(2024, 5, 1, 2, 0, tzinfo=UTC)
    assert london.occurred_at == datetime(2024, 5, 1, 9, 0, tzinfo=UTC)


def test_a_time_that_spring_skips_moves_forward():
    event = only_event(line(at="2024-03-31 01:30:00"), stores=("LN01",))
    assert event.occurred_at == datetime(2024, 3, 31, 1, 30, tzinfo=UTC)


def test_a_date_alone_is_noon_of_the_store_with_time_unknown():
    (event,) = events(read(f"{INVOICES}\n7,2024-05-01,c1,139.12\n"))
    assert event.occurred_at == datetime(2024, 5, 1, 4, 0, tzinfo=UTC)
    assert (event.time_known, event.amount_fen, event.lines) == (False, 13912, ())


def test_a_date_alone_of_today_is_not_in_future_in_the_morning():
    morning = datetime(2024, 5, 31, 22, 0, tzinfo=UTC)  # 06:00 of June 1st in Shanghai
    today = read(f"{INVOICES}\n7,2024-06-01,c1,1.00\n", now=morning)
    tomorrow = read(f"{INVOICES}\n7,2024-06-02,c1,1.00\n", now=morning)
    assert len(events(today)) == 1
    assert refusals(tomorrow) == [(2, "InvoiceDate", "in_future")]


def test_the_earliest_time_of_an_invoice_counts():
    event = only_event(line(at="2024-05-01 10:01:00"), line(at="2024-05-01 10:00:00"))
    assert event.occurred_at == datetime(2024, 5, 1, 2, 0, tzinfo=UTC)


def test_whole_days_are_added_on_the_local_calendar():
    event = only_event(line(at="2024-03-30 10:00:00"), stores=("LN01",), shift_days=1)
    assert event.occurred_at == datetime(2024, 3, 31, 9, 0, tzinfo=UTC)  # summer time began that night


def test_a_cancellation_is_a_refund_with_positive_quantities():
    event = only_event(line(ref="C9", quantity="-2", price="5"), more="")
    assert isinstance(event, RefundReported)
    assert (event.lines[0].quantity, event.amount_fen, event.cancels) == (2, 1000, "")


def test_a_refund_may_name_what_it_cancels():
    event = only_event(line("C9", "A", "-1", "2024-05-01 10:00:00", "5", "c1", "8"), more=",Cancels")
    assert event.cancels == "8"


def test_a_negative_total_of_a_cancellation_is_a_refund():
    (event,) = events(read(f"{INVOICES}\nC7,2024-05-01,c1,-139.12\n"))
    assert isinstance(event, RefundReported)
    assert event.amount_fen == 13912


def test_a_sale_without_member_is_kept():
    assert only_event(line(customer="")).customer == ""


def test_a_free_line_of_a_real_purchase_is_kept_at_zero():
    event = only_event(line(price="0"), line(sku="B", price="3"), line(sku="C", price="0"))
    assert [one.amount_fen for one in event.lines] == [0, 300, 0]


@pytest.mark.parametrize(
    ("sku", "kind"),
    [
        ("POST", LineKind.POSTAGE),
        ("DOT", LineKind.POSTAGE),
        ("C2", LineKind.POSTAGE),
        ("D", LineKind.DISCOUNT),
        ("M", LineKind.ADJUSTMENT),
        ("m", LineKind.ADJUSTMENT),
        ("S", LineKind.ADJUSTMENT),
        ("PADS", LineKind.ADJUSTMENT),
        ("gift_0001_10", LineKind.ADJUSTMENT),
        ("BANK CHARGES", LineKind.FEE),
        ("AMAZONFEE", LineKind.FEE),
        ("CRUK", LineKind.FEE),
        ("85123A", LineKind.GOODS),
    ],
)
def test_codes_that_are_no_articles_are_told_apart(sku: str, kind: LineKind):
    assert only_event(line(sku=sku)).lines[0].kind is kind


def test_optional_columns_stand_in_any_order():
    row = line("1", "A", "1", "2024-05-01 10:00:00", "5", "c1", "XL", "GBP", "lin", "LN01")
    event = only_event(row, more=",Size,Currency,SellerID,StoreCode", stores=())
    assert (event.store, event.seller, event.currency, event.lines[0].size) == ("LN01", "lin", "GBP", "XL")


def test_required_columns_stand_in_any_order():
    text = f"TotalPrice,CustomerID,InvoiceNo,InvoiceDate\n1.00,c1,7,2024-05-01\n{INVOICES}"
    assert events(read(text))[0].ref == "7"


def test_members_are_spread_over_the_given_stores_and_stay_there():
    rows = [line(ref=str(number), customer=f"c{number % 40}") for number in range(200)]
    found = events(read_lines(*rows, stores=("SH01", "SH02", "SH03")))
    stores_of: dict[str, set[str]] = {}
    for event in found:
        stores_of.setdefault(event.customer, set()).add(event.store)
    assert all(len(codes) == 1 for codes in stores_of.values())
    assert {event.store for event in found} == {"SH01", "SH02", "SH03"}
    again = events(read_lines(*rows, stores=("SH03", "SH01", "SH02", "SH01")))
    assert again == found


def test_sales_without_member_are_spread_by_their_number():
    rows = [line(ref=str(number), customer="") for number in range(50)]
    assert len({event.store for event in events(read_lines(*rows, stores=("SH01", "SH02")))}) == 2


def test_a_row_that_names_no_store_goes_to_the_given_one():
    row = line("1", "A", "1", "2024-05-01 10:00:00", "5", "c1", "")
    assert only_event(row, more=",StoreCode").store == "SH01"


def test_the_seller_is_the_first_one_named():
    rows = [
        line("1", sku, "1", "2024-05-01 10:00:00", "5", "c1", seller)
        for sku, seller in (("A", ""), ("B", "lin"), ("C", "wang"))
    ]
    assert only_event(*rows, more=",SellerID").seller == "lin"


def test_a_buyers_number_is_sealed_as_it_is_read_and_one_that_is_none_is_refused():
    keys = Keyring(["secret"], PURPOSE)
    like = ("A", "1", "2024-05-01 10:00:00", "5", "c1")
    rows = [line(str(ref), *like, number) for ref, number in enumerate(("138 0013 8201", "", "123"), 1)]
    results = read_lines(*rows, more=",Phone", phones=keys)
    sealed, none = events(results)
    assert (sealed.phone.masked, open_phone(keys, sealed.phone.sealed)) == ("138****8201", "+8613800138201")
    assert b"13800138201" not in encode(sealed)
    assert b"phone" not in encode(none)
    assert refusals(results) == [(4, "Phone", "bad_phone")]


def test_descriptions_may_hold_commas_quotes_and_line_breaks():
    row = '1,A,"ein ""Hemd"",\nblau",1,2024-05-01 10:00:00,5,c1,China'
    results = read_lines(row, line(ref="2"))
    assert events(results)[0].lines[0].description == 'ein "Hemd",\nblau'
    assert [record.number for record in results[1].rows] == [3]


def test_a_spreadsheets_byte_order_mark_and_line_ends_are_fine():
    text = "\r\n".join((LINES, line(), "", line(ref="2"))) + "\r\n"
    assert [event.ref for event in events(read(b"\xef\xbb\xbf" + text.encode()))] == ["1", "2"]


def test_the_same_file_gives_the_same_events_again():
    rows = [line(), line(sku="B"), line(ref="2", customer="")]
    assert events(read_lines(*rows)) == events(read_lines(*rows))


def test_the_real_excerpt_is_read():
    results = read(EXCERPT.read_bytes(), stores=("LN01",))
    found = events(results)
    refunds = {event.ref: event for event in found if isinstance(event, RefundReported)}
    assert set(refunds) == {"C536826", "C537024", "C536737", "C536758", "C536379", "C536383"}
    assert refunds["C536379"].lines[0].kind is LineKind.DISCOUNT
    assert {code for _, _, code in refusals(results)} == {"not_a_sale"}
    anonymous = {event.ref for event in found if not event.customer}
    assert {"536555", "536558", "536780", "536866", "537220"} <= anonymous
    assert sum(len(result.rows) for result in results) == 147


def test_the_span_of_a_file_is_that_of_its_readable_rows():
    rows = [line(at="2024-05-03 09:00:00"), line(at="nonsense"), line(at="2024-05-09"), "half,a,row"]
    with EXCERPT.open("rb") as file:
        span = read_local_span(file)
    assert span is not None
    assert span.first.isoformat() == "2010-12-01T09:41:00"
    assert span.last.date().isoformat() == "2010-12-05"
    assert [row for row in refusals(read_lines(*rows, now=NOW)) if row[0] == 5] == [
        (5, "", "wrong_number_of_fields")
    ]
