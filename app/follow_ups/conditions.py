"""Asking the rules of steps of the members they are about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from app.follow_ups.facts import criterion_of, facts_of
from app.follow_ups.rules import Step


class Conditions:
    """The facts that the rules of some members' steps speak of, as they are now; without rules none are read."""

    def __init__(self, session: Session, steps: Iterable[tuple[int, Step]], now: datetime) -> None:
        """`steps`: each with the id of its member."""
        asked = [(member_id, text) for member_id, step in steps for text in step.conditions]
        terms = {term for _, text in asked for term in criterion_of(text).terms}
        members = sorted({member_id for member_id, _ in asked})
        self._facts = facts_of(session, members, terms, now) if members else {}

    def hold(self, member_id: int, text: str) -> bool:
        """Whether a rule holds for the member; an empty one always does."""
        return not text or criterion_of(text).holds(self._facts[member_id])
