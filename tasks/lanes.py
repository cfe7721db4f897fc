"""Working off a lane: the one place that knows which work belongs to which lane.

`run_lane` may be called anywhere, any number of times, by any number of processes: the tables are the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.db import Database
from app.follow_ups.firing import fire_due
from app.lanes import Deadline, Progress
from app.messaging.delivery import deliver_due
from app.messaging.digests import gather_due
from app.timers import Lane
from app.wecom.port import WeComPort
from app.worklist.expiry import expire_due


@dataclass(frozen=True, slots=True)
class Hands:
    """What the lanes work with."""

    database: Database
    wecom: WeComPort
    public_url: str


def run_lane(hands: Hands, lane: Lane, deadline: Deadline) -> Progress:
    """Do what is due in a lane until nothing is, or until the deadline."""
    if lane in (Lane.MINUTES, Lane.DAYS):
        return fire_due(hands.database, lane, deadline)
    if lane is Lane.EXPIRY:
        return expire_due(hands.database, deadline)
    if lane is Lane.DIGEST:
        return gather_due(hands.database, hands.public_url, deadline)
    return deliver_due(hands.database, hands.wecom, deadline)
