"""Purchases and refunds through the API: what is counted, what is refused and where."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from app.db import Database
from app.inbound.models import Inbound
from app.orders.models import Order, OrderLine, Refund
from app.partner_api.keys import create_key, end_keys
from tests.partner_api.conftest import PATH, Till, purchase


def stored(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Inbound)) or 0


def only_order(database: Database) -> Order:
    with database.reading() as session:
        return session.scalars(select(Order)).one()


def test_a_purchase_is_counted_once(till: Till, database: Database):
    first = till.report({"purchases": [purchase()]})
    again = till.report({"purchases": [purchase()]})
    assert first["purchases"] == [{"index": 0, "ref": "1", "status": "applied"}]
    assert again["purchases"] == [{"index": 0, "ref": "1", "status": "repeated"}]
    assert (again["applied"], again["repeated"]) == (0, 1)
    order = only_order(database)
    assert (order.source, order.amount_fen, order.goods_fen) == ("till", 4498, 3998)
    assert order.purchased_at == datetime(2026, 2, 20, 10, 30, tzinfo=UTC)


def test_a_day_alone_is_noon_with_time_unknown(till: Till, database: Database):
    till.report({"purchases": [purchase(occurred_at="2026-02-20", lines=None, amount_fen=139912)]})
    order = only_order(database)
    assert (order.purchased_at, order.time_known) == (datetime(2026, 2, 20, 4, 0, tzinfo=UTC), False)
    assert order.amount_fen == 139912


def test_purchases_and_refunds_of_one_request_are_answered_in_their_order(till: Till, database: Database):
    refund = purchase(ref="R1", cancels="2", lines=[{"sku": "A", "quantity": 1, "unit_price_fen": 1999}])
    answer = till.report(
        {"refunds": [refund], "purchases": [purchase(ref="2"), purchase(ref="3", store="X")]}
    )
    assert [one["status"] for one in answer["purchases"]] == ["applied", "refused"]
    assert answer["refunds"] == [{"index": 0, "ref": "R1", "status": "applied"}]
    with database.reading() as session:
        assert session.scalars(select(Refund)).one().cancels == "2"
        assert session.scalars(select(Order)).one().refunded_fen == 1999


def test_an_anonymous_sale_is_kept(till: Till, database: Database):
    till.report({"purchases": [purchase(customer="")]})
    assert only_order(database).member_id is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"store": "X"}, "unknown_store"),
        ({"currency": "GBP"}, "wrong_currency"),
        ({"occurred_at": "2099-01-01T00:00:00Z"}, "in_future"),
        ({"amount_fen": 1}, "total_differs"),
        ({"customer": "", "lines": None, "amount_fen": 0}, "not_a_sale"),
        (
            {"lines": [{"sku": "A", "quantity": 10_000_000, "unit_price_fen": 10_000_000_000}]},
            "amount_too_large",
        ),
    ],
)
def test_an_item_that_makes_no_sense_is_refused_alone(
    till: Till, database: Database, changes: dict[str, Any], code: str
):
    answer = till.report({"purchases": [purchase(ref="bad", **changes), purchase(ref="good")]})
    bad, good = answer["purchases"]
    assert (bad["status"], bad["code"], bool(bad["message"])) == ("refused", code, True)
    assert good["status"] == "applied"
    assert stored(database) == 1


@pytest.mark.parametrize("sku", ["M", "S", "D", "POST", "PADS", "GIFT_CARD"])
def test_a_line_without_a_kind_is_goods_whatever_its_code(till: Till, database: Database, sku: str):
    """The codes that mean something else are those of one published data set, not of this partner."""
    till.report({"purchases": [purchase(lines=[{"sku": sku, "quantity": 1, "unit_price_fen": 1999}])]})
    order = only_order(database)
    assert order.goods_fen == order.amount_fen == 1999


LINE = [{"sku": "A", "quantity": 1, "unit_price_fen": 1999}]


def returned(occurred_at: str, ref: str = "R1") -> dict[str, Any]:
    return purchase(ref=ref, cancels="1", occurred_at=occurred_at, lines=LINE)


class TestRefundsBeforeTheirPurchase:
    def outcome(self, till: Till, body: dict[str, Any], **headers: str) -> tuple[str, str]:
        result = till.report(body, **headers)["refunds"][0]
        return result["status"], result.get("code", "")

    @pytest.mark.parametrize("together", [True, False])
    def test_they_are_refused(self, till: Till, database: Database, together: bool):
        body = {"refunds": [returned("2026-02-20T18:29:59+08:00")]}
        if together:
            body["purchases"] = [purchase()]
        else:
            till.report({"purchases": [purchase()]})
        result = till.report(body, Accept_Language="zh-CN")["refunds"][0]
        assert (result["status"], result["code"]) == ("refused", "refund_before_purchase")
        assert "早于" in result["message"]
        assert stored(database) == 1
        assert only_order(database).refunded_fen == 0

    @pytest.mark.parametrize("when", ["2026-02-20T18:30:00+08:00", "2026-02-20", "2026-02-21T00:00:00+08:00"])
    def test_one_of_the_same_moment_or_day_is_not(self, till: Till, when: str):
        till.report({"purchases": [purchase()]})
        assert self.outcome(till, {"refunds": [returned(when)]}) == ("applied", "")

    def test_where_only_the_day_is_known_days_are_compared(self, till: Till):
        till.report({"purchases": [purchase(occurred_at="2026-02-20")]})
        morning = {"refunds": [returned("2026-02-20T10:05:00+08:00")]}
        evening_before = {"refunds": [returned("2026-02-19T23:59:00+08:00", "R2")]}
        assert self.outcome(till, morning) == ("applied", "")
        assert self.outcome(till, evening_before) == ("refused", "refund_before_purchase")

    def test_one_that_came_first_waits_and_its_repeat_is_a_repeat(self, till: Till):
        first = {"refunds": [returned("2026-02-20T18:00:00+08:00")]}
        assert self.outcome(till, first) == ("applied", "")
        till.report({"purchases": [purchase()]})
        assert self.outcome(till, first) == ("repeated", "")


def test_a_number_with_other_content_is_refused_and_changes_nothing(till: Till, database: Database):
    till.report({"purchases": [purchase()]})
    answer = till.report({"purchases": [purchase(customer="c2")]}, Accept_Language="zh-CN")
    assert answer["purchases"][0]["code"] == "contradicts_stored"
    assert "内容不同" in answer["purchases"][0]["message"]
    assert stored(database) == 1


def line(**changes: Any) -> list[dict[str, Any]]:
    return [{"sku": "A", "quantity": 1, "unit_price_fen": 1} | changes]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"lines": line(quantity=0)}, "lines.0.quantity"),
        ({"lines": line(quantity=1.5)}, "lines.0.quantity"),
        ({"lines": line(quantity=True)}, "lines.0.quantity"),
        ({"lines": line(quantity="1")}, "lines.0.quantity"),
        ({"lines": line(unit_price_fen=-1)}, "lines.0.unit_price_fen"),
        ({"lines": line(unit_price_fen=10**30)}, "lines.0.unit_price_fen"),
        ({"lines": line(colour="red")}, "lines.0.colour"),
        ({"lines": line(kind="magic")}, "lines.0.kind"),
        ({"lines": line(sku=" ")}, "lines.0.sku"),
        ({"lines": line(description="\ud800")}, "lines.0.description"),
        ({"lines": None}, "amount_fen"),
        ({"amount_fen": -5}, "amount_fen"),
        ({"ref": ""}, "ref"),
        ({"ref": "x" * 65}, "ref"),
        ({"ref": "a\nb"}, "ref"),
        ({"ref": "\ud800"}, "ref"),
        ({"ref": 7}, "ref"),
        ({"store": None}, "store"),
        ({"currency": "YUAN"}, "currency"),
        ({"owner": "me"}, "owner"),
        ({"occurred_at": "2026-02-20T18:30:00"}, "occurred_at"),
        ({"occurred_at": "2026-02-30"}, "occurred_at"),
        ({"occurred_at": "1969-12-31"}, "occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-12:00"}, "occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+12:00"}, "occurred_at"),
        ({"occurred_at": 1700000000}, "occurred_at"),
        ({"cancels": "1"}, "cancels"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_applied(
    till: Till, database: Database, changes: dict[str, Any], place: str
):
    answer = till.send({"purchases": [purchase(ref="0"), purchase(**changes)]})
    problem = answer.get_json()
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert problem["place"] == f"purchases.1.{place}"
    assert [error["place"] for error in problem["errors"]] == [f"purchases.1.{place}"]
    assert stored(database) == 0


def test_every_wrong_field_is_named(till: Till):
    problem = till.send(
        {"purchases": [purchase(store=None), purchase(lines=line(quantity=0))], "more": 1}
    ).get_json()
    assert {error["place"] for error in problem["errors"]} == {
        "purchases.0.store",
        "purchases.1.lines.0.quantity",
        "more",
    }


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "not_json"),
        (b"{", 422, "not_json"),
        (b"\xff{}", 422, "not_json"),
        (b"[]", 422, "invalid"),
        (b"7", 422, "invalid"),
        (b"{}", 422, "invalid"),
        (b'{"purchases": []}', 422, "invalid"),
        (b'{"purchases": NaN}', 422, "not_json"),
        (b'{"purchases": [], "purchases": []}', 422, "repeated_field"),
        (b"[" * 200_000, 422, "not_json"),
        (b'{"purchases": ' + b"9" * 5_000 + b"}", 422, "not_json"),
        (b" " * (5 * 1024 * 1024 + 1), 413, "too_large"),
    ],
)
def test_what_is_no_batch_is_refused(till: Till, body: bytes, status: int, code: str):
    answer = till.send(body)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert answer.mimetype == "application/problem+json"


def test_more_than_five_hundred_are_refused(till: Till, database: Database):
    many = [purchase(ref=str(number)) for number in range(251)]
    assert till.send({"purchases": many, "refunds": many}).get_json()["place"] == "purchases"
    assert stored(database) == 0


def test_five_hundred_are_applied_at_once(till: Till, database: Database):
    answer = till.report({"purchases": [purchase(ref=str(number)) for number in range(500)]})
    assert answer["applied"] == 500
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(OrderLine)) == 1000


def test_another_media_type_is_refused(till: Till):
    assert till.send({"purchases": [purchase()]}, Content_Type="text/plain").status_code == 415


def test_an_unknown_query_field_is_refused(till: Till, database: Database):
    answer = till.send({"purchases": [purchase()]}, path=f"{PATH}?dry_run=1")
    assert (answer.status_code, answer.get_json()["place"]) == (422, "dry_run")
    assert stored(database) == 0


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic abc", "Bearer " + "x" * 5_000])
def test_a_wrong_api_key_is_refused_before_anything_is_read(till: Till, database: Database, header: str):
    answer = till.send(b"not even json", Authorization=header)
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.get_json()["code"] == "wrong_api_key"


def test_an_ended_key_is_refused_with_the_next_request(till: Till, database: Database):
    till.report({"purchases": [purchase()]})
    with database.transaction() as session:
        assert end_keys(session, "till") == 1
    assert till.send({"purchases": [purchase(ref="2")]}).status_code == 401


def test_two_systems_may_use_the_same_numbers(till: Till, database: Database):
    with database.transaction() as session:
        mall = Till(till.app, create_key(session, "mall", "mall"))
    assert till.report({"purchases": [purchase()]})["applied"] == 1
    assert mall.report({"purchases": [purchase()]})["applied"] == 1
