"""Handing customers to another member, on the job or after leaving (在职/离职继承; facts 3.10).

errcode 0 of a customer means begun: handovers.settle completes it, or the customer refuses.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from app.sandbox import handovers, scope
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, list_of, optional_text, text_of, whole_number
from app.sandbox.clock import HOUR, SECOND
from app.sandbox.cursors import cursor_of, offset_of, paged
from app.sandbox.handovers import LEFT, ON_JOB, RESIGNED, HandoverStatus
from app.sandbox.people import get_person
from app.sandbox.relations import API_STAGES, find_relation

CUSTOMERS_MOST = 100
MESSAGE_CHARACTERS = 200
TRANSFERS_MOST = 2
TRANSFERS_WITHIN = 90 * 24 * HOUR
RESULTS_A_PAGE = 1_000
UNASSIGNED_A_PAGE = 1_000
UNASSIGNED_MOST = 50_000

ACTIVE = 1


def transfer(call: Call) -> Answer:
    """externalcontact/transfer_customer: customers of a member who works here go to another."""
    return _begin(call, ON_JOB)


def transfer_of_left(call: Call) -> Answer:
    """externalcontact/resigned/transfer_customer: customers of a member who left (else 40097)."""
    return _begin(call, RESIGNED)


def result(call: Call) -> Answer:
    """externalcontact/transfer_result: how each customer's handover stands, 1,000 a page."""
    return _results(call, ON_JOB)


def result_of_left(call: Call) -> Answer:
    """externalcontact/resigned/transfer_result."""
    return _results(call, RESIGNED)


def list_unassigned(call: Call) -> Answer:
    """externalcontact/get_unassigned_list: customers of members who left, by page_id or cursor.

    page_id × page_size stays below 50,000 (40058).
    """
    body = call.body()
    size, page = whole_number(body, "page_size", UNASSIGNED_A_PAGE), whole_number(body, "page_id", 0)
    if not 1 <= size <= UNASSIGNED_A_PAGE or page < 0 or page * size >= UNASSIGNED_MOST:
        raise WeComError(40058, "page_id, page_size")
    cursor = optional_text(body, "cursor") or ""
    start = offset_of(cursor) if cursor else page * size
    with call.world.store.writing() as connection:
        handovers.note_who_left(connection, call.now)
        rows = connection.execute(
            """SELECT follow.userid, external_userid, left_at FROM follow JOIN dimission USING (userid)
               WHERE stage IN ('mutual', 'one_way') ORDER BY left_at, follow.userid, external_userid
               LIMIT ? OFFSET ?""",
            (size + 1, start),
        ).fetchall()
    more = len(rows) > size
    info = [_as_unassigned(row) for row in rows[:size]]
    return ok(info=info, is_last=not more, next_cursor=cursor_of(start + size) if more else "")


def _begin(call: Call, kind: str) -> Answer:
    body = call.body()
    wanted = list_of(body, "external_userid", CUSTOMERS_MOST, 40058)
    if not wanted or not all(isinstance(one, str) for one in wanted):
        raise WeComError(40058, "external_userid")
    message = optional_text(body, "transfer_success_msg", MESSAGE_CHARACTERS) or ""
    with call.world.store.writing() as connection:
        pair = _pair(connection, body, kind)
        takes_over(connection, pair[1])
        customers = []
        for external_userid in dict.fromkeys(wanted):
            errcode = _refused(connection, call.now, kind, pair, external_userid)
            if not errcode:
                connection.execute(
                    """INSERT INTO handover (kind, handover, takeover, external_userid, message, started_at, status)
                       VALUES (?, ?, ?, ?, ?, ?, ?)""",
                    (kind, *pair, external_userid, message, call.now, HandoverStatus.WAITING),
                )
            customers.append({"external_userid": external_userid, "errcode": errcode})
    return ok(customer=customers)


def takes_over(connection: sqlite3.Connection, userid: str) -> str:
    """The member's id as it is written (facts 3.10).

    Raises 60111 for nobody the app may see, 41054 where not activated, 84074 without 客户联系.
    """
    person = get_person(connection, userid)
    scope.check(connection, userid, 60111)
    if person["status"] != ACTIVE:
        raise WeComError(41054)
    if not person["contacts_enabled"]:
        raise WeComError(84074)
    return str(person["userid"])


def _pair(connection: sqlite3.Connection, body: Body, kind: str) -> tuple[str, str]:
    handover = get_person(connection, text_of(body, "handover_userid", 41009))
    takeover = get_person(connection, text_of(body, "takeover_userid", 41009))
    if kind == RESIGNED and handover["status"] != LEFT:
        raise WeComError(40097)
    if kind == ON_JOB:  # who left is seen by nobody
        scope.check(connection, handover["userid"], 60111)
    return handover["userid"], takeover["userid"]


def _refused(
    connection: sqlite3.Connection, now: int, kind: str, pair: tuple[str, str], external_userid: str
) -> int:
    """The errcode of one customer, 0 where its handover may begin."""
    handover, takeover = pair
    known = connection.execute("SELECT 1 FROM contact WHERE external_userid = ?", (external_userid,))
    if known.fetchone() is None:
        return 40096
    if handover.lower() == takeover.lower():
        return 40130
    relation = find_relation(connection, handover, external_userid)
    if relation is None or relation["stage"] not in API_STAGES:
        return 40131
    if _count(connection, handover, external_userid, HandoverStatus.WAITING):
        return 40129 if kind == ON_JOB else 40100
    if kind == ON_JOB and _transferred_lately(connection, now, external_userid) >= TRANSFERS_MOST:
        return 40128
    return 40099 if handovers.is_full(connection, takeover) else 0


def _count(
    connection: sqlite3.Connection, handover: str, external_userid: str, status: HandoverStatus
) -> int:
    row = connection.execute(
        "SELECT count(*) FROM handover WHERE handover = ? AND external_userid = ? AND status = ?",
        (handover, external_userid, status),
    ).fetchone()
    return int(row[0])


def _transferred_lately(connection: sqlite3.Connection, now: int, external_userid: str) -> int:
    row = connection.execute(
        """SELECT count(*) FROM handover WHERE external_userid = ? AND kind = ? AND status = ?
           AND started_at > ?""",
        (external_userid, ON_JOB, HandoverStatus.DONE, now - TRANSFERS_WITHIN),
    ).fetchone()
    return int(row[0])


def _results(call: Call, kind: str) -> Answer:
    body = call.body()
    with call.world.store.writing() as connection:
        handover, takeover = _pair(connection, body, kind)
        rows, cursor = paged(
            connection,
            """SELECT external_userid, status, settled_at FROM handover
               WHERE kind = :kind AND handover = :handover AND takeover = :takeover
               AND id IN (SELECT max(id) FROM handover WHERE kind = :kind AND handover = :handover
                   AND takeover = :takeover GROUP BY external_userid) ORDER BY id""",
            {"kind": kind, "handover": handover, "takeover": takeover},
            body,
            RESULTS_A_PAGE,
        )
    return ok(customer=[_as_result(row) for row in rows], next_cursor=cursor)


def _as_result(row: sqlite3.Row) -> dict[str, Any]:
    """takeover_time is told where it is done only."""
    shown = {"external_userid": row["external_userid"], "status": row["status"]}
    if row["status"] != HandoverStatus.DONE:
        return shown
    return {**shown, "takeover_time": row["settled_at"] // SECOND}


def _as_unassigned(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "handover_userid": row["userid"],
        "external_userid": row["external_userid"],
        "dimission_time": row["left_at"] // SECOND,
    }


ENDPOINTS = {
    "externalcontact/transfer_customer": Endpoint(transfer, post=True, contacts=True),
    "externalcontact/transfer_result": Endpoint(result, post=True, contacts=True),
    "externalcontact/resigned/transfer_customer": Endpoint(transfer_of_left, post=True, contacts=True),
    "externalcontact/resigned/transfer_result": Endpoint(result_of_left, post=True, contacts=True),
    "externalcontact/get_unassigned_list": Endpoint(list_unassigned, post=True, contacts=True),
}
