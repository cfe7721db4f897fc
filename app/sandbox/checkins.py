"""Check-in (打卡): who is planned to work when, and how an administrator plans it here.

What WeCom says of accounts it does not know is not documented: here they are left out, as those without a plan are.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from itertools import groupby
from typing import Any

from app.sandbox import scope
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Call, Endpoint, list_of, whole_number
from app.sandbox.clock import SECOND
from app.sandbox.corp_days import day_of
from app.sandbox.people import find_person

MOST_PEOPLE = 100
MOST_DAYS = 31
OFF = {"schedule_id": 0, "schedule_name": "休息", "time_section": []}


def schedules(call: Call) -> Answer:
    """checkin/getcheckinschedulist: by person and month the days that are planned."""
    body = call.body()
    userids = list_of(body, "useridlist", MOST_PEOPLE, 301024)
    if not userids or not all(isinstance(userid, str) for userid in userids):
        raise WeComError(40058, "useridlist")
    first, last = (day_of(whole_number(body, name, 0) * SECOND) for name in ("starttime", "endtime"))
    if not first <= last or last - first > timedelta(days=MOST_DAYS):
        raise WeComError(301024, "starttime, endtime")
    listed = []
    with call.world.store.reading() as connection:
        seen = [
            userid for userid in userids if find_person(connection, userid) and scope.sees(connection, userid)
        ]
        rows = _planned(connection, seen, first.isoformat(), last.isoformat())
    for (userid, month), days in groupby(rows, key=lambda row: (row["userid"], row["day"][:7])):
        shown = {"scheduleList": [_day(row) for row in days]}
        whose = {"userid": userid, "yearmonth": int(month.replace("-", ""))}
        listed.append({**whose, "groupid": 1, "groupname": "排班", "schedule": shown})
    return ok(schedule_list=listed)


def plan(
    connection: sqlite3.Connection, userid: str, day: str, sections: list[tuple[int, int]] | None
) -> None:
    """Plan a day of somebody's, or with None plan nothing for it."""
    if sections is None:
        connection.execute("DELETE FROM planned_day WHERE userid = ? AND day = ?", (userid, day))
        return
    row = (userid, day, json.dumps(sections))
    connection.execute("INSERT OR REPLACE INTO planned_day VALUES (?, ?, ?)", row)


def _planned(connection: sqlite3.Connection, userids: list[str], first: str, last: str) -> list[sqlite3.Row]:
    return connection.execute(
        """SELECT person.userid, day, sections FROM planned_day JOIN person USING (userid)
           WHERE planned_day.userid IN (SELECT value FROM json_each(?)) AND day BETWEEN ? AND ?
           ORDER BY person.userid, day""",
        (json.dumps(userids), first, last),
    ).fetchall()


def _day(row: sqlite3.Row) -> dict[str, Any]:
    sections = json.loads(row["sections"])
    named = [
        {
            "id": number,
            "work_sec": work,
            "off_work_sec": off,
            "remind_work_sec": work,
            "remind_off_work_sec": off,
        }
        for number, (work, off) in enumerate(sections, start=1)
    ]
    shift = {"schedule_id": 1, "schedule_name": "班次", "time_section": named} if named else OFF
    return {"day": int(row["day"][8:]), "schedule_info": shift}


ENDPOINTS = {"checkin/getcheckinschedulist": Endpoint(schedules, post=True, checkin=True)}
