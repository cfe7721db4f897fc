"""The same key and body get the same answer and have one effect: claim (commit), work, record (commit)."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, CursorResult, delete, update
from sqlalchemy.orm import Session

from app import clock
from app.errors import Invalid
from app.partner_api.models import IdempotencyKey

# A request is worked off within seconds; a claim older than this belongs to a process that died.
CLAIM_LASTS = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a request; `until` is its fence: who was taken over records nothing."""

    api_key_id: int
    key: str
    until: datetime


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What this request was answered before."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class InFlight:
    """Somebody is working on the same request."""

    retry_after_s: int


def hash_of(content: bytes) -> str:
    """SHA-256, by which keys and bodies are compared."""
    return hashlib.sha256(content).hexdigest()


def claim(session: Session, api_key_id: int, key: str, body_hash: str) -> Claim | StoredAnswer | InFlight:
    """Take this request on, or say what became of it. A claim whose time ran out is taken over.

    Raises `Invalid` ("idempotency_key_reused") where the key was used with another body.
    """
    now = clock.real_now(session)
    until = now + CLAIM_LASTS
    row = session.get(IdempotencyKey, (api_key_id, key), with_for_update=True)
    if row is None:
        session.add(
            IdempotencyKey(
                api_key_id=api_key_id,
                key=key,
                body_hash=body_hash,
                status=None,
                response=None,
                claimed_until=until,
                created_at=now,
            )
        )
        session.flush()
        return Claim(api_key_id, key, until)
    if row.body_hash != body_hash:
        raise Invalid("idempotency_key_reused", place="Idempotency-Key")
    if row.status is not None:
        return StoredAnswer(row.status, row.response or "")
    if row.claimed_until > now:
        return InFlight(math.ceil((row.claimed_until - now).total_seconds()))
    row.claimed_until = until
    session.flush()
    return Claim(api_key_id, key, until)


def record(session: Session, mine: Claim, status: int, body: str) -> bool:
    """Keep the answer for repeats; False where the claim was taken over meanwhile."""
    statement = update(IdempotencyKey).where(*_still_mine(mine)).values(status=status, response=body)
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def release(session: Session, mine: Claim) -> None:
    """Give a claim back after a failure of ours, so that the partner need not wait for its end."""
    session.execute(delete(IdempotencyKey).where(*_still_mine(mine)))


def _still_mine(mine: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        IdempotencyKey.api_key_id == mine.api_key_id,
        IdempotencyKey.key == mine.key,
        IdempotencyKey.claimed_until == mine.until,
        IdempotencyKey.status.is_(None),
    )
