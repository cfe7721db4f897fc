"""Notes of calls: what came of them, on the associate's word."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Session

from app.associates.queries import Actor
from app.errors import Invalid
from app.follow_ups.acts.holding import Held, May, Standing, Tap, find_done_before, hold, standing_after
from app.follow_ups.acts.kinds import Act, CallOutcome, Until
from app.follow_ups.acts.waiting import instant_of, may_wait
from app.follow_ups.finishing import keep_done
from app.follow_ups.states import Channel, Evidence
from app.worklist.service import postpone_items

BY_PHONE = frozenset({Channel.PHONE, Channel.INVITE})


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

    Only by the assignee, for a call or an invitation. Raises `NotFound`, `Forbidden`, `Conflict` for a closed task,
    `Invalid` `wrong_channel`, `until_missing` for a call back without a time, `beyond_validity` for one too late.
    """
    if before := find_done_before(session, actor, tap):
        return standing_after(session, before)
    held = hold(session, actor, task_id, tap, May.ASSIGNEE)
    held.must_be_open()
    if held.task.channel not in BY_PHONE:
        raise Invalid("wrong_channel", place="outcome")
    held.task.note = note.strip() or held.task.note
    if outcome is CallOutcome.REACHED:
        keep_done(session, held.task, held.item, Evidence.SELF_DECLARED, actor.associate_id, held.acted_at)
    waits = _wait(held, until) if outcome is CallOutcome.CALL_BACK else None
    held.keep(Act.CALLED, reason=outcome, note=note.strip(), until=waits)
    return held.standing()


def _wait(held: Held, until: Until | date | None) -> datetime:
    if until is None:
        raise Invalid("until_missing", place="until")
    instant = instant_of(until, held.hours, held.acted_at)
    if not may_wait(held.hours, held.acted_at, instant, held.item.valid_until):
        raise Invalid("beyond_validity", place="until", valid_until=held.item.valid_until.isoformat())
    postpone_items(held.session, {held.item.id: instant})
    return instant
