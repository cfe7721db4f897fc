"""Work items that pass to somebody else: who is to have them, their words, and that they are told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app.associates.queries import managers_by_store
from app.db import table_of, update_rows
from app.follow_ups.channels.releasing import release_unmade
from app.follow_ups.firing.assigning import people_of
from app.follow_ups.models import Enrollment, FollowUpTask
from app.follow_ups.plans.versions import get_version
from app.follow_ups.states import BY_THE_SYSTEM, CONFIRMED_BY_WECOM, Channel, Who
from app.follow_ups.wording import reword_moved
from app.members.models import Member
from app.messaging.service import UNHURRIED, NewNotice, write_notices
from app.worklist.loads import lock_schedules
from app.worklist.models import Elsewhere, WorkItem, WorkState
from app.worklist.service import is_put_off, move_items


def read_open(session: Session, *whose: ColumnElement[bool], limit: int | None = None) -> Sequence[Any]:
    """Open work items, by id, with their members' names and, of follow-ups, task, channel and step.

    Without what the system sends by itself: that is nobody's to do, and for whom it is said stays for whom it was.
    """
    items, tasks = table_of(WorkItem), table_of(FollowUpTask)
    series, members = table_of(Enrollment), table_of(Member)
    query = (
        select(
            items,
            members.c.name,
            tasks.c.id.label("task_id"),
            tasks.c.channel,
            tasks.c.step_no,
            series.c.plan_version_id,
        )
        .outerjoin_from(items, tasks, tasks.c.work_item_id == items.c.id)
        .outerjoin(series, series.c.id == tasks.c.enrollment_id)
        .outerjoin(members, members.c.id == items.c.member_id)
        .where(items.c.state == WorkState.OPEN, *whose)
        .where(or_(tasks.c.channel.is_(None), tasks.c.channel.not_in(sorted(BY_THE_SYSTEM))))
        .order_by(items.c.id)
        .limit(limit)
    )
    return session.connection().execute(query).all()


class Heirs:
    """Who is to have work items whose assignee is not to have them any more, by whom their members have now."""

    def __init__(self, session: Session, items: Sequence[Any], now: datetime) -> None:
        members = {item.member_id for item in items if item.member_id is not None}
        alone = {item.store_id for item in items if item.member_id is None}
        self._session = session
        self._people = people_of(session, members, [now.date()], whole_staff=False)
        self._managers = managers_by_store(session, alone) if alone else {}

    def of(self, item: Any) -> int | None:
        """The member's owner, a colleague of the store who can chat with them, its manager; None where nobody is there.

        A step that is the manager's is offered to them first. What is its assignee's anyway stays with them.
        """
        there = [who for who in self._in_order(item) if who is not None]
        others = [who for who in there[1:] if who != item.assignee_id]
        return next(iter(there[:1] + others), None)

    def _in_order(self, item: Any) -> Sequence[int | None]:
        if item.member_id is None:
            return (self._managers.get(item.store_id),)
        entitled = self._people.entitled(item.member_id)
        rest = (entitled.owner, *entitled.contacts)
        managers = sorted(entitled.managers, key=lambda who: who != item.assignee_id)  # theirs anyway
        return (*managers, *rest) if self._is_managers(item) else (*rest, *managers)

    def _is_managers(self, item: Any) -> bool:
        if item.plan_version_id is None:
            return False
        return get_version(self._session, item.plan_version_id).step(item.step_no).who is Who.MANAGER


def pass_on(
    session: Session, items: Sequence[Any], heirs: Mapping[int, int], now: datetime, *, whatever: bool
) -> list[int]:
    """Give these open items (rows of `read_open`) to their heirs (id → associate); returns the ids of those moved.

    What is being sent just now stays. A group send that nobody has made yet becomes a chat; what WeCom has already
    stays with whom it asked, `whatever`: goes with the rest. The words become the new person's, who is told with the
    next digest; of what was put off they are told once it is back. Callers hold the members; locks like `move_items`.
    A bounded number of statements.
    """
    going = [item for item in items if heirs.get(item.id, item.assignee_id) != item.assignee_id]
    sends = {item.task_id: item.id for item in going if item.channel in CONFIRMED_BY_WECOM}
    # Before the orders, as firing does: it opens work before it gathers it into orders.
    lock_schedules(session, dict.fromkeys((heirs[item.id] for item in going), 0))
    released = release_unmade(session, sends.keys())
    _make_chats(session, released, [sends[task_id] for task_id in sorted(released)])
    stay = set() if whatever else {sends[task_id] for task_id in sends.keys() - released}
    going = [item for item in going if item.id not in stay]
    moved = set(move_items(session, {item.id: heirs[item.id] for item in going}, now))
    reword_moved(session, {item_id: heirs[item_id] for item_id in sorted(moved)})
    told = [item for item in going if item.id in moved and not is_put_off(item._mapping, now)]
    write_notices(session, [_notice(item, heirs[item.id], now) for item in told], now)
    return sorted(moved)


def _make_chats(session: Session, task_ids: Collection[int], item_ids: Collection[int]) -> None:
    """What was to be a group send is for one person to say now."""
    if task_ids:
        update_rows(session, FollowUpTask, [{"id": one, "channel": Channel.CHAT} for one in task_ids])
        update_rows(session, WorkItem, [{"id": one, "elsewhere": Elsewhere.CONTACT} for one in item_ids])


def _notice(item: Any, to: int, now: datetime) -> NewNotice:
    text = f"{item.title} · {item.name}" if item.name else item.title
    return NewNotice(to, item.id, text, now + UNHURRIED)
