"""JS-SDK tickets, and whether a page's signature was made with one of them (facts 3.1)."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Call, Endpoint, World
from app.sandbox.clock import SECOND

LIFE_S = 7_200


def get_jsapi_ticket(call: Call) -> Answer:
    """The corp's ticket, for wx.config; the same one until it expires."""
    return _ticket(call, "corp", 0)


def get_ticket(call: Call) -> Answer:
    """The app's ticket, for wx.agentConfig; 91040 for any other `type` than agent_config."""
    if call.args.get("type") != "agent_config":
        raise WeComError(91040)
    return _ticket(call, "agent", call.app.agent_id)


def signature(ticket: str, nonce: str, timestamp: str, url: str) -> str:
    """SHA-1 over the four in this order, names in lower case, nothing url-encoded (facts 3.1)."""
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url.split('#')[0]}"
    return hashlib.sha1(text.encode()).hexdigest()  # noqa: S324  WeCom's choice, not ours


def is_signed(world: World, kind: str, agent_id: int, signed: dict[str, str]) -> bool:
    """Whether `signed` (url, timestamp, nonceStr, signature) used a live ticket of this kind and app.

    The two kinds are not interchangeable: the other kind's ticket gives False (40093, 42012).
    """
    with world.store.reading() as connection:
        rows = connection.execute(
            "SELECT ticket FROM ticket WHERE kind = ? AND agent_id = ? AND expires_at > ?",
            (kind, agent_id if kind == "agent" else 0, world.clock.real_now()),
        ).fetchall()
    return any(
        hmac.compare_digest(
            signature(row["ticket"], signed["nonceStr"], signed["timestamp"], signed["url"]).encode(),
            signed["signature"].encode(),
        )
        for row in rows
    )


def _ticket(call: Call, kind: str, agent_id: int) -> Answer:
    """Tickets live by the real clock.

    A page cannot be told that its ticket expired as an API caller is told of its token (42001):
    after a fast-forward every page would be refused until the product's cache ran out.
    """
    now = call.world.clock.real_now()
    with call.world.store.writing() as connection:
        row = connection.execute(
            "SELECT ticket, expires_at FROM ticket WHERE kind = ? AND agent_id = ? AND expires_at > ?",
            (kind, agent_id, now),
        ).fetchone()
        if row is None:
            row = {"ticket": secrets.token_urlsafe(64), "expires_at": now + LIFE_S * SECOND}
            connection.execute(
                "INSERT INTO ticket VALUES (?, ?, ?, ?)", (row["ticket"], kind, agent_id, row["expires_at"])
            )
    return ok(ticket=row["ticket"], expires_in=max(1, (row["expires_at"] - now) // SECOND))


ENDPOINTS = {"get_jsapi_ticket": Endpoint(get_jsapi_ticket), "ticket/get": Endpoint(get_ticket)}
