"""The one timetable: how often each lane's bell rings. A lost or doubled bell is harmless."""

from __future__ import annotations

from typing import NamedTuple

from app.timers import Lane


class Bell(NamedTuple):
    """Ring a lane every so many seconds of real time, also while up to `at_once` - 1 earlier rings are at it."""

    lane: Lane
    every_s: float
    at_once: int = 1


TIMETABLE = (
    Bell(Lane.MINUTES, 1.0),
    Bell(Lane.DAYS, 1.0),
    Bell(Lane.SWEEP, 5.0),
    Bell(Lane.BALANCE, 1.0),
    Bell(Lane.URGE, 5.0),
    Bell(Lane.HANDOVER, 1.0),
    Bell(Lane.EXPIRY, 5.0),
    Bell(Lane.NIGHTLY, 5.0),
    Bell(Lane.DIGEST, 1.0),
    Bell(Lane.PUSH, 1.0),
    Bell(Lane.CONFIRM, 2.0),
    Bell(Lane.ORDER, 1.0),
    Bell(Lane.SMS, 1.0),
    Bell(Lane.INBOX, 0.5),
    Bell(Lane.WELCOME, 0.5, at_once=8),  # one that waits for slow answers claims nothing new
    Bell(Lane.SYNC, 5.0),
    Bell(Lane.ORGANISATION, 1.0),
)
