"""A text message is wanted again: whoever had skipped its task has undone that. Callers hold the member."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.follow_ups.texting.models import FINAL, SmsMessage, SmsState
from app.timers import Lane, TimerKey, set_timers


def may_resume_text(session: Session, task_id: int) -> bool:
    """True where it is on its way, or was taken back before it was handed over."""
    row = session.get(SmsMessage, task_id, populate_existing=True)
    return row is not None and (row.state not in FINAL or row.state == SmsState.TAKEN_BACK)


def resume_text(session: Session, task_id: int, now: datetime) -> None:
    """Have it sent after all where it was taken back (`may_resume_text`); what is on its way stays so."""
    row = session.get_one(SmsMessage, task_id, populate_existing=True)
    if row.state == SmsState.TAKEN_BACK:
        row.state, row.next_due_at = SmsState.READY, now
        session.flush()
        set_timers(session, [(TimerKey(Lane.SMS, now, task_id), row.member_id)])
