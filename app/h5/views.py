"""What the toolbar shows of a member, read in one consistent picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate, Role
from app.associates.queries import Actor, active_associates
from app.follow_ups.progress import AssociateProgress, progress_by_associate
from app.follow_ups.queries import (
    StepView,
    TaskView,
    UpcomingStep,
    step_history,
    tasks_of_member,
    upcoming_steps,
    worklist,
)
from app.members.models import ContactBinding, ExternalContact
from app.members.queries import MemberProfile, find_member_by_contact
from app.orders.queries import OrderView, purchases_of, recent_orders
from app.pages.formats import CHAIN_ZONE, day_bounds
from app.sales_scripts.rules import unfilled
from app.stores.queries import stores_by_id
from app.worklist.models import WorkState

ORDERS_SHOWN = 5
STEPS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class When:
    """Business now, and the zone in which this reader's store tells time."""

    now: datetime
    zone: ZoneInfo

    @property
    def today(self) -> date:
        """The date on the store's wall."""
        return self.now.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class TaskCard:
    """A task with what decides its buttons: `blanks` are variables nobody filled, `helper` who else is to do it."""

    task: TaskView
    blanks: list[str]
    helper: str | None

    @property
    def is_open(self) -> bool:
        """Still to be done."""
        return self.task.state is WorkState.OPEN


@dataclass(frozen=True, slots=True)
class Spending:
    """What a member's purchases add up to, net of refunds, in minor units."""

    orders: int
    net_minor: int
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class MemberView:
    """Everything on the member's page."""

    profile: MemberProfile
    spending: Spending
    cards: list[TaskCard]
    upcoming: list[UpcomingStep]
    history: list[StepView]
    orders: list[OrderView]
    when: When

    @property
    def open_cards(self) -> list[TaskCard]:
        """What is due now."""
        return [card for card in self.cards if card.is_open]

    @property
    def closed_cards(self) -> list[TaskCard]:
        """What was closed within the last hours."""
        return [card for card in self.cards if not card.is_open]


@dataclass(frozen=True, slots=True)
class WorklistView:
    """The reader's own open tasks and those done today; for a store manager the store's people too."""

    open_cards: list[TaskCard]
    done: list[TaskView]
    people: list[AssociateProgress]
    when: When

    @property
    def total(self) -> int:
        """Everything of today, done or not."""
        return len(self.open_cards) + len(self.done)


def see_member(session: Session, actor: Actor, external_userid: str) -> MemberView | None:
    """The member behind the open chat; None where the actor may not see one."""
    profile = find_member_by_contact(session, actor, external_userid)
    if profile is None:
        return None
    return MemberView(
        profile=profile,
        spending=_spending(session, profile.id),
        cards=_cards(session, actor, tasks_of_member(session, actor, profile.id)),
        upcoming=upcoming_steps(session, profile.id),
        history=step_history(session, profile.id, STEPS_SHOWN),
        orders=recent_orders(session, profile.id, ORDERS_SHOWN),
        when=read_when(session, actor.store_id),
    )


def see_worklist(session: Session, actor: Actor) -> WorklistView:
    """The reader's worklist."""
    when = read_when(session, actor.store_id)
    people: list[AssociateProgress] = []
    if actor.role is Role.STORE_MANAGER and actor.store_id is not None:
        people = progress_by_associate(session, actor.store_id, *day_bounds(when.today, when.zone))
    return WorklistView(
        open_cards=_cards(session, actor, worklist(session, actor)),
        done=worklist(session, actor, done_today=True),
        people=people,
        when=when,
    )


def is_known_contact(session: Session, actor: Actor, external_userid: str) -> bool:
    """True for a live contact of the actor, or of the manager's store, whether or not it is a member."""
    query = (
        select(ContactBinding.id)
        .join(ExternalContact, ExternalContact.id == ContactBinding.external_contact_id)
        .join(Associate, Associate.id == ContactBinding.associate_id)
        .where(ExternalContact.external_userid == external_userid, ContactBinding.ended_at.is_(None))
    )
    mine = ContactBinding.associate_id == actor.associate_id
    if actor.role is Role.STORE_MANAGER:
        mine = Associate.store_id == actor.store_id
    return session.scalar(query.where(mine).limit(1)) is not None


def read_when(session: Session, store_id: int | None) -> When:
    """Business now as this store tells it."""
    store = stores_by_id(session).get(store_id) if store_id is not None else None
    return When(clock.now(session), store.hours.zone if store else CHAIN_ZONE)


def _spending(session: Session, member_id: int) -> Spending:
    totals = purchases_of(session, member_id)
    if totals is None:
        return Spending(0, 0, None)
    return Spending(totals.orders, totals.amount_fen - totals.refunded_fen, totals.last_purchased_at)


def _cards(session: Session, actor: Actor, tasks: list[TaskView]) -> list[TaskCard]:
    others = active_associates(session, {task.assignee_id for task in tasks} - {actor.associate_id})
    cards = []
    for task in tasks:
        other = others.get(task.assignee_id)
        cards.append(TaskCard(task, unfilled(task.text), other.name if other else None))
    return cards
