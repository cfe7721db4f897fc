"""What the toolbar's pages show, each read in one consistent picture. What a task looks like stands in `cards`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.associates.models import Associate, Role
from app.associates.queries import Actor
from app.criteria.words import Language
from app.follow_ups.acts.kinds import SkipReason
from app.follow_ups.acts.undoing import UNDO_LIFE
from app.follow_ups.explaining import TaskWhy, why_of
from app.follow_ups.forecast import UpcomingStep, upcoming_steps
from app.follow_ups.history import StepView, count_steps, step_history
from app.follow_ups.progress import AssociateProgress, progress_by_associate
from app.follow_ups.queries import TaskView, get_task, tasks_of_member
from app.follow_ups.states import Evidence
from app.follow_ups.told import Told, recent_told
from app.follow_ups.worklists import (
    PAGE_TASKS,
    PersonDay,
    Show,
    WorklistCounts,
    count_tasks_of_person,
    count_worklist,
    done_tasks,
    put_off_tasks,
    tasks_of_person,
    worklist,
)
from app.h5.cards import TaskCard, When, cards_of, read_when
from app.h5.room import Room, see_room
from app.intake.wecom.greetings import GreetingView, count_greetings, open_greetings
from app.members.models import MemberCare
from app.members.phones import masked_phone_of
from app.members.queries import (
    Bond,
    ContactBond,
    MemberProfile,
    find_bonds,
    find_member,
    find_member_by_contact,
    looks_after,
)
from app.orders.queries import OrderView, purchases_of, recent_orders
from app.pages.formats import day_bounds
from app.pages.parts import Part, part_of
from app.worklist.models import WorkState

ORDERS_SHOWN = 5
STEPS_SHOWN = 20
TOLD_SHOWN = 3
NOBODYS = ContactBond(Bond.NONE, None)


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
    steps: Part
    orders: list[OrderView]
    when: When
    told: list[Told]
    opted_out_at: datetime | None
    phone: str  # masked; "" where none is known

    @property
    def open_cards(self) -> list[TaskCard]:
        """What is due now."""
        return [card for card in self.cards if card.is_open]

    @property
    def closed_cards(self) -> list[TaskCard]:
        """What was closed today."""
        return [card for card in self.cards if not card.is_open]


@dataclass(frozen=True, slots=True)
class WorklistView:
    """The reader's own open tasks and those done today; for a store manager the store's people too."""

    open_cards: list[TaskCard]
    part: Part
    show: Show
    counts: WorklistCounts
    later: list[TaskCard]
    done: list[TaskView]
    people: list[AssociateProgress]
    when: When
    greetings: list[GreetingView]
    gone: frozenset[str]  # of the greetings' contacts, those with whom no chat can be opened any more
    greetings_open: int
    greetings_done: int
    room: Room

    @property
    def open_all(self) -> int:
        """Everything that is to be done now."""
        return self.counts.open + self.greetings_open

    @property
    def done_all(self) -> int:
        """Everything done today."""
        return self.counts.done + self.greetings_done

    @property
    def total(self) -> int:
        """Everything of today, done or not, and what was put off."""
        return self.open_all + self.counts.later + self.done_all

    @property
    def kinds(self) -> list[tuple[Show, int]]:
        """What can be looked at alone, with how much of it there is; nothing where it is all of one kind."""
        some = [(show, number) for show, number in self.counts.kinds.items() if number]
        return some if len({number for _, number in some}) > 1 else []


@dataclass(frozen=True, slots=True)
class PersonFilter:
    """Only tasks in this state, and proven like this; any where there is none."""

    state: WorkState | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class PersonView:
    """What one of a manager's people had to do today."""

    name: str
    tasks: list[TaskView]
    part: Part
    when: When


@dataclass(frozen=True, slots=True)
class TaskPage:
    """One task, why it is there and what was done with it."""

    card: TaskCard
    why: TaskWhy | None
    may_undo: bool
    when: When


def see_task(session: Session, actor: Actor, task_id: int, language: Language) -> TaskPage:
    """A task the reader may see. Raises `NotFound`."""
    when = read_when(session, actor.store_id)
    task = get_task(session, actor, task_id)
    (card,) = cards_of(session, actor, [task], when)
    is_slip = task.evidence is Evidence.SELF_DECLARED and task.completed_by == actor.associate_id
    may_undo = (
        task.closed_at is not None
        and (is_slip or task.close_reason in list(SkipReason))
        and when.now - task.closed_at <= UNDO_LIFE
    )
    return TaskPage(card, why_of(session, task, language), may_undo, when)


def see_chat(session: Session, actor: Actor, external_userid: str) -> MemberView | None:
    """The member behind the open chat; None where the actor may not see one."""
    profile = find_member_by_contact(session, actor, external_userid)
    if profile is None:
        return None
    when = read_when(session, actor.store_id)
    return _member_view(
        session, profile, tasks_of_member(session, actor, profile.id, when.midnight), when, actor
    )


def see_member(session: Session, actor: Actor, member_id: int, page: int = 1) -> MemberView | None:
    """A member for who looks after them, is to do something for them, or manages the store; None for others."""
    when = read_when(session, actor.store_id)
    tasks = tasks_of_member(session, actor, member_id, when.midnight)
    profile = find_member(session, member_id) if tasks or looks_after(session, actor, member_id) else None
    return _member_view(session, profile, tasks, when, actor, page) if profile else None


def _member_view(
    session: Session, profile: MemberProfile, tasks: list[TaskView], when: When, actor: Actor, page: int = 1
) -> MemberView:
    history = step_history(session, profile.id, STEPS_SHOWN, page)
    return MemberView(
        profile=profile,
        spending=read_spending(session, profile.id),
        cards=cards_of(session, actor, tasks, when),
        upcoming=upcoming_steps(session, profile.id),
        history=history,
        steps=part_of(page, STEPS_SHOWN, len(history), count_steps(session, profile.id)),
        orders=recent_orders(session, profile.id, ORDERS_SHOWN),
        when=when,
        told=recent_told(session, profile.id, TOLD_SHOWN),
        opted_out_at=session.get_one(MemberCare, profile.id).opted_out_at,
        phone=masked_phone_of(session, profile.id),
    )


def see_worklist(
    session: Session, actor: Actor, after: int | None = None, show: Show = Show.ALL
) -> WorklistView:
    """The reader's worklist, from the start or from where the page before ended. Raises `NotFound`."""
    when = read_when(session, actor.store_id)
    cards = cards_of(session, actor, worklist(session, actor, after=after, show=show), when)
    counts = count_worklist(session, actor, when.midnight, after, show)
    people: list[AssociateProgress] = []
    if actor.role is Role.STORE_MANAGER and actor.store_id is not None:
        people = progress_by_associate(session, actor.store_id, *day_bounds(when.today, when.zone))
    greetings_open, greetings_done = count_greetings(session, actor, when.midnight)
    is_start = after is None and show is Show.ALL
    greetings = open_greetings(session, actor, PAGE_TASKS) if is_start else []
    later = cards_of(session, actor, put_off_tasks(session, actor), when) if is_start else []
    return WorklistView(
        greetings=greetings,
        gone=_gone(session, actor, greetings),
        greetings_open=greetings_open,
        greetings_done=greetings_done,
        open_cards=cards,
        part=Part(counts.ahead + 1, counts.ahead + len(cards), counts.shown),
        show=show,
        counts=counts,
        later=later,
        done=done_tasks(session, actor, when.midnight),
        people=people,
        when=when,
        room=see_room(
            session,
            actor.associate_id,
            when.today,
            day_bounds(when.today, when.zone),
            {card.task.id for card in later},
        ),
    )


def _gone(session: Session, actor: Actor, greetings: list[GreetingView]) -> frozenset[str]:
    bonds = find_bonds(session, actor, {greeting.external_userid for greeting in greetings})
    return frozenset(contact for contact, each in bonds.items() if each.bond in (Bond.LOST, Bond.NONE))


def see_person(
    session: Session, actor: Actor, associate_id: int, only: PersonFilter, page: int
) -> PersonView | None:
    """Today's tasks of a person in the manager's own store; None for people who are not of it and had none there."""
    when = read_when(session, actor.store_id)
    person = session.get(Associate, associate_id)
    if person is None or actor.store_id is None:
        return None
    day = day_bounds(when.today, when.zone)
    of = PersonDay(actor.store_id, associate_id, *day, only.state, only.evidence)
    tasks, total = tasks_of_person(session, actor, of, page), count_tasks_of_person(session, actor, of)
    if not total and person.store_id != actor.store_id:
        return None
    return PersonView(person.name, tasks, part_of(page, PAGE_TASKS, len(tasks), total), when)


def read_bond(session: Session, actor: Actor, external_userid: str) -> ContactBond:
    """How the contact behind the open chat stands, member or not."""
    return find_bonds(session, actor, [external_userid]).get(external_userid, NOBODYS)


def read_spending(session: Session, member_id: int) -> Spending:
    """What the member's purchases add up to."""
    totals = purchases_of(session, member_id)
    if totals is None:
        return Spending(0, 0, None)
    return Spending(totals.orders, totals.amount_fen - totals.refunded_fen, totals.last_purchased_at)
