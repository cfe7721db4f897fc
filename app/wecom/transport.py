"""Bytes to one server and back, over connections that are kept: urllib3 alone, which costs a third of requests.

No proxy or .netrc from the environment, no redirects, no repeats: when to ask again is the client's business.
Nothing here raises or logs an address with its query, which holds the token.
"""

from __future__ import annotations

import json
import logging
import mimetypes
import time
from collections.abc import Mapping
from dataclasses import dataclass
from os.path import basename
from typing import Any
from urllib.parse import urlencode, urlsplit

import certifi
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Retry, Timeout, encode_multipart_formdata
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError
from urllib3.fields import RequestField

from app.wecom.errors import redacted
from app.wecom.timed import TimedPool, TimedTLSPool, end_at, has_ended

POOL = 48  # kept: a batch of messages and what other lanes call meanwhile
CHUNK = 64 * 1024
ONCE = Retry(total=False, redirect=False)  # made once: urllib3 would make one per exchange
AGENT = {"User-Agent": "dianban"}


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent: made once, the same bytes as often as it takes."""

    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, complete."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer, or only a part of one. `sent`: the server may have got it. `again`: it may go better at once."""

    reason: str
    sent: bool = True
    again: bool = True


class Transport:
    """Exchanges with the server at `base_url` (which ends in a slash). Safe for all threads of a process."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        self._pool: HTTPConnectionPool = (
            TimedTLSPool(host, parts.port, maxsize=POOL, ca_certs=certifi.where())
            if parts.scheme == "https"
            else TimedPool(host, parts.port, maxsize=POOL)
        )
        self._path = parts.path

    def target(self, path: str, params: Mapping[str, Any]) -> str:
        """The path and query to ask for; parameters that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        return f"{self._path}{path}?{urlencode(given, doseq=True)}"

    def exchange(
        self,
        method: str,
        target: str,
        body: Body | None,
        *,
        timeout: tuple[float, float],
        most_bytes: int,
        within_s: float,
        headers: Mapping[str, str] = AGENT,
    ) -> Reply | Lost:
        """One request and its whole answer.

        `timeout`: seconds for connecting, whatever number of addresses there is, and for each silence. All of it is
        over after `within_s` but asking for addresses (timed.py), whatever the server does. An answer of more than
        `most_bytes` is not read to its end.
        """
        if body is not None:
            headers = {**headers, "Content-Type": body.content_type}
        end_at(time.monotonic() + within_s)
        try:
            response = self._pool.urlopen(
                method, target, body.content if body else None, headers, retries=ONCE, redirect=False,
                assert_same_host=False, timeout=Timeout(connect=timeout[0], read=timeout[1]), preload_content=False,
            )  # fmt: skip
            return self._read(response, most_bytes)
        except HTTPError as error:
            return _lost(error)

    def _read(self, response: BaseHTTPResponse, most_bytes: int) -> Reply | Lost:
        """Piece by piece as it comes."""
        pieces, size = [], 0
        while not response.closed:
            piece = response.read1(CHUNK)
            pieces.append(piece)
            size += len(piece)
            if size > most_bytes:
                response.close()
                return Lost("the answer is too long", again=False)
        return Reply(response.status, response.headers, b"".join(pieces))


def json_body(data: Any) -> Body | None:
    """Real UTF-8: bodies of nothing but escapes were refused (facts 2, JSON). Text and bytes go as they are."""
    if data is None:
        return None
    if not isinstance(data, bytes):
        data = (data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)).encode()
    return Body(data, "application/json; charset=utf-8")


def form_body(files: Mapping[str, Any], fields: Mapping[str, Any] | None = None) -> Body:
    """A form with files, given as requests takes them: bytes, an open file, or (name, either of these, type).

    Files are read here, once, and put back where they stood: every repeat sends the same bytes.
    """
    parts = [_part(name, given) for name, given in files.items()]
    content, content_type = encode_multipart_formdata([*(fields or {}).items(), *parts])
    return Body(content, content_type)


def _part(name: str, given: Any) -> RequestField:
    filename, source, content_type = None, given, None
    if isinstance(given, tuple):
        filename, source, content_type = (*given, None, None)[:3]
    filename = filename or basename(str(getattr(source, "name", ""))) or name
    part = RequestField(name, _content(source), filename=filename)
    guessed = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    part.make_multipart(content_type=content_type or guessed)
    return part


def _content(source: Any) -> bytes:
    if isinstance(source, bytes | bytearray | str):
        content = source
    else:
        place = source.tell() if source.seekable() else None
        content = source.read()
        if place is not None:
            source.seek(place)
    return content.encode() if isinstance(content, str) else bytes(content)


def _lost(error: HTTPError) -> Lost:
    """`again` says whether the same may go better at once: not where it took its time to fail."""
    sent = not isinstance(error, ConnectTimeoutError | NewConnectionError)
    if sent and has_ended():
        return Lost("the answer came too slowly", again=False)
    return Lost(
        reason=type(error).__name__,
        sent=sent,
        again=not isinstance(error, ConnectTimeoutError | ReadTimeoutError),
    )


class _Redacting(logging.Filter):
    """urllib3 logs whole addresses, at DEBUG and of headers it cannot read: without what is secret in them."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), ()
        return True


for _name in ("connection", "connectionpool", "response", "util.retry"):
    logging.getLogger(f"urllib3.{_name}").addFilter(_Redacting())
