"""Tables of sign-ins under way and of sessions. Only hashes of tokens are stored."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class LoginState(Base):
    """A sign-in sent to WeCom: its `state` may come back once, to the browser it left from, in real time."""

    __tablename__ = "login_states"
    __table_args__ = (Index(None, "expires_at"),)

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    browser_hash: Mapped[str] = mapped_column(String(64))
    face: Mapped[str] = mapped_column(String(16))
    next_path: Mapped[str] = mapped_column(String(512))
    expires_at: Mapped[datetime]


class WebSession(Base):
    """Someone signed in to a face until `expires_at`, in real time."""

    __tablename__ = "web_sessions"
    __table_args__ = (Index(None, "expires_at"), Index(None, "associate_id"))

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    face: Mapped[str] = mapped_column(String(16))
    associate_id: Mapped[int]
    started_at: Mapped[datetime]
    expires_at: Mapped[datetime]
