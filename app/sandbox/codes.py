"""What a login is worth on the server side: OAuth codes, user tickets, mini-program codes (facts 3.2, 7.4).

The pages that give them out are in logins.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Sequence

from app.sandbox import scope
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Call, Endpoint, World, object_of, text_of
from app.sandbox.clock import MINUTE
from app.sandbox.people import find_person

LIFE = 5 * MINUTE
TICKET_LIFE = 30 * MINUTE
BASE, PRIVATE = "snsapi_base", "snsapi_privateinfo"


def make_code(world: World, userid: str, agent_id: int | None, wanted: str = BASE) -> str:
    """A fresh code for this member, good for the app named, or for any app of the corp when None."""
    return _make(world, userid, None, agent_id, wanted)


def make_outside_code(world: World, external_userid: str, agent_id: int | None) -> str:
    """A code for somebody from outside, who opened the page in WeChat."""
    return _make(world, None, external_userid, agent_id, BASE)


def make_mini_program_code(connection: sqlite3.Connection, userid: str, now: int) -> str:
    """What wx.qy.login gives on this member's phone."""
    code = secrets.token_urlsafe(32)
    connection.execute("INSERT INTO mini_program_code VALUES (?, ?, ?, 0)", (code, userid, now))
    return code


def getuserinfo(call: Call) -> Answer:
    """auth/getuserinfo: whose code it is, in lower-case keys.

    A member: `userid`, with `user_ticket` after snsapi_privateinfo. Somebody from outside: `openid`, and
    `external_userid` where a follower is in the app's scope.
    """
    with call.world.store.writing() as connection:
        row = _redeem(call, connection)
        if row["userid"] is None:
            return ok(**_outsider(connection, row["external_userid"]))
        if row["scope"] == PRIVATE and scope.sees(connection, row["userid"]):
            return ok(userid=row["userid"], user_ticket=_issue_ticket(connection, call, row["userid"]))
        return ok(userid=row["userid"])


def legacy_getuserinfo(call: Call) -> Answer:
    """user/getuserinfo, which the unmodified wechatpy calls: the same with capitalised keys."""
    with call.world.store.writing() as connection:
        row = _redeem(call, connection)
        if row["userid"] is None:
            return ok(OpenId=_outsider(connection, row["external_userid"])["openid"], DeviceId="")
        return ok(UserId=row["userid"], DeviceId="")


def getuserdetail(call: Call) -> Answer:
    """auth/getuserdetail: what the member agreed to show; 84015 for an unknown ticket, 84014 after 1,800 seconds."""
    ticket = text_of(call.body(), "user_ticket", 84015)
    with call.world.store.reading() as connection:
        row = connection.execute(
            "SELECT * FROM user_ticket WHERE ticket = ? AND agent_id = ?", (ticket, call.app.agent_id)
        ).fetchone()
        if row is None:
            raise WeComError(84015)
        if call.now - row["issued_at"] > TICKET_LIFE:
            raise WeComError(84014)
        shown = {name: _private(row["userid"])[name] for name in json.loads(row["fields"])}
        return ok(userid=row["userid"], **shown)


def jscode2session(call: Call) -> Answer:
    """miniprogram/jscode2session: who opened the mini program; 40029 for a code unknown, used or too old."""
    code = call.arg("js_code", 41008)
    if call.args.get("grant_type") != "authorization_code":
        raise WeComError(40058, "grant_type")
    with call.world.store.writing() as connection:
        row = connection.execute(
            "SELECT * FROM mini_program_code WHERE code = ? AND NOT used AND issued_at >= ?",
            (code, call.now - LIFE),
        ).fetchone()
        if row is None:
            raise WeComError(40029)
        connection.execute("UPDATE mini_program_code SET used = 1 WHERE code = ?", (code,))
    return ok(corpid=call.world.settings.corp_id, userid=row["userid"], session_key=secrets.token_urlsafe(16))


def get_launch_code(call: Call) -> Answer:
    """get_launch_code: opens a chat in the client, for five minutes; both members must be in scope (40003)."""
    body = call.body()
    names = [
        text_of(body, "operator_userid", 41009),
        text_of(object_of(body, "single_chat"), "userid", 41009),
    ]
    with call.world.store.reading() as connection:
        for name in names:
            person = find_person(connection, name)
            if person is None or not scope.sees(connection, person["userid"]):
                raise WeComError(40003)
    return ok(launch_code=secrets.token_urlsafe(32))


def consented(connection: sqlite3.Connection, agent_id: int, userid: str) -> list[str] | None:
    """What the member agreed to show this app, None when never asked."""
    row = connection.execute(
        "SELECT fields FROM consent WHERE agent_id = ? AND userid = ?", (agent_id, userid)
    ).fetchone()
    found: list[str] | None = json.loads(row["fields"]) if row else None
    return found


def consent(
    connection: sqlite3.Connection, agent_id: int, userid: str, fields: Sequence[str], now: int
) -> None:
    """Remember what the member agreed to show this app; names that are none are left out."""
    kept = json.dumps([name for name in _private(userid) if name in fields])
    connection.execute("INSERT OR REPLACE INTO consent VALUES (?, ?, ?, ?)", (agent_id, userid, kept, now))


def _make(
    world: World, userid: str | None, external_userid: str | None, agent_id: int | None, wanted: str
) -> str:
    code = secrets.token_urlsafe(32)
    with world.store.writing() as connection:
        connection.execute(
            "INSERT INTO oauth_code VALUES (?, ?, ?, ?, ?, ?, 0)",
            (code, agent_id, userid, external_userid, wanted, world.clock.now()),
        )
    return code


def _redeem(call: Call, connection: sqlite3.Connection) -> sqlite3.Row:
    """The code's row; the code is used up.

    Raises 41008 without a code, 40029 for an unknown one or another app's, 42022 when used,
    42003 after five minutes by the virtual clock.
    """
    code = call.arg("code", 41008)
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM oauth_code WHERE code = ?", (code,)
    ).fetchone()
    if row is None or row["agent_id"] not in (None, call.app.agent_id):
        raise WeComError(40029)
    if row["used"]:
        raise WeComError(42022)
    if call.now - row["issued_at"] > LIFE:
        raise WeComError(42003)
    connection.execute("UPDATE oauth_code SET used = 1 WHERE code = ?", (code,))
    return row


def _outsider(connection: sqlite3.Connection, external_userid: str) -> dict[str, str]:
    found = {"openid": f"o{external_userid}"}
    followers = connection.execute("SELECT userid FROM follow WHERE external_userid = ?", (external_userid,))
    if any(scope.sees(connection, row["userid"]) for row in followers.fetchall()):
        found["external_userid"] = external_userid
    return found


def _issue_ticket(connection: sqlite3.Connection, call: Call, userid: str) -> str:
    ticket = secrets.token_urlsafe(96)
    fields = json.dumps(consented(connection, call.app.agent_id, userid) or [])
    connection.execute(
        "INSERT INTO user_ticket VALUES (?, ?, ?, ?, ?)",
        (ticket, call.app.agent_id, userid, fields, call.now),
    )
    return ticket


def _private(userid: str) -> dict[str, str]:
    """What a member may agree to show. Made up from the id: the sandbox keeps no such things."""
    number = sum(userid.lower().encode()) % 10_000
    return {
        "gender": "2",
        "avatar": f"https://wework.example/avatar/{userid.lower()}",
        "qr_code": f"https://wework.example/qr/{userid.lower()}",
        "mobile": f"1380000{number:04d}",
        "email": f"{userid.lower()}@example.com",
        "biz_mail": f"{userid.lower()}@corp.example.com",
        "address": "示例路 1 号",
    }


ENDPOINTS = {
    "auth/getuserinfo": Endpoint(getuserinfo),
    "auth/getuserdetail": Endpoint(getuserdetail, post=True),
    "user/getuserinfo": Endpoint(legacy_getuserinfo),
    "miniprogram/jscode2session": Endpoint(jscode2session, mini_program=True),
    "get_launch_code": Endpoint(get_launch_code, post=True),
}
