"""What is being written right now: a second writer is refused.

Pairs of member and customer while tags are marked (facts 3.5, 45035), and welcome codes while one is used (facts 3.7,
41096): the latter as the pair ("welcome_code", code).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.sandbox.answers import WeComError

WELCOME = "welcome_code"


class BusyPairs:
    """The pairs in use, by calls and by tests that hold one. Of this process only, as the sandbox is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pairs: set[tuple[str, str]] = set()

    @contextmanager
    def with_pair(self, userid: str, external_userid: str, otherwise: int = 45035) -> Iterator[None]:
        """Have the pair to oneself; raises WeComError `otherwise` when somebody else has it."""
        if not self.hold(userid, external_userid):
            raise WeComError(otherwise)
        try:
            yield
        finally:
            self.release(userid, external_userid)

    def hold(self, userid: str, external_userid: str) -> bool:
        """Take the pair until `release`; False when somebody has it."""
        pair = (userid.lower(), external_userid)
        with self._lock:
            if pair in self._pairs:
                return False
            self._pairs.add(pair)
            return True

    def is_held(self, userid: str, external_userid: str) -> bool:
        """Whether somebody has the pair right now."""
        with self._lock:
            return (userid.lower(), external_userid) in self._pairs

    def release(self, userid: str, external_userid: str) -> None:
        """Nobody has the pair any more."""
        with self._lock:
            self._pairs.discard((userid.lower(), external_userid))
