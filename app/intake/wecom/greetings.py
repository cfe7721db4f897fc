"""Greetings by hand: the work items of new contacts whom no welcome message reached (补发欢迎语).

`Welcome` owns them. They are about nobody known as a member, so the work item's own row is the mutex.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.associates.queries import Actor, managers_by_store
from app.errors import Conflict, Forbidden, NotFound
from app.ids import new_id
from app.messaging.models import Welcome
from app.messaging.service import NewNotice, write_notices
from app.sales_scripts.rules import fill
from app.worklist.models import WorkItem, WorkKind, WorkState
from app.worklist.service import DONE_REASON, close_items, open_items

PROMPT = timedelta(minutes=30)  # the digest that tells of it is an urgent one


@dataclass(frozen=True, slots=True)
class WelcomeWords:
    """What the chain says to new contacts, and how it asks an associate to say it (config/welcome.toml)."""

    text: str
    contact_fallback: str
    store_fallback: str
    task_title: str
    task_why: str
    unnamed_contact: str
    valid_for: timedelta
    priority: int

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """From the document. Raises `KeyError` for what is missing and `ValueError` for what cannot be."""
        task = document["task"]
        if not document["text"].strip() or task["valid_hours"] <= 0:
            raise ValueError("a welcome has a text, and its task is valid for some hours")
        return cls(
            text=document["text"],
            contact_fallback=document["contact_fallback"],
            store_fallback=document["store_fallback"],
            task_title=task["title"],
            task_why=task["why"],
            unnamed_contact=task["contact_fallback"],
            valid_for=timedelta(hours=task["valid_hours"]),
            priority=task["priority"],
        )

    def welcome(self, *, associate: str, store: str, contact: str) -> str:
        """The message, with every name that is known."""
        known = {
            "associate": associate,
            "store": store or self.store_fallback,
            "contact": contact or self.contact_fallback,
        }
        return _filled(self.text, known)

    def why(self, contact: str) -> str:
        """Why somebody is asked to greet by hand."""
        return _filled(self.task_why, {"contact": contact or self.unnamed_contact})


@dataclass(frozen=True, slots=True)
class GreetingView:
    """A greeting by hand as the toolbar shows it. `id` is the welcome's; `contact_name` is "" where nobody knows it."""

    id: int
    title: str
    why: str
    text: str
    contact_name: str
    external_userid: str
    state: WorkState
    due_at: datetime
    valid_until: datetime
    closed_at: datetime | None


def ask_to_greet(session: Session, welcome: Welcome, words: WelcomeWords) -> None:
    """Ask the associate, or who manages their store once they have left, to greet the contact by hand.

    Nobody is asked where neither is there: people of headquarters have no worklist.
    """
    person = session.get(Associate, welcome.associate_id) if welcome.associate_id is not None else None
    if person is None or person.store_id is None:
        return
    assignee_id = person.id
    if person.ended_at is not None:
        manager_id = managers_by_store(session, [person.store_id]).get(person.store_id)
        if manager_id is None:
            return
        assignee_id = manager_id
    now, item_id = clock.now(session), new_id(session)
    row = {
        "id": item_id,
        "kind": WorkKind.WELCOME,
        "assignee_id": assignee_id,
        "store_id": person.store_id,
        "member_id": None,
        "priority": words.priority,
        "title": words.task_title[:64],
        "due_at": now,
        "valid_until": now + words.valid_for,
        "opened_at": now,
    }
    open_items(session, [row])
    welcome.work_item_id, welcome.why = item_id, words.why(welcome.contact_name)[:255]
    session.flush()
    name = welcome.contact_name or words.unnamed_contact
    line = f"{words.task_title} · {name}"[:128]
    write_notices(session, [NewNotice(assignee_id, item_id, line, now + PROMPT)], now)


def open_greetings(session: Session, actor: Actor, limit: int) -> list[GreetingView]:
    """The actor's own, the most urgent first."""
    query = _greetings(actor).where(WorkItem.state == WorkState.OPEN)
    rows = session.execute(
        query.order_by(WorkItem.priority.desc(), WorkItem.due_at, WorkItem.id).limit(limit)
    )
    return [_view(row) for row in rows]


def greetings_of_contact(session: Session, actor: Actor, external_userid: str) -> list[GreetingView]:
    """Those the actor is to do for one contact; empty for anybody else's."""
    query = _greetings(actor).where(
        WorkItem.state == WorkState.OPEN, Welcome.external_userid == external_userid
    )
    return [_view(row) for row in session.execute(query.order_by(WorkItem.id))]


def count_greetings(session: Session, actor: Actor, since: datetime) -> tuple[int, int]:
    """How many the actor has open, and how many they did since then."""
    mine = select(func.count()).where(
        WorkItem.assignee_id == actor.associate_id, WorkItem.kind == WorkKind.WELCOME
    )
    is_open = session.scalars(mine.where(WorkItem.state == WorkState.OPEN)).one()
    done = mine.where(WorkItem.state == WorkState.DONE, WorkItem.closed_at >= since)
    return is_open, session.scalars(done).one()


def complete_greeting(
    session: Session, actor: Actor, welcome_id: int, age: timedelta = timedelta(0)
) -> GreetingView:
    """The contact was greeted `age` ago; any number of times, the first counts.

    Raises `NotFound` where there is no such task, `Forbidden` where somebody else is to do it, `Conflict` where it is
    over.
    """
    welcome = session.get(Welcome, welcome_id)
    if welcome is None or welcome.work_item_id is None:
        raise NotFound("unknown_task", place="greeting")
    locking = select(WorkItem).where(WorkItem.id == welcome.work_item_id).with_for_update()
    item = session.scalars(locking.execution_options(populate_existing=True)).one()
    if item.assignee_id != actor.associate_id:
        raise Forbidden("not_your_task", place="greeting")
    if item.state not in (WorkState.OPEN, WorkState.DONE):
        raise Conflict("task_closed", place="greeting")
    if item.state == WorkState.OPEN:
        now = clock.now(session)
        done_at = min(max(item.opened_at, now - age), now)
        close_items(session, [item.id], WorkState.DONE, DONE_REASON, done_at)
        welcome.completed_by = actor.associate_id
        session.flush()
        session.refresh(item)
    return _view((welcome, item))


def _greetings(actor: Actor) -> Select[*tuple[Any, ...]]:
    query = select(Welcome, WorkItem).join(WorkItem, WorkItem.id == Welcome.work_item_id)
    return query.where(WorkItem.assignee_id == actor.associate_id, WorkItem.kind == WorkKind.WELCOME)


def _view(row: Sequence[Any]) -> GreetingView:
    welcome, item = row
    return GreetingView(
        id=welcome.inbound_id,
        title=item.title,
        why=welcome.why,
        text=welcome.text,
        contact_name=welcome.contact_name,
        external_userid=welcome.external_userid,
        state=WorkState(item.state),
        due_at=item.due_at,
        valid_until=item.valid_until,
        closed_at=item.closed_at,
    )


def _filled(template: str, values: Mapping[str, str]) -> str:
    """A name that is known to be empty leaves nothing behind."""
    for name in [name for name, value in values.items() if not value]:
        template = template.replace(f"{{{name}}}", "")
    return fill(template, values)
