"""Signatures that let a page of ours use WeCom's JS-SDK (facts 3.1)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signature:
    """What wx.config and wx.agentConfig want to know; `timestamp` in seconds."""

    timestamp: int
    nonce: str
    signature: str


def sign(ticket: str, url: str, timestamp: int, nonce: str = "") -> Signature:
    """Sign the address of a page as it stands in the webview; what follows # does not count.

    The corp's ticket for wx.config, the agent's for wx.agentConfig. The nonce is random unless given.
    """
    nonce = nonce or secrets.token_hex(8)
    page = url.partition("#")[0]
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={page}"
    return Signature(timestamp, nonce, hashlib.sha1(text.encode()).hexdigest())  # noqa: S324 - WeCom's choice
