"""The chain's days, by which what follow-ups bring is counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from app.nightly import CHAIN_ZONE


def midnight(on: date) -> datetime:
    """The instant at which a day of the chain's begins."""
    return datetime.combine(on, time(), tzinfo=CHAIN_ZONE).astimezone(UTC)


def day_of(at: datetime) -> date:
    """The chain's day of an instant."""
    return at.astimezone(CHAIN_ZONE).date()
