"""One call of WeCom for an order: making it, or looking for one of which nobody knows whether it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import structlog

from app.follow_ups.channels.carriers import CARRIERS, Candidate, Made, Wish
from app.wecom.apis.group_sends import DISPATCHING, NOBODY_TO_REACH
from app.wecom.errors import WeComError, WeComMisconfigured, WeComPaused, WeComRejected, WeComRetryable
from app.wecom.port import WeComPort

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one call makes, ours until `lease_until` (real); `is_doubtful`: it is to be looked for, not made.

    `fences` are of one order, or of all moments that the call makes. `call_id` is the same for them, and for no other.
    """

    fences: Mapping[int, int]
    call_id: int
    attempt: int
    looks: int
    channel: str
    wish: Wish
    is_doubtful: bool
    lease_until: datetime
    first_claimed_at: datetime
    now: datetime


class Came(StrEnum):
    """What a call came to."""

    MADE = "made"
    NOT_MADE = "not_made"  # surely not: it may be made later
    DOUBTFUL = "doubtful"
    LOOKED = "looked"  # for one in doubt: `candidates` are what was found
    AWAY = "away"  # it could not be looked for
    NOBODY = "nobody"  # WeCom knows nobody to send it to
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a claim."""

    claim: Claim
    came: Came
    made: Made = field(default_factory=Made)
    candidates: tuple[Candidate, ...] = ()
    reason: str = ""
    wait_s: float = 0.0
    counts: bool = True


def call(port: WeComPort, claim: Claim) -> Outcome:
    """Make it, or look for it; whatever WeCom says becomes an outcome."""
    return _look_for(port, claim) if claim.is_doubtful else _make(port, claim)


def _make(port: WeComPort, claim: Claim) -> Outcome:
    try:
        return Outcome(claim, Came.MADE, CARRIERS[claim.channel].make(port, claim.wish))
    except WeComRetryable as error:
        came = Came.DOUBTFUL if error.sent else Came.NOT_MADE
        counts = not isinstance(error, WeComPaused)
        return Outcome(claim, came, reason=str(error), wait_s=error.wait_s, counts=counts)
    except WeComMisconfigured as error:
        log.error("order_misconfigured", reason=str(error))
        return Outcome(claim, Came.NOT_MADE, reason=str(error))
    except WeComRejected as error:
        came = Came.NOBODY if error.errcode == NOBODY_TO_REACH else Came.REFUSED
        return Outcome(claim, came, reason=str(error))


def _look_for(port: WeComPort, claim: Claim) -> Outcome:
    carrier = CARRIERS[claim.channel]
    try:
        found = carrier.candidates(port, claim.wish, claim.first_claimed_at, claim.now)
        candidates = tuple(each for each in found if carrier.is_it(each, claim.wish))
    except WeComRejected as error:
        if error.errcode != DISPATCHING:
            log.error("order_not_looked_for", reason=str(error))
        return Outcome(claim, Came.AWAY, reason=str(error))
    except WeComError as error:
        return Outcome(claim, Came.AWAY, reason=str(error))
    return Outcome(claim, Came.LOOKED, candidates=candidates)
