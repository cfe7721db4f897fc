"""Opening tasks: the rows of work items, tasks and notices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.db import insert_rows
from app.follow_ups.channels.gathering import Ask, gather
from app.follow_ups.firing.asking import Opening
from app.follow_ups.firing.conditions import Conditions
from app.follow_ups.firing.speaking import Speech, sayings_of
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import BY_THE_SYSTEM, CONFIRMED_BY_WECOM, Channel
from app.follow_ups.texting.writing import NewText, write_texts
from app.follow_ups.wording import Words
from app.messaging.models import NoticeKind
from app.messaging.service import UNHURRIED, NewNotice, write_notices
from app.worklist.models import Elsewhere
from app.worklist.service import open_items

# A notice of a step counted in minutes reaches the associate at most so long after it fell due (store open).
PROMPT = timedelta(minutes=5)
# Who else may do it where its assignee has too much to do.
ELSEWHERE = {
    Channel.CHAT: Elsewhere.CONTACT,
    Channel.PHONE: Elsewhere.ANYBODY,
    Channel.IN_STORE: Elsewhere.ANYBODY,
    Channel.GROUP_SEND: Elsewhere.TOGETHER,
    Channel.MOMENT: Elsewhere.TOGETHER,
    Channel.SMS: Elsewhere.TOGETHER,  # nobody's: the system sends it
}


def open_tasks(session: Session, openings: Sequence[Opening], conditions: Conditions, now: datetime) -> None:
    """Open work items, tasks and notices. Locks rows of associates, so call it after everything about members."""
    if not openings:
        return
    speeches = [Speech(one.fallen, one.member, one.assignee, one.channel) for one in openings]
    sayings = sayings_of(session, speeches)
    words = Words(session, sayings, conditions)
    open_items(session, [_item_row(opening, now) for opening in openings])
    rows = [_task_row(opening) | words.of(saying) for opening, saying in zip(openings, sayings, strict=True)]
    insert_rows(session, FollowUpTask, rows)
    texts = {row["id"]: row["text"] for row in rows}
    gather(session, [_ask(one, texts, now) for one in openings if one.channel in CONFIRMED_BY_WECOM], now)
    by_system = [one for one in zip(openings, rows, sayings, strict=True) if one[0].channel in BY_THE_SYSTEM]
    write_texts(session, [_text(one, row, words.values(said)) for one, row, said in by_system], now)
    asked = [opening for opening in openings if opening.channel not in BY_THE_SYSTEM]
    write_notices(session, [_notice(opening, now) for opening in asked], now)


def _item_row(opening: Opening, now: datetime) -> dict[str, Any]:
    case, step = opening.fallen.case, opening.fallen.step
    unurged = {"next_urge_at": None} if opening.channel in BY_THE_SYSTEM else {}
    return unurged | {
        "id": opening.item_id,
        "assignee_id": opening.assignee.id,
        "store_id": opening.assignee.store_id or opening.fallen.store.id,
        "member_id": opening.member.id,
        "priority": step.priority,
        "is_service": step.is_service,
        "value_fen": opening.member.net_fen,
        "rank": opening.rank,
        "elsewhere": ELSEWHERE.get(opening.channel, Elsewhere.NOBODY),
        "title": step.title,
        "due_at": case.due,
        "valid_until": case.until,
        "opened_at": now,
    }


def _task_row(opening: Opening) -> dict[str, Any]:
    return {
        "id": opening.task_id,
        "work_item_id": opening.item_id,
        "enrollment_id": opening.fallen.id,
        "step_no": opening.fallen.step.step_no,
        "channel": opening.channel,
        "note": "",
    }


def _ask(opening: Opening, texts: Mapping[int, str], now: datetime) -> Ask:
    fallen = opening.fallen
    return Ask(
        channel=opening.channel,
        plan_version_id=fallen.version.id,
        step_no=fallen.step.step_no,
        task_id=opening.task_id,
        work_item_id=opening.item_id,
        member_id=opening.member.id,
        associate_id=opening.assignee.id,
        associate=opening.assignee.name,
        store_id=opening.assignee.store_id or fallen.store.id,
        title=fallen.step.title,
        text=texts[opening.task_id],
        valid_until=fallen.case.until,
        day=fallen.case.hours.local_date(now).isoformat(),
    )


def _text(opening: Opening, row: Mapping[str, Any], values: Mapping[str, str]) -> NewText:
    fallen = opening.fallen
    return NewText(
        task_id=opening.task_id,
        work_item_id=opening.item_id,
        member_id=opening.member.id,
        store_id=opening.assignee.store_id or fallen.store.id,
        text=row["text"],
        script_code=row["script_code"],
        values=values,
        is_service=fallen.step.is_service,
        valid_until=fallen.case.until,
    )


def _notice(opening: Opening, now: datetime) -> NewNotice:
    step = opening.fallen.step
    prompt = PROMPT if step.offset_minutes is not None else UNHURRIED
    text = f"{step.title} · {opening.member.name}"[:128]
    by_mini_program = step.channel is Channel.MINI_PROGRAM
    kind = NoticeKind.MINI_PROGRAM if by_mini_program else NoticeKind.OPENED
    deliver_by = max(opening.fallen.case.due, now) + prompt
    return NewNotice(opening.assignee.id, opening.item_id, text, deliver_by, kind)
