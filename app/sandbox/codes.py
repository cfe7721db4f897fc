"""OAuth codes: made by a login, exchanged once, within five minutes (facts 3.2). Pages are in logins."""

from __future__ import annotations

import secrets
import sqlite3

from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Call, Endpoint, World
from app.sandbox.clock import MINUTE

LIFE = 5 * MINUTE


def make_code(world: World, userid: str, agent_id: int | None) -> str:
    """A fresh code for this member, good for the app named, or for any app of the corp when None."""
    code = secrets.token_urlsafe(32)
    with world.store.writing() as connection:
        connection.execute(
            "INSERT INTO oauth_code VALUES (?, ?, ?, ?, 0)", (code, agent_id, userid, world.clock.now())
        )
    return code


def getuserinfo(call: Call) -> Answer:
    """auth/getuserinfo: whose code it is, in lower-case keys."""
    return ok(userid=_redeem(call))


def legacy_getuserinfo(call: Call) -> Answer:
    """user/getuserinfo, which the unmodified wechatpy calls: the same with capitalised keys."""
    return ok(UserId=_redeem(call), DeviceId="")


def _redeem(call: Call) -> str:
    """The member's userid; the code is used up.

    Raises 41008 without a code, 40029 for an unknown one or another app's, 42022 when used,
    42003 after five minutes by the virtual clock.
    """
    code = call.arg("code", 41008)
    with call.world.store.writing() as connection:
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
        return str(row["userid"])


ENDPOINTS = {
    "auth/getuserinfo": Endpoint(getuserinfo),
    "user/getuserinfo": Endpoint(legacy_getuserinfo),
}
