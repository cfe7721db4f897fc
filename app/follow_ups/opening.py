"""Opening a task: who is asked, through which channel, with which words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from babel.dates import format_skeleton
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.associates.queries import active_associates, managers_by_store
from app.db import insert_rows
from app.follow_ups.models import FollowUpTask
from app.follow_ups.plans.versions import Version
from app.follow_ups.rules import Step
from app.follow_ups.states import Channel
from app.ids import new_ids
from app.members.models import ContactBinding, ExternalContact, Member
from app.members.queries import is_live
from app.messaging.service import NewNotice, write_notices
from app.orders.queries import main_articles
from app.sales_scripts.queries import scripts_by_code
from app.sales_scripts.rules import fill
from app.stores.queries import StoreFacts
from app.worklist.service import open_items

# A notice of a step counted in minutes reaches the associate at most so long after it fell due (store open).
PROMPT = timedelta(minutes=5)
UNHURRIED = timedelta(hours=1)
DATE_LOCALE = "zh_Hans_CN"


@dataclass(frozen=True, slots=True)
class Opening:
    """A step that is to become a task; `enrollment` is the row it belongs to."""

    enrollment: Any
    step: Step
    version: Version
    store: StoreFacts
    due_at: datetime
    valid_until: datetime


def open_tasks(session: Session, openings: Sequence[Opening], now: datetime) -> dict[int, int | None]:
    """Open work items, tasks and notices; returns enrollment id → task id, None where nobody can be asked."""
    if not openings:
        return {}
    people = _People(session, openings)
    words = _Words(session, openings)
    opened: dict[int, int | None] = {opening.enrollment.id: None for opening in openings}
    items, tasks, notices = [], [], []
    ids = iter(new_ids(session, 2 * len(openings)))
    for opening in openings:
        assignee = people.assignee(opening)
        if assignee is None:
            continue
        task_id, item_id = next(ids), next(ids)
        member = people.members[opening.enrollment.member_id]
        channel = people.channel(member, assignee)
        opened[opening.enrollment.id] = task_id
        items.append(_item_row(item_id, opening, assignee, now))
        tasks.append(
            {**_task_row(task_id, item_id, opening, channel), **words.of(opening, member, assignee, channel)}
        )
        prompt = PROMPT if opening.step.offset_minutes is not None else UNHURRIED
        text = f"{opening.step.title} · {member.name}"[:128]
        notices.append(NewNotice(assignee.id, item_id, text, max(opening.due_at, now) + prompt))
    open_items(session, items)
    insert_rows(session, FollowUpTask, tasks)
    write_notices(session, notices, now)
    return opened


class _People:
    """Members, who looks after them, and who can chat with whom."""

    def __init__(self, session: Session, openings: Sequence[Opening]) -> None:
        ids = sorted({opening.enrollment.member_id for opening in openings})
        self.members = {
            member.id: member for member in session.scalars(select(Member).where(Member.id.in_(ids)))
        }
        owners = {member.owner_id for member in self.members.values() if member.owner_id is not None}
        store_ids = {member.store_id for member in self.members.values()}
        managers = managers_by_store(session, store_ids)
        self._active = active_associates(session, owners | set(managers.values()))
        self._managers = managers
        self._bound = _live_bindings(session, ids)

    def assignee(self, opening: Opening) -> Associate | None:
        """The owner; where there is none at work, the manager of the member's store."""
        member = self.members[opening.enrollment.member_id]
        owner = self._active.get(member.owner_id) if member.owner_id is not None else None
        manager_id = self._managers.get(member.store_id)
        return owner or (self._active.get(manager_id) if manager_id is not None else None)

    def channel(self, member: Member, assignee: Associate) -> Channel:
        """Chat only where the assignee is the member's WeCom contact; otherwise invite them to add."""
        return Channel.CHAT if (member.id, assignee.id) in self._bound else Channel.INVITE


class _Words:
    """The texts of tasks, with every variable that can be known filled in."""

    def __init__(self, session: Session, openings: Sequence[Opening]) -> None:
        steps = [opening.step for opening in openings]
        codes = {code for step in steps for code in (*step.script_codes, step.invite_script_code)}
        self._scripts = scripts_by_code(session, codes)
        anchors = {(opening.enrollment.member_id, opening.enrollment.anchor_on) for opening in openings}
        self._articles = main_articles(session, anchors)

    def of(self, opening: Opening, member: Member, assignee: Associate, channel: Channel) -> dict[str, str]:
        """`why` for the associate and `text` for the member; an unfilled variable stays and blocks the sending."""
        step, row = opening.step, opening.enrollment
        values: Mapping[str, str] = {
            "member": member.name,
            "associate": assignee.name,
            "store": opening.store.name,
            "product": self._articles.get((member.id, row.anchor_on))
            or opening.version.document.product_fallback,
            "purchased_on": _day(row.anchor_on),
        }
        code = step.script_codes[0] if channel is Channel.CHAT else step.invite_script_code
        script = self._scripts.get(code)
        return {"why": fill(step.why, values)[:255], "text": fill(script.body, values) if script else ""}


def _live_bindings(session: Session, member_ids: Iterable[int]) -> set[tuple[int, int]]:
    query = (
        select(ExternalContact.member_id, ContactBinding.associate_id)
        .join(ContactBinding, ContactBinding.external_contact_id == ExternalContact.id)
        .where(ExternalContact.member_id.in_(list(member_ids)), is_live())
    )
    return {
        (member_id, associate_id)
        for member_id, associate_id in session.execute(query)
        if member_id is not None
    }


def _day(on: date) -> str:
    return format_skeleton("MMMd", on, locale=DATE_LOCALE)


def _item_row(item_id: int, opening: Opening, assignee: Associate, now: datetime) -> dict[str, Any]:
    return {
        "id": item_id,
        "assignee_id": assignee.id,
        "store_id": assignee.store_id or opening.store.id,
        "member_id": opening.enrollment.member_id,
        "priority": opening.step.priority,
        "title": opening.step.title,
        "due_at": opening.due_at,
        "valid_until": opening.valid_until,
        "opened_at": now,
    }


def _task_row(task_id: int, item_id: int, opening: Opening, channel: Channel) -> dict[str, Any]:
    return {
        "id": task_id,
        "work_item_id": item_id,
        "enrollment_id": opening.enrollment.id,
        "step_no": opening.step.step_no,
        "channel": channel,
        "script_code": "",
        "chosen_because": "",
        "note": "",
        "evidence": None,
        "sent_text": None,
        "completed_by": None,
    }
