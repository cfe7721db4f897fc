"""Notes of calls: what came of them, on the associate's word."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Session

from app.associates.queries import Actor
from app.errors import Forbidden, Invalid
from app.follow_ups.acts.holding import (
    Held,
    May,
    Standing,
    Tap,
    check_same,
    find_same_act,
    hold,
    standing_after,
    until_of,
)
from app.follow_ups.acts.kinds import Act, CallOutcome, Until
from app.follow_ups.acts.telling import keep_told
from app.follow_ups.acts.waiting import instant_of, may_wait
from app.follow_ups.states import Channel, Evidence
from app.worklist.models import WorkState
from app.worklist.service import postpone_items

BY_PHONE = frozenset({Channel.PHONE, Channel.INVITE})
# What an invitation becomes for who can chat with the member.
ONCE_BY_PHONE = BY_PHONE | {Channel.CHAT}


def note_call(
    session: Session,
    actor: Actor,
    task_id: int,
    tap: Tap,
    outcome: CallOutcome,
    *,
    note: str = "",
    until: Until | date | None = None,
) -> Standing:
    """Keep what came of a call: reached, it is done; not reached, it stays open; call back, it waits `until` then.

    By who has the task or still had it when they called, for a call or an invitation. What was said is kept whatever
    became of the task since: closed it stays closed, and where somebody else has reached the member as well that stands
    and both count as touches. Raises `NotFound`, `Forbidden`, `Conflict` for a task that was closed before, `Invalid`
    `wrong_channel`, `until_missing` for a call back without a time, `beyond_validity` for one too late.
    """
    told = {"task_id": task_id, "reason": outcome, "note": note.strip()}
    if before := find_same_act(session, actor, tap, Act.CALLED, **told):
        # Until when counts for who is to call back, and only where the task was still open.
        check_same(
            before.until is None or (until is not None and until_of(session, before, until) == before.until)
        )
        return standing_after(session, before)
    held = hold(session, actor, task_id, tap, May.WHO_HAD_IT)
    _check_their_call(held)
    is_first = held.task.evidence is None
    if outcome is CallOutcome.REACHED:
        keep_told(held, Evidence.SELF_DECLARED)
    if is_first:
        held.task.note = note.strip() or held.task.note
    is_open = held.item.state == WorkState.OPEN
    waits = _wait(held, until) if outcome is CallOutcome.CALL_BACK and is_open else None
    held.keep(Act.CALLED, reason=outcome, note=note.strip(), until=waits)
    return held.standing()


def _check_their_call(held: Held) -> None:
    if not held.was_theirs_to_do:
        raise Forbidden("not_your_task", place="task")
    if not held.was_open:
        held.must_be_open()
    if held.task.channel not in (BY_PHONE if held.is_mine else ONCE_BY_PHONE):
        raise Invalid("wrong_channel", place="outcome")


def _wait(held: Held, until: Until | date | None) -> datetime:
    if until is None:
        raise Invalid("until_missing", place="until")
    instant = instant_of(until, held.hours, held.acted_at)
    if not may_wait(held.hours, held.acted_at, instant, held.item.valid_until):
        raise Invalid("beyond_validity", place="until", valid_until=held.item.valid_until.isoformat())
    postpone_items(held.session, {held.item.id: instant})
    return instant
