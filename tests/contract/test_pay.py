"""External pay (对外收款; facts 3.16)."""

from __future__ import annotations

import time
from secrets import token_hex
from typing import Any

import pytest

from app.wecom.apis.pay import BillType, PaymentType, Refund, TradeState
from app.wecom.app import WeComApp
from tests.contract.campaign import Campaign
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import LocalSandbox

DAY_S = 86_400
NOW_S = int(time.time())


@pytest.fixture
def campaign(corp: LocalSandbox) -> Campaign:
    return Campaign(corp)


def bill(payee: str, **more: Any) -> dict[str, Any]:
    whole = {"transaction_id": token_hex(8), "payee_userid": payee, "pay_time": NOW_S - 3_600}
    return whole | {"external_userid": "wmA", "total_fee": 19_900, **more}


def test_bills_of_a_month_are_read(wecom: WeComApp):
    assert all(found.transaction_id for found in wecom.pay.bills(NOW_S - 20 * DAY_S, NOW_S))


def test_a_bill_is_told_with_its_refunds(wecom: WeComApp, campaign: Campaign):
    payee = campaign.person()
    refund = {"out_refund_no": "r1", "refund_userid": payee.upper(), "refund_reqtime": NOW_S}
    refunds = [refund | {"refund_fee": 900, "refund_comment": "尺码"}]
    sent = bill(payee, trade_state=3, payment_type=1, refund_list=refunds, total_refund_fee=900)
    campaign.act("bills", bills=[sent])
    (found,) = wecom.pay.bills(NOW_S - DAY_S, NOW_S)
    assert (found.transaction_id, found.payee_userid) == (sent["transaction_id"], payee)
    assert (found.bill_type, found.trade_state) == (BillType.RECEIPT, TradeState.DONE_WITH_REFUND)
    assert (found.payment_type, found.total_fen, found.refunded_fen) == (PaymentType.QR, 19_900, 900)
    assert found.refunds == (Refund("r1", payee, NOW_S, 900, "尺码"),)


def test_bills_of_one_payee_alone(wecom: WeComApp, campaign: Campaign):
    one, two = campaign.person(), campaign.person()
    campaign.act("bills", bills=[bill(one), bill(two)])
    found = list(wecom.pay.bills(NOW_S - DAY_S, NOW_S, two))
    assert [each.payee_userid for each in found] == [two]


def test_bills_are_followed_past_pages_that_are_not_full(wecom: WeComApp, campaign: Campaign):
    payee, gone = campaign.person(), campaign.person()
    made = [bill(gone if number % 2 else payee, pay_time=NOW_S - 5_000 + number) for number in range(1_200)]
    campaign.act("bills", bills=made)
    campaign.leave(gone)
    found = [each.transaction_id for each in wecom.pay.bills(NOW_S - DAY_S, NOW_S)]
    assert found == [each["transaction_id"] for each in made[::2]]


def test_bills_of_more_than_a_month_are_refused(wecom: WeComApp):
    with refused(40058):
        list(wecom.pay.bills(NOW_S - 40 * DAY_S, NOW_S))


def test_bills_of_an_unknown_payee_are_refused(wecom: WeComApp, place: Place):
    with refused(60111):
        list(wecom.pay.bills(NOW_S - DAY_S, NOW_S, place.unknown_userid))


def test_a_payment_has_the_merchants_numbers(wecom: WeComApp, campaign: Campaign):
    campaign.act("bills", bills=[bill(campaign.person(), out_trade_no="out-1")], payment_id="pay-1")
    assert wecom.pay.trade_numbers_of("pay-1") == ("out-1",)


def test_a_payment_this_app_did_not_begin_is_refused(wecom: WeComApp):
    with refused(660003):
        wecom.pay.trade_numbers_of("pay-nobody-knows")


def test_flows_are_there_the_morning_after(wecom: WeComApp, campaign: Campaign):
    flow = {"request_no": "q1", "transaction_type": 3, "fund_flow_type": 1, "transaction_amount": 20}
    flow |= {"account_balance": 40, "out_trade_no": "out-1", "mch_id": "m1", "operator_userid": "LiNa"}
    two_days_ago = NOW_S - 2 * DAY_S
    campaign.act("bills", flows=[flow | {"timestamp": two_days_ago}, flow | {"timestamp": NOW_S}])
    (found,) = wecom.pay.flows(NOW_S - 5 * DAY_S, NOW_S + DAY_S)
    assert (found.request_no, found.flowed_at_s, found.amount_fen) == ("q1", two_days_ago, 20)
    assert (found.balance_fen, found.merchant_id, found.operator_userid) == (40, "m1", "lina")
    assert list(wecom.pay.flows(NOW_S - 5 * DAY_S, NOW_S, "another")) == []


@pytest.mark.parametrize(
    ("begin", "end"),
    [(NOW_S - 40 * DAY_S, NOW_S), (1_600_000_000, 1_600_000_001)],
    ids=["too long", "before there were any"],
)
def test_wrong_days_of_flows_are_refused(wecom: WeComApp, begin: int, end: int):
    with refused(40058):
        list(wecom.pay.flows(begin, end))


def test_without_the_permission_payments_are_refused(corp: LocalSandbox, wecom: WeComApp):
    corp.set_rules(pay_api=False)
    with refused(48002):
        list(wecom.pay.bills(NOW_S - DAY_S, NOW_S))
