"""What members did with customers, day by day, from the sandbox's own relations and chats (facts 3.11)."""

from __future__ import annotations

import json
import sqlite3
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from app.sandbox import scope
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, list_of, whole_number
from app.sandbox.chats import ASSOCIATE, CUSTOMER
from app.sandbox.clock import MINUTE, SECOND
from app.sandbox.corp_days import day_of, start_of
from app.sandbox.people import get_person

MOST = 100
SPAN_DAYS = 30
DAYS_BACK = 180


def behavior(call: Call) -> Answer:
    """externalcontact/get_user_behavior_data: one entry a day, the members and departments named together."""
    body = call.body()
    first, last = _days_of(body, call.now)
    with call.world.store.reading() as connection:
        userids = _userids(connection, body)
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return ok(behavior_data=[_day(connection, json.dumps(userids), day) for day in days])


def _days_of(body: Body, now: int) -> tuple[date, date]:
    """Both ends floored to days and included: 30 days at most, 180 days back at most, else 40058."""
    first, last = (day_of(whole_number(body, name, 0) * SECOND) for name in ("start_time", "end_time"))
    too_early = first < day_of(now) - timedelta(days=DAYS_BACK)
    if too_early or not first <= last or (last - first).days >= SPAN_DAYS:
        raise WeComError(40058, "start_time, end_time")
    return first, last


def _userids(connection: sqlite3.Connection, body: Body) -> list[str]:
    users = list_of(body, "userid", MOST, 40058)
    parties = list_of(body, "partyid", MOST, 40058)
    if not (users or parties) or not all(isinstance(user, str) for user in users):
        raise WeComError(40058, "userid, partyid")
    found = {get_person(connection, user)["userid"] for user in users}
    for user in found:
        scope.check(connection, user, 60111)
    for party in parties:
        if not isinstance(party, int):
            raise WeComError(40058, "partyid")
        found |= set(scope.visible(connection, scope.with_below(connection, [party])))
    return sorted(found)


def _day(connection: sqlite3.Connection, userids: str, day: date) -> dict[str, Any]:
    begin, end = start_of(day), start_of(day + timedelta(days=1))
    values = {"userids": userids, "begin": begin, "end": end}
    values |= {"begin_s": begin // SECOND, "end_s": end // SECOND}
    counts = connection.execute(_COUNTS, values).fetchone()
    said = connection.execute(_SAID, values).fetchall()
    sent = [row for row in said if row["sender"] == ASSOCIATE]
    return {
        "stat_time": begin // SECOND,
        "chat_cnt": len({(row["userid"], row["external_userid"]) for row in sent}),
        "message_cnt": len(sent),
        **_replies(said),
        **dict(counts),
    }


_SAID = """
SELECT userid, external_userid, sender, sent_at FROM chat_message
WHERE userid COLLATE NOCASE IN (SELECT value FROM json_each(:userids))
    AND delivered AND sent_at >= :begin AND sent_at < :end ORDER BY userid, external_userid, id
"""
_COUNTS = """
SELECT (SELECT count(*) FROM callback WHERE copy_of IS NULL AND emitted_at >= :begin AND emitted_at < :end
        AND json_extract(fields, '$.ChangeType') = 'del_follow_user'
        AND json_extract(fields, '$.UserID') COLLATE NOCASE IN (SELECT value FROM json_each(:userids)))
        AS negative_feedback_cnt,
    coalesce(sum(oper_userid = userid), 0) AS new_apply_cnt, count(*) AS new_contact_cnt
FROM follow WHERE userid COLLATE NOCASE IN (SELECT value FROM json_each(:userids))
    AND createtime >= :begin_s AND createtime < :end_s
"""


def _replies(said: list[sqlite3.Row]) -> dict[str, float | int]:
    """Of the chats that the customer began: how many were answered, and after how many minutes on average.

    Nothing where no customer began one, as WeCom does (facts 3.11).
    """
    begun, waits = 0, []
    for _, chat in groupby(said, key=lambda row: (row["userid"], row["external_userid"])):
        messages = list(chat)
        if messages[0]["sender"] != CUSTOMER:
            continue
        begun += 1
        answer = next((one for one in messages if one["sender"] == ASSOCIATE), None)
        if answer is not None:
            waits.append(answer["sent_at"] - messages[0]["sent_at"])
    if not begun:
        return {}
    percentage = round(100 * len(waits) / begun, 2)
    return {
        "reply_percentage": percentage,
        "avg_reply_time": sum(waits) // len(waits) // MINUTE if waits else 0,
    }


ENDPOINTS = {
    "externalcontact/get_user_behavior_data": Endpoint(behavior, post=True, contacts=True),
}
