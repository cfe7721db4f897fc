"""What a call with a fault is answered (the kinds are told in faults.FaultKind)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from flask import Response

from app.sandbox.faults import Fault, FaultKind

PIECES = 20  # of an answer that trickles


class BrokenAnswer(ConnectionAbortedError):
    """Raised in the middle of a body so that the server cuts the connection."""


def suffer(fault: Fault, answer: Callable[[], Response], refuse: Callable[[int], Response]) -> Response:
    """`answer` does what was asked; `refuse` answers an errcode."""
    if fault.kind is FaultKind.ERRCODE:
        return refuse(int(fault.value))
    if fault.kind is FaultKind.HTTP500:
        return _upstream_error(fault)
    if fault.kind is FaultKind.RESET:
        return _broken(b"", 1)
    if fault.kind is FaultKind.DELAY:
        time.sleep(fault.value)
        return answer()
    done = answer()
    if fault.kind is FaultKind.HTTP500_AFTER:
        return _upstream_error(fault)
    if fault.kind is FaultKind.MALFORMED:
        return Response('{"errcode":0,"errmsg":"o', mimetype="application/json")
    if fault.kind is FaultKind.TRICKLE:
        done.response = _slowly(done.get_data(), fault.value)
        return done
    time.sleep(fault.value)
    return _broken(b'{"errcode":', len(done.get_data()))


def _upstream_error(fault: Fault) -> Response:
    return Response("<html>upstream error</html>", status=int(fault.value), mimetype="text/html")


def _broken(begun: bytes, promised: int) -> Response:
    return Response(_cut(begun), headers={"Content-Length": str(promised)}, mimetype="application/json")


def _cut(begun: bytes) -> Iterator[bytes]:
    if begun:
        yield begun
    raise BrokenAnswer("the connection was cut on demand")


def _slowly(body: bytes, seconds: float) -> Iterator[bytes]:
    step = max(1, -(-len(body) // PIECES))
    for start in range(0, len(body), step):
        time.sleep(seconds * step / len(body))
        yield body[start : start + step]
