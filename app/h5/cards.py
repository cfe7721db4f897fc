"""A task as a card: what is shown of it wherever it stands, and what decides its buttons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app import clock
from app.associates.queries import Actor, active_associates
from app.follow_ups.acts.waiting import Choices, choices
from app.follow_ups.channels.queries import Standing, standings
from app.follow_ups.explaining import Bought, bought_while_open
from app.follow_ups.linking.opening import linked_tasks
from app.follow_ups.queries import TaskView
from app.follow_ups.serving import titles_served
from app.follow_ups.states import CONFIRMED_BY_WECOM
from app.follow_ups.told import Told, told_by_task
from app.pages.formats import CHAIN_ZONE, day_bounds
from app.sales_scripts.rules import LINK, unfilled
from app.stores.models import Store
from app.stores.queries import stores_by_id
from app.worklist.attention import is_paused
from app.worklist.models import WorkState


@dataclass(frozen=True, slots=True)
class When:
    """Business now, the zone in which this reader's store tells time, and whether headquarters paused everything."""

    now: datetime
    zone: ZoneInfo
    is_paused: bool = False

    @property
    def today(self) -> date:
        """The date on the store's wall."""
        return self.now.astimezone(self.zone).date()

    @property
    def midnight(self) -> datetime:
        """When the store's day began."""
        return day_bounds(self.today, self.zone)[0]


@dataclass(frozen=True, slots=True)
class TaskCard:
    """A task with what decides its buttons: `blanks` are variables nobody filled, `helper` who else is to do it.

    `waits` is until when it may be put off, `bought` what the member bought since it was opened, `sending` how a group
    send or a moment stands, `also` the titles of what else it serves. `has_link`: its words have a tracked link, whose
    address stands for the variable as they are shown. `told` is what the member said, where that is why it is there.
    """

    task: TaskView
    blanks: list[str]
    helper: str | None
    waits: Choices
    bought: Bought | None
    is_later: bool
    sending: Standing | None = None
    also: Sequence[str] = ()
    has_link: bool = False
    told: Told | None = None

    @property
    def is_open(self) -> bool:
        """Still to be done."""
        return self.task.state is WorkState.OPEN


def read_when(session: Session, store_id: int | None) -> When:
    """Business now as this store tells it."""
    store = session.get(Store, store_id) if store_id is not None else None
    zone = ZoneInfo(store.time_zone) if store else CHAIN_ZONE
    return When(clock.now(session), zone, is_paused(session))


def cards_of(session: Session, actor: Actor, tasks: list[TaskView], when: When) -> list[TaskCard]:
    """Cards for these tasks, as this reader sees them at this time."""
    others = active_associates(session, {task.assignee_id for task in tasks} - {actor.associate_id})
    bought = bought_while_open(session, tasks)
    stores = stores_by_id(session, {task.store_id for task in tasks})
    sending = standings(session, {task.id for task in tasks if task.channel in CONFIRMED_BY_WECOM})
    also = titles_served(session, tasks)
    linked = linked_tasks(session, [task.id for task in tasks if LINK in unfilled(task.text)])
    told = told_by_task(session, [task.id for task in tasks])
    cards = []
    for task in tasks:
        other, hours = others.get(task.assignee_id), stores[task.store_id].hours
        cards.append(
            TaskCard(
                task,
                [name for name in unfilled(task.text) if name != LINK or task.id not in linked],
                other.name if other else None,
                choices(hours, when.now, task.valid_until),
                bought.get(task.id),
                task.postponed_until is not None and task.postponed_until > when.now,
                sending.get(task.id),
                also.get(task.id, ()),
                task.id in linked,
                told.get(task.id),
            )
        )
    return cards
