"""API keys: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.ids import new_id
from app.partner_api.models import ApiKey

PREFIX = "dbk_"  # lets secret scanners recognise one that was published by mistake
MAX_KEY = 100


@dataclass(frozen=True, slots=True)
class Partner:
    """The system behind a key; `source` names it in every event it reports."""

    key_id: int
    source: str


def create_key(session: Session, name: str, source: str) -> str:
    """A new key for a partner system; it cannot be shown again. 256 random bits, so a plain hash keeps it."""
    key = PREFIX + secrets.token_urlsafe(32)
    now = clock.real_now(session)
    session.add(
        ApiKey(
            id=new_id(session), name=name, source=source, key_hash=_hash(key), created_at=now, ended_at=None
        )
    )
    session.flush()
    return key


def end_keys(session: Session, name: str) -> int:
    """End every live key of this name from now on; returns how many there were."""
    live = ApiKey.name == name, ApiKey.ended_at.is_(None)
    keys = list(session.scalars(select(ApiKey.id).where(*live)))
    session.execute(update(ApiKey).where(ApiKey.id.in_(keys)).values(ended_at=clock.real_now(session)))
    return len(keys)


def find_partner(session: Session, authorization: str) -> Partner | None:
    """Who sends this `Authorization` header, or None for a wrong, missing or ended key."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key or len(key) > MAX_KEY:
        return None
    digest = _hash(key)
    found = session.scalar(select(ApiKey).where(ApiKey.key_hash == digest, ApiKey.ended_at.is_(None)))
    # The index compares hashes, from whose timing nothing about a key can be learnt; this holds for the last step too.
    if found is None or not hmac.compare_digest(found.key_hash, digest):
        return None
    return Partner(found.id, found.source)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
