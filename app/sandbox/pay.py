"""External pay (对外收款): bills and flows as they were put in by the control API (facts 3.16). Amounts are in fen."""

from __future__ import annotations

import json
import secrets
import sqlite3
from datetime import date, timedelta
from typing import Any

from app.sandbox import scope
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, optional_text, text_of, whole_number
from app.sandbox.clock import HOUR, SECOND
from app.sandbox.corp_days import DAY_S, day_of, start_of
from app.sandbox.cursors import limit_of, paged
from app.sandbox.people import get_person

SPAN_S = 31 * DAY_S
FLOWS_SINCE = date(2022, 12, 1)
FLOWS_READY_AT = 11 * HOUR  # of the next day


def list_bills(call: Call) -> Answer:
    """externalpay/get_bill_list: bills of one month at most (else 40058), 1,000 a page.

    A page may hold less than `limit`: bills of members who left are filtered out after paging.
    """
    body = call.body()
    begin, end = _span_of(body)
    payee = optional_text(body, "payee_userid") or ""
    with call.world.store.reading() as connection:
        if payee:
            get_person(connection, payee)
            scope.check(connection, payee, 660003)
        rows, cursor = paged(
            connection,
            """SELECT bill.*, person.status FROM bill LEFT JOIN person ON person.userid = payee_userid
               WHERE pay_time BETWEEN :begin AND :end AND (:payee = '' OR payee_userid = :payee)
               ORDER BY pay_time, bill.id""",
            {"begin": begin, "end": end, "payee": payee},
            body,
            limit_of(body, 1_000, 1_000),
        )
        bills = [json.loads(row["body"]) for row in rows if _is_seen(connection, row)]
    return ok(bill_list=bills, **_next(cursor))


def get_payment(call: Call) -> Answer:
    """externalpay/get_payment_info: the bills of a payment that a page of this app began; 660003 for others."""
    payment_id = text_of(call.body(), "payment_id")
    with call.world.store.reading() as connection:
        rows = connection.execute(
            "SELECT body FROM bill WHERE payment_id = ? AND agent_id = ? ORDER BY id",
            (payment_id, call.app.agent_id),
        ).fetchall()
    if not rows:
        raise WeComError(660003)
    return ok(bill_list=[{"out_trade_no": json.loads(row["body"])["out_trade_no"]} for row in rows])


def list_flows(call: Call) -> Answer:
    """externalpay/get_fund_flow: of 31 days at most, since 2022-12-01; a day's flows are there at 11 the next day."""
    body = call.body()
    begin, end = _span_of(body)
    if begin * SECOND < start_of(FLOWS_SINCE):
        raise WeComError(40058, "begin_time")
    with call.world.store.reading() as connection:
        rows, cursor = paged(
            connection,
            """SELECT body FROM fund_flow WHERE flowed_at BETWEEN :begin AND :end AND flowed_at < :ready
               AND (:merchant = '' OR json_extract(body, '$.mch_id') = :merchant) ORDER BY flowed_at, id""",
            {
                "begin": begin,
                "end": end,
                "ready": _ready_before(call.now) // SECOND,
                "merchant": optional_text(body, "mch_id") or "",
            },
            body,
            limit_of(body, 100, 200),
        )
    return ok(fund_flow_list=[json.loads(row["body"]) for row in rows], **_next(cursor))


def put_bill(connection: sqlite3.Connection, bill: Body, agent_id: int, payment_id: str) -> None:
    """A payment happened: the fields of bill_list, `transaction_id`, `pay_time` and `payee_userid` needed."""
    whole = {"bill_type": 0, "trade_state": 1, "payment_type": 0, "total_refund_fee": 0, "refund_list": []}
    whole |= {"out_trade_no": f"out{secrets.token_hex(8)}", **bill}
    connection.execute(
        "INSERT OR REPLACE INTO bill (transaction_id, payee_userid, payment_id, agent_id, pay_time, body)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            bill["transaction_id"],
            bill["payee_userid"],
            payment_id,
            agent_id,
            bill["pay_time"],
            json.dumps(whole, ensure_ascii=False),
        ),
    )


def put_flow(connection: sqlite3.Connection, flow: Body) -> None:
    """Money moved: the fields of fund_flow_list, `timestamp` needed."""
    connection.execute(
        "INSERT INTO fund_flow (flowed_at, body) VALUES (?, ?)",
        (flow["timestamp"], json.dumps(flow, ensure_ascii=False)),
    )


def _is_seen(connection: sqlite3.Connection, row: sqlite3.Row) -> bool:
    return row["status"] == 1 and scope.sees(connection, row["payee_userid"])


def _span_of(body: Body) -> tuple[int, int]:
    begin, end = whole_number(body, "begin_time", 0), whole_number(body, "end_time", 0)
    if not 0 < begin <= end <= begin + SPAN_S:
        raise WeComError(40058, "begin_time, end_time")
    return begin, end


def _ready_before(now: int) -> int:
    """Flows of days before this instant can be had."""
    today = day_of(now)
    is_ready = now >= start_of(today) + FLOWS_READY_AT
    return start_of(today if is_ready else today - timedelta(days=1))


def _next(cursor: str) -> dict[str, Any]:
    return {"next_cursor": cursor} if cursor else {}


ENDPOINTS = {
    "externalpay/get_bill_list": Endpoint(list_bills, post=True, pay=True, lists=("bill_list",)),
    "externalpay/get_payment_info": Endpoint(get_payment, post=True, pay=True),
    "externalpay/get_fund_flow": Endpoint(list_flows, post=True, pay=True),
}
