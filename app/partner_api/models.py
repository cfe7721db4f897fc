"""Tables of API keys and of answers given under an idempotency key."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base
from app.inbound.models import Payload


class ApiKey(Base):
    """A partner system's key; only its hash is stored. `source` names the system in every event it reports."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(32))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """One request of one partner: the same key and body get the same answer for as long as the row is kept.

    `key` is the SHA-256 of what the partner sent: upper and lower case stay apart in any collation.
    `status` is None while the request is in flight; `claimed_until` (real time) ends a claim whose process died.
    """

    __tablename__ = "idempotency_keys"

    api_key_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column(Integer)
    response: Mapped[str | None] = mapped_column(Payload)
    claimed_until: Mapped[datetime]
    created_at: Mapped[datetime]
