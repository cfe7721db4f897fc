"""One call of the gateway for a message: handing it over, or looking how it stands. No tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import structlog

from app.follow_ups.texting.models import SmsState
from app.sms.port import (
    NewSms,
    Receipt,
    SmsError,
    SmsLost,
    SmsMisconfigured,
    SmsPort,
    SmsRefused,
    SmsUnsent,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is ours for a while. CLAIMED: to be handed over; otherwise to be looked for."""

    task_id: int
    fence: int
    attempt: int
    state: SmsState
    number: str = field(repr=False)
    template: str
    variables: Mapping[str, str] = field(repr=False)
    request_id: str
    claimed_at: datetime


class Came(StrEnum):
    """What a call came to."""

    HAS_IT = "has_it"  # the gateway has it: `receipt`
    NOT_TAKEN = "not_taken"  # surely not: it may be handed over later
    DOUBTFUL = "doubtful"
    NOT_THERE = "not_there"  # it was looked for, and is not there (yet)
    AWAY = "away"  # it could not be looked for
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a claim."""

    claim: Claim
    came: Came
    receipt: Receipt | None = None
    reason: str = ""
    wait_s: float = 0.0


def call(port: SmsPort, claim: Claim) -> Outcome:
    """Hand it over, or look for it; whatever the gateway says becomes an outcome."""
    return _send(port, claim) if claim.state is SmsState.CLAIMED else _find(port, claim)


def _send(port: SmsPort, claim: Claim) -> Outcome:
    message = NewSms(claim.number, claim.template, claim.variables, claim.request_id)
    try:
        return Outcome(claim, Came.HAS_IT, port.send(message))
    except SmsMisconfigured as error:
        log.error("sms_misconfigured", reason=str(error))
        return Outcome(claim, Came.NOT_TAKEN, reason=str(error), wait_s=error.wait_s)
    except SmsUnsent as error:
        return Outcome(claim, Came.NOT_TAKEN, reason=str(error), wait_s=error.wait_s)
    except SmsLost as error:
        return Outcome(claim, Came.DOUBTFUL, reason=str(error))
    except SmsRefused as error:
        return Outcome(claim, Came.REFUSED, reason=str(error))


def _find(port: SmsPort, claim: Claim) -> Outcome:
    if not claim.number:  # forgotten since: there is nothing to look for it by
        return Outcome(claim, Came.NOT_THERE)
    try:
        found = port.find(claim.number, claim.request_id, claim.claimed_at)
    except SmsError as error:
        return Outcome(claim, Came.AWAY, reason=str(error))
    return Outcome(claim, Came.HAS_IT if found else Came.NOT_THERE, found)
