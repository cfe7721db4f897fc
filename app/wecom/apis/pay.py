"""External pay (对外收款; facts 3.16). Amounts are in fen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.wecom.apis.base import Answer, Code, CorpAPI, given, items, number, text

BILLS_A_PAGE = 1_000
FLOWS_A_PAGE = 200


class BillType(Code):
    """What a bill is."""

    UNKNOWN = -1
    RECEIPT = 0
    REFUND = 1


class TradeState(Code):
    """How a payment stands."""

    UNKNOWN = -1
    DONE = 1
    DONE_WITH_REFUND = 3


class PaymentType(Code):
    """Where somebody paid."""

    UNKNOWN = -1
    CHAT = 0
    QR = 1
    LIVE = 2
    PRODUCT_ALBUM = 3
    TRANSFER = 14
    MINI_PROGRAM = 15


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back."""

    out_refund_no: str
    wecom_userid: str  # lower case
    requested_at_s: int
    fee_fen: int
    comment: str


@dataclass(frozen=True, slots=True)
class Bill:
    """A payment of a customer."""

    transaction_id: str
    out_trade_no: str
    bill_type: BillType
    trade_state: TradeState
    payment_type: PaymentType
    paid_at_s: int
    external_userid: str
    payee_userid: str  # lower case
    total_fen: int
    refunded_fen: int
    remark: str
    refunds: tuple[Refund, ...]


@dataclass(frozen=True, slots=True)
class FundFlow:
    """Money that moved on a merchant's account."""

    request_no: str
    flowed_at_s: int
    transaction_type: int
    flow_type: int
    amount_fen: int
    balance_fen: int
    out_trade_no: str
    merchant_id: str
    operator_userid: str  # lower case
    remark: str


class PayAPI(CorpAPI):
    """The app must be among those 对外收款 may be called by (48002)."""

    def bills(self, begin_s: int, end_s: int, payee_userid: str | None = None) -> Iterator[Bill]:
        """The bills of a month at most, of payees the app sees."""
        query = given(begin_time=begin_s, end_time=end_s, payee_userid=payee_userid, limit=BILLS_A_PAGE)
        for answer in self._pages("externalpay/get_bill_list", query):
            yield from map(_bill, items(answer, "bill_list"))

    def trade_numbers_of(self, payment_id: str) -> tuple[str, ...]:
        """The merchant's numbers (out_trade_no) of a payment that a page of this app began."""
        answer = self._post("externalpay/get_payment_info", data={"payment_id": payment_id})
        return tuple(text(found, "out_trade_no") for found in items(answer, "bill_list"))

    def flows(self, begin_s: int, end_s: int, merchant_id: str | None = None) -> Iterator[FundFlow]:
        """The flows of 31 days at most, since 2022-12-01; a day's are there at eleven the next morning."""
        query = given(begin_time=begin_s, end_time=end_s, mch_id=merchant_id, limit=FLOWS_A_PAGE)
        for answer in self._pages("externalpay/get_fund_flow", query):
            yield from map(_flow, items(answer, "fund_flow_list"))


def _bill(found: Answer) -> Bill:
    return Bill(
        transaction_id=text(found, "transaction_id"),
        out_trade_no=text(found, "out_trade_no"),
        bill_type=BillType(number(found, "bill_type")),
        trade_state=TradeState(number(found, "trade_state")),
        payment_type=PaymentType(number(found, "payment_type")),
        paid_at_s=number(found, "pay_time"),
        external_userid=text(found, "external_userid"),
        payee_userid=text(found, "payee_userid").lower(),
        total_fen=number(found, "total_fee"),
        refunded_fen=number(found, "total_refund_fee"),
        remark=text(found, "remark"),
        refunds=tuple(map(_refund, items(found, "refund_list"))),
    )


def _refund(found: Answer) -> Refund:
    return Refund(
        out_refund_no=text(found, "out_refund_no"),
        wecom_userid=text(found, "refund_userid").lower(),
        requested_at_s=number(found, "refund_reqtime"),
        fee_fen=number(found, "refund_fee"),
        comment=text(found, "refund_comment"),
    )


def _flow(found: Answer) -> FundFlow:
    return FundFlow(
        request_no=text(found, "request_no"),
        flowed_at_s=number(found, "timestamp"),
        transaction_type=number(found, "transaction_type"),
        flow_type=number(found, "fund_flow_type"),
        amount_fen=number(found, "transaction_amount"),
        balance_fen=number(found, "account_balance"),
        out_trade_no=text(found, "out_trade_no"),
        merchant_id=text(found, "mch_id"),
        operator_userid=text(found, "operator_userid").lower(),
        remark=text(found, "remark"),
    )
