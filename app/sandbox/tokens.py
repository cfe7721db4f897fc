"""Access tokens: bought with a secret, one app each, two hours (facts 2.1).

They live by the real clock: a fast-forward of 90 days is hundreds of jumps within seconds, each of which would
otherwise end a token that was bought a moment ago, which no caller can tell from a server gone wrong.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping

from app.sandbox import rules
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import World
from app.sandbox.clock import SECOND
from app.sandbox.settings import AppCredentials

LIFE_S = 7_200


def gettoken(world: World, args: Mapping[str, str]) -> Answer:
    """A token of the app that owns the secret; the same one until it expires (facts 2.1).

    Checked in WeCom's order: secret missing 41004, corpid missing 41002, corpid wrong 40013,
    secret wrong 40001, app disabled 50003.
    """
    app = _app_asking(world, args)
    now = world.clock.real_now()
    with world.store.writing() as connection:
        if not rules.of(connection).app_enabled:
            raise WeComError(50003)
        row = _live_token(connection, app, now) or _issue(connection, app, now)
    return ok(access_token=row[0], expires_in=max(1, (row[1] - now) // SECOND))


def app_of(world: World, token: str) -> AppCredentials:
    """The app a token belongs to. Raises 41001 when empty, 40014 when never issued, 42001 when expired."""
    if not token:
        raise WeComError(41001)
    with world.store.reading() as connection:
        row = connection.execute("SELECT * FROM token WHERE token = ?", (token,)).fetchone()
    app = world.settings.app_of_agent(row["agent_id"]) if row else None
    if app is None:
        raise WeComError(40014)
    if world.clock.real_now() >= row["expires_at"]:
        raise WeComError(42001)
    return app


def revoke_all(connection: sqlite3.Connection) -> int:
    """Make every token unknown (40014), as WeCom may do before its time; how many there were."""
    return connection.execute("DELETE FROM token").rowcount


def expire_all(connection: sqlite3.Connection, now: int) -> int:
    """End every token that lives, in real time `now`: known still, but expired (42001); how many there were."""
    return connection.execute("UPDATE token SET expires_at = ? WHERE expires_at > ?", (now, now)).rowcount


def _app_asking(world: World, args: Mapping[str, str]) -> AppCredentials:
    secret = args.get("corpsecret", "")
    if not secret:
        raise WeComError(41004)
    if not args.get("corpid"):
        raise WeComError(41002)
    if args["corpid"] != world.settings.corp_id:
        raise WeComError(40013)
    app = world.settings.app_of_secret(secret)
    if app is None:
        raise WeComError(40001)
    return app


def _live_token(connection: sqlite3.Connection, app: AppCredentials, now: int) -> tuple[str, int] | None:
    row = connection.execute(
        """SELECT token, expires_at FROM token WHERE agent_id = ? AND issued_at <= ? AND expires_at > ?
           ORDER BY expires_at DESC""",
        (app.agent_id, now, now),
    ).fetchone()
    return (row["token"], row["expires_at"]) if row else None


def _issue(connection: sqlite3.Connection, app: AppCredentials, now: int) -> tuple[str, int]:
    token, expires_at = secrets.token_urlsafe(96), now + LIFE_S * SECOND
    connection.execute("INSERT INTO token VALUES (?, ?, ?, ?)", (token, app.agent_id, now, expires_at))
    return token, expires_at
