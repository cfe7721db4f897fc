"""Rows that firing, enrolling and stopping have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.follow_ups.rules import Anchor, Step, Verdict, before_firing, due_at
from app.follow_ups.states import EnrollmentState
from app.stores.rules import StoreHours
from app.timers import Lane


@dataclass(frozen=True, slots=True)
class Waiting:
    """The step an enrollment waits for and the timer it waits with; all None when no step is left."""

    step_no: int | None
    lane: Lane | None
    due_at: datetime | None
    waiting_for: str = ""  # why a step that was due already waits (`WaitingFor`)

    def columns(self) -> dict[str, Any]:
        """The columns of an enrollment that say so."""
        return {
            "state": EnrollmentState.ACTIVE if self.step_no else EnrollmentState.FINISHED,
            "next_step_no": self.step_no,
            "next_lane": self.lane,
            "next_due_at": self.due_at,
            "waiting_for": self.waiting_for,
        }


def lane_of(step: Step) -> Lane:
    """Minutes have a lane of their own, so that a morning's backlog of day steps never delays them."""
    return Lane.MINUTES if step.offset_minutes is not None else Lane.DAYS


def next_waiting(
    steps: Iterable[Step], anchor: Anchor, hours: StoreHours, *, enrolled_at: datetime, now: datetime
) -> tuple[Waiting, list[tuple[Step, Verdict]]]:
    """The first of the steps that can open, and what becomes of those before it.

    A timer is never set into the past: a step that is overdue already waits for now.
    """
    passed: list[tuple[Step, Verdict]] = []
    for step in steps:
        verdict = before_firing(step, anchor, hours, enrolled_at)
        if verdict is None:
            return Waiting(step.step_no, lane_of(step), max(due_at(step, anchor, hours), now)), passed
        passed.append((step, verdict))
    return Waiting(None, None, None), passed


def step_record(
    enrollment_id: int, step: Step, verdict: Verdict, due: datetime, now: datetime
) -> dict[str, Any]:
    """The row that says what became of a step; a task is named later where one was opened."""
    return {
        "enrollment_id": enrollment_id,
        "step_no": step.step_no,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "due_at": due,
        "recorded_at": now,
        "task_id": None,
    }


def anchor_of(row: Any) -> Anchor:
    """The anchor of an enrollment row."""
    return Anchor(row.anchor_at, row.anchor_on, row.time_known)
