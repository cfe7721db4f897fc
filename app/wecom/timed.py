"""Connections whose exchanges end in time: one moment for all of it, from connecting to the last byte.

A socket's time-out is of each silence: who sends a byte a second, of the headers too, would be listened to for ever.
Here each read, write and connect is given what is left, and no more than its silence. Asking for the server's
addresses is the one thing that takes as long as the machine's resolver lets it.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

PIECE = 16 * 1024  # is written at once: a record of TLS


class _Ends(threading.local):
    """When the exchange of this thread has to be over."""

    at = float("inf")


_ends = _Ends()


def end_at(moment: float) -> None:
    """The exchange this thread begins now has to be over then, by time.monotonic()."""
    _ends.at = moment


def has_ended() -> bool:
    """Whether this thread's exchange has no time left."""
    return time.monotonic() >= _ends.at


def _left() -> float:
    """Seconds that are left; raises TimeoutError for none."""
    left = _ends.at - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time left")
    return left


class _TimedFile(io.RawIOBase):
    """What comes from a socket, no longer than there is time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._silence_s = sock.gettimeout() or 0.0
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        left = _left()
        if left < self._silence_s:
            self._sock.settimeout(left)
        return self._file.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedFile(sock))


class _Timed(HTTPConnection):
    """An HTTPConnection of urllib3, in time."""

    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        """All addresses of the server share one time-out; what is left of it is for the handshake."""
        ends_at = min(_ends.at, time.monotonic() + float(self.timeout or 0))
        failed: OSError = OSError("no address")
        for family, kind, protocol, address in self._addresses():
            left = ends_at - time.monotonic()
            if left <= 0:
                failed = TimeoutError()
                break
            try:
                return self._connected(socket.socket(family, kind, protocol), address, ends_at)
            except OSError as error:
                failed = error
        if isinstance(failed, TimeoutError):
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out") from failed
        raise NewConnectionError(self, f"Failed to establish a new connection: {failed}") from failed

    def _addresses(self) -> Iterator[tuple[Any, Any, int, Any]]:
        try:
            found = socket.getaddrinfo(self.host.strip("[]"), self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        return ((family, kind, protocol, address) for family, kind, protocol, _, address in found)

    def _connected(self, sock: socket.socket, address: Any, ends_at: float) -> socket.socket:
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(max(ends_at - time.monotonic(), 0.001))
            sock.connect(address)
            sock.settimeout(max(ends_at - time.monotonic(), 0.001))
        except BaseException:
            sock.close()
            raise
        return sock

    def send(self, data: Any) -> None:
        """Piece by piece: what is left is less each time."""
        if self.sock is None:
            self.connect()
        for start in range(0, len(data), PIECE) or (0,):
            self.sock.settimeout(_left())
            super().send(data[start : start + PIECE])


class _TimedTLS(_Timed, HTTPSConnection):
    """The same over TLS."""


class TimedPool(HTTPConnectionPool):
    """A pool of such connections."""

    ConnectionCls = _Timed


class TimedTLSPool(HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = _TimedTLS
