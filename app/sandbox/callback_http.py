"""One request to the callback address: the URL check when it is saved, and an event (facts 4.1)."""

from __future__ import annotations

import json
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from app.sandbox.callback_crypto import Envelope, NotOurs, as_xml
from app.sandbox.callbacks import Address

CHECK_S = 1  # facts 4.1: the plaintext within a second
REPLY_BYTES = 64 * 1024
XML, JSON = "text/xml; charset=utf-8", "application/json"

_SEALED = re.compile(r"<Encrypt>(?:<!\[CDATA\[)?([0-9A-Za-z+/=]+)")


@dataclass(frozen=True)
class Attempt:
    """How one POST went: HTTP status, or None and why; the milliseconds; the reply opened if it was sealed."""

    status: int | None
    error: str
    took_ms: int
    reply: str

    @property
    def accepted(self) -> bool:
        """Only 200 within the window counts; a redirect is a failure (facts 4.1)."""
        return self.status == 200 and not self.error


def is_callback_url(url: str) -> bool:
    """Whether an administrator could save this: http or https with a host and no user in it."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def answers_check(address: Address, corp_id: str) -> bool:
    """GET with a sealed random text; true when exactly that text comes back with 200 within a second."""
    echo = str(secrets.randbelow(10**19))
    envelope = Envelope(address.token, address.aes_key, corp_id)
    sealed = envelope.seal(echo)
    status, body, error = _exchange(
        address.url, {**_signed(envelope, sealed), "echostr": sealed}, None, CHECK_S
    )
    return not error and status == 200 and body == echo.encode()


def post_event(
    address: Address, corp_id: str, fields: dict[str, Any], agent_id: int | None, window_s: float
) -> Attempt:
    """POST one event, sealed and signed afresh, and wait at most `window_s` for the whole answer."""
    envelope = Envelope(address.token, address.aes_key, corp_id)
    sealed = envelope.seal(as_xml({"ToUserName": corp_id, **fields}))
    wrapper = {"ToUserName": corp_id, "Encrypt": sealed}
    if agent_id is not None:
        wrapper["AgentID"] = str(agent_id)
    began = time.monotonic()
    body = as_xml(wrapper).encode()
    status, answer, error = _exchange(address.url, _signed(envelope, sealed), body, window_s)
    took_ms = int((time.monotonic() - began) * 1000)
    return Attempt(status, error, took_ms, _opened(envelope, answer))


def post_json(url: str, said: Any, window_s: float) -> Attempt:
    """POST plain JSON, as gateways of text messages do, and wait at most `window_s` for the whole answer."""
    began = time.monotonic()
    body = json.dumps(said, ensure_ascii=False).encode()
    status, answer, error = _exchange(url, {}, body, window_s, JSON)
    return Attempt(status, error, int((time.monotonic() - began) * 1000), answer.decode(errors="replace"))


def _signed(envelope: Envelope, sealed: str) -> dict[str, str]:
    timestamp, nonce = str(int(time.time())), str(secrets.randbelow(10**10))
    signature = envelope.sign(timestamp, nonce, sealed)
    return {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce}


def _opened(envelope: Envelope, answer: bytes) -> str:
    """A passive reply in plain text where it is sealed with this key, else the answer as it came."""
    text = answer.decode(errors="replace")
    sealed = _SEALED.search(text)
    if sealed is None:
        return text
    try:
        return envelope.open(sealed[1])
    except NotOurs:
        return text


def _exchange(
    url: str, query: dict[str, str], body: bytes | None, window_s: float, kind: str = XML
) -> tuple[int | None, bytes, str]:
    """Status, answer and what went wrong; never raises for what the other side or the network does."""
    parts = urlsplit(url)
    asked = "&".join(filter(None, (parts.query, urlencode(query))))
    target = f"{parts.path or '/'}{'?' if asked else ''}{asked}"
    status, answer, error = None, b"", ""
    began = time.monotonic()
    try:
        with _connected(url, window_s) as connection:
            headers = {"Content-Type": kind, "Connection": "close"}
            connection.request("GET" if body is None else "POST", target, body, headers)
            response = connection.getresponse()
            status, answer = response.status, response.read(REPLY_BYTES)
    except (OSError, HTTPException) as failed:
        error = f"{type(failed).__name__}: {failed}"
    if time.monotonic() - began >= window_s:
        error = "no whole answer in time"
    return status, answer, error


@contextmanager
def _connected(url: str, window_s: float) -> Iterator[HTTPConnection]:
    """A connection that is cut when the window is over, however slowly the other side drips."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=window_s)
    began = time.monotonic()
    connection.connect()
    cut = threading.Timer(window_s - (time.monotonic() - began), _cut, [connection.sock])
    cut.daemon = True
    cut.start()
    try:
        yield connection
    finally:
        cut.cancel()
        connection.close()


def _cut(connected: socket.socket) -> None:
    # Closed meanwhile: there is nothing left to cut.
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)
