"""A text message is wanted again: whoever had skipped its task has undone that. Callers hold the member."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.follow_ups.texting.models import FINAL, SmsMessage, SmsState
from app.timers import Lane, TimerKey, set_timers


def resume_text(session: Session, task_id: int, now: datetime) -> bool:
    """Have it sent after all where it was taken back before it was handed over; False where nothing can come of it."""
    row = session.get(SmsMessage, task_id, populate_existing=True)
    if row is None or (row.state in FINAL and row.state != SmsState.TAKEN_BACK):
        return False
    if row.state == SmsState.TAKEN_BACK:
        row.state, row.next_due_at = SmsState.READY, now
        session.flush()
        set_timers(session, [(TimerKey(Lane.SMS, now, task_id), row.member_id)])
    return True
