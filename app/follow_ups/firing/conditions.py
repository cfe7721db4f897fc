"""Asking the rules of steps of the members they are about.

What began a series is told as it was then, whatever has happened since: the day of purchases, or the event. Everything
else is the member as they are now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.follow_ups.fact_sources import DAY_TERMS, EVENT_TERMS, facts_of_days, facts_of_event
from app.follow_ups.facts import Facts, criterion_of, facts_of
from app.follow_ups.rules import Step
from app.follow_ups.series.ending import OF_PURCHASES
from app.follow_ups.series.entering import event_name
from app.member_events.queries import events_of

OF_EVENT = "event:"


class Subject(NamedTuple):
    """The series that a step is of: its id, its member, and what it began by."""

    series_id: int
    member_id: int
    anchor_event: str
    anchor_on: date

    @property
    def kind(self) -> str:
        """What kind of event it began by; "" where it was none."""
        return self.anchor_event.split(":")[1] if self.anchor_event.startswith(OF_EVENT) else ""


class Conditions:
    """The facts that the rules of some steps speak of; without rules none are read."""

    def __init__(self, session: Session, steps: Iterable[tuple[Subject, Step]], now: datetime) -> None:
        """`steps`: each with the series it is of."""
        texts = [(subject, text) for subject, step in steps for text in step.conditions]
        asked = {subject for subject, _ in texts}
        terms = {term for _, text in texts for term in criterion_of(text).terms}
        members = sorted({subject.member_id for subject in asked})
        facts = facts_of(session, members, terms, now) if members else {}
        told = _told(session, asked, terms)
        self._facts = {
            subject.series_id: facts[subject.member_id] | told.get(subject, {}) for subject in asked
        }

    def hold(self, series_id: int, text: str) -> bool:
        """Whether a rule holds for the series' member; an empty one always does."""
        return not text or criterion_of(text).holds(self._facts[series_id])

    def facts(self, series_id: int) -> Facts:
        """What is known of a series whose step has rules."""
        return self._facts[series_id]


def _told(session: Session, subjects: Collection[Subject], terms: Collection[str]) -> dict[Subject, Facts]:
    """What began each series, as far as one of these terms speaks of it."""
    told: dict[Subject, Facts] = {}
    bought = [one for one in subjects if one.anchor_event.startswith(OF_PURCHASES)]
    if bought and DAY_TERMS.intersection(terms):
        days = facts_of_days(session, {(one.member_id, one.anchor_on) for one in bought})
        nothing: Facts = dict.fromkeys(DAY_TERMS)
        told |= {one: days.get((one.member_id, one.anchor_on), nothing) for one in bought}
    kinds = {str(kind) for term, (kind, _) in EVENT_TERMS.items() if term in terms}
    begun = {(one.member_id, one.anchor_event): one for one in subjects if one.kind in kinds}
    if begun:
        for event in events_of(session, {member_id for member_id, _ in begun}, kinds):
            subject = begun.get((event.member_id, event_name("event", event.kind, event.key)))
            if subject is not None:
                told[subject] = facts_of_event(event.kind, event.data)
    return told
