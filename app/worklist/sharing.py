"""What of a worklist is more than its owner can do on a day, and where it goes. Decided here, written elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.associates.roster import Roster
from app.clock import Moment
from app.members.models import ContactBinding, ExternalContact
from app.members.phones import members_with_phone
from app.members.queries import live_bindings
from app.worklist.attention import Budget, read_budget
from app.worklist.desks import Desk
from app.worklist.loads import read_loads
from app.worklist.models import Elsewhere, OverflowKind
from app.worklist.service import is_being_sent

# Less time than this on another day is not worth waiting for.
WORTH_POSTPONING = timedelta(hours=2)
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Share:
    """`load` is all they have to do and did; `overflow`, best first, is too much; `returned` is back and stays.

    `sent_by` (real time) is when nothing is being sent any more, where what is being sent is too much as well.
    """

    associate_id: int
    load: int
    overflow: Sequence[Any]
    returned: Sequence[Any]
    sent_by: datetime | None = None

    @property
    def overflow_ids(self) -> set[int]:
        """The work items that are too much."""
        return {item.id for item in self.overflow}


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one work item that is too much: it goes `to_id`, waits `until`, or is dropped."""

    item: Any
    kind: OverflowKind
    to_id: int | None = None
    until: datetime | None = None


def share_out(desk: Desk, capacity: int, moment: Moment) -> Share:
    """What stays and what is too much. Pure; depends on what there is, not on the order in which it came.

    Promises stay, however many: service items, and those about people who are no members yet. So does what is being
    sent just now, as good as done.
    """
    now = moment.business
    counted = [item for item in desk.items if item.elsewhere != Elsewhere.TOGETHER]
    offered = [item for item in counted if not _is_promise(item)]
    sending = [item for item in offered if is_being_sent(item, moment.real)]
    marketing = [item for item in offered if not is_being_sent(item, moment.real)]
    marketing.sort(key=lambda item: (-item.rank, item.due_at, item.id))
    room = capacity - desk.kept - (len(counted) - len(marketing))
    overflow = marketing[max(0, room) :]
    gone = {item.id for item in overflow}
    returned = [item for item in desk.items if item.id not in gone and _is_back(item, now)]
    sent_by = max((item.claimed_until for item in sending), default=None) if room < 0 else None
    return Share(desk.associate_id, desk.kept + len(counted), overflow, returned, sent_by)


def _is_promise(item: Any) -> bool:
    return bool(item.is_service) or item.member_id is None


def _is_back(item: Any, now: datetime) -> bool:
    return item.member_id is not None and item.postponed_until is not None and item.postponed_until <= now


@dataclass(frozen=True, slots=True)
class Colleagues:
    """Who else might do the work items that were found to be too much, before anything was locked."""

    contacts: Mapping[int, Sequence[tuple[int, int]]]  # member id → (associate, their store)
    callable: Collection[int]  # members whose number is known
    staff: Mapping[int, Sequence[int]]  # store id → associates
    foreseen: Collection[int]  # work items
    roster: Roster
    budget: Budget

    @property
    def ids(self) -> set[int]:
        """Everybody who might be given anything."""
        known = {person for pairs in self.contacts.values() for person, _ in pairs}
        return known.union(*self.staff.values())

    def of(self, item: Any) -> set[int]:
        """Who may be given it: colleagues of its store, who can chat with the member where it is to be a chat."""
        if item.elsewhere == Elsewhere.ANYBODY:
            return set(self.staff.get(item.store_id, ())) - {item.assignee_id}
        if item.elsewhere != Elsewhere.CONTACT:
            return set()
        pairs = self.contacts.get(item.member_id, ())
        return {person for person, store_id in pairs if store_id == item.store_id} - {item.assignee_id}

    def callers(self, item: Any) -> set[int]:
        """Who may call instead of writing: any colleague of its store, where the member's number is known."""
        if item.elsewhere != Elsewhere.CONTACT or item.member_id not in self.callable:
            return set()
        return set(self.staff.get(item.store_id, ())) - {item.assignee_id}

    def decide(
        self,
        session: Session,
        desks: Mapping[int, Desk],
        shares: Sequence[Share],
        members: Collection[int],
        now: datetime,
    ) -> list[Fate]:
        """What becomes of everything that is too much and that we hold, the most valuable of each person's first."""
        ours = [
            item
            for share in shares
            for item in share.overflow
            if item.id in self.foreseen and item.member_id in members
        ]
        days = {
            person: desks[item.assignee_id].day
            for item in ours
            for person in self.of(item) | self.callers(item)
        }
        loads = read_loads(session, days)
        fates = []
        for item in ours:
            fate = self._fate(item, desks[item.assignee_id], loads, now)
            if fate.to_id is not None:
                loads[fate.to_id] += 1
            fates.append(fate)
        return fates

    def _fate(self, item: Any, desk: Desk, loads: Mapping[int, int], now: datetime) -> Fate:
        to_id = self._least_busy(self.of(item), item, desk, loads, now)
        if to_id is not None:
            return Fate(item, OverflowKind.MOVED, to_id=to_id)
        until = self._next_working_day(item, desk)
        if until is not None:
            return Fate(item, OverflowKind.POSTPONED, until=until)
        to_id = self._least_busy(self.callers(item), item, desk, loads, now)
        if to_id is not None:
            return Fate(item, OverflowKind.CALLED, to_id=to_id)
        return Fate(item, OverflowKind.DROPPED)

    def _least_busy(
        self, people: Collection[int], item: Any, desk: Desk, loads: Mapping[int, int], now: datetime
    ) -> int | None:
        """Of those who have room and work today."""
        free = [
            person
            for person in people
            if loads[person] < self.budget.daily_capacity and self._works_today(person, item, desk, now)
        ]
        return min(free, key=lambda person: (loads[person], person), default=None)

    def _works_today(self, person: int, item: Any, desk: Desk, now: datetime) -> bool:
        until = min(desk.day.ends_at, item.valid_until)
        return self.roster.next_duty(person, desk.hours, now, until) is not None

    def _next_working_day(self, item: Any, desk: Desk) -> datetime | None:
        """When the assignee works next on a later day and may write to people, with time enough left for it."""
        last = item.valid_until - WORTH_POSTPONING
        begins = self.roster.next_duty(item.assignee_id, desk.hours, desk.day.ends_at, last)
        if begins is None:
            return None
        askable = self.budget.askable_from(desk.hours, begins, last)
        return askable if askable < last else None


def read_colleagues(
    session: Session, items: Sequence[Any], members: Collection[int], now: datetime
) -> Colleagues:
    """Who else might do these, of members that we hold."""
    ours = [item for item in items if item.member_id in members]
    to_chat = {item.member_id for item in ours if item.elsewhere == Elsewhere.CONTACT}
    contacts, can_be_called = _contacts(session, to_chat), members_with_phone(session, to_chat)
    staff = _staff(
        session,
        {
            item.store_id
            for item in ours
            if item.elsewhere == Elsewhere.ANYBODY or item.member_id in can_be_called
        },
    )
    known = {person for pairs in contacts.values() for person, _ in pairs}
    people = known.union({item.assignee_id for item in ours}, *staff.values())
    days = _days(now, (item.valid_until for item in ours))
    return Colleagues(
        contacts,
        can_be_called,
        staff,
        {item.id for item in ours},
        Roster.read(session, people, days),
        read_budget(session),
    )


def _days(now: datetime, until: Iterable[datetime]) -> list[date]:
    """Local days of any zone from now to the last of these instants."""
    return [(now - A_DAY).date(), (max((now, *until)) + A_DAY).date()]


def _contacts(session: Session, member_ids: Collection[int]) -> dict[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if not member_ids:
        return found
    query = (
        live_bindings(ExternalContact.member_id, Associate.id, Associate.store_id)
        .join(Associate, Associate.id == ContactBinding.associate_id)
        .where(ExternalContact.member_id.in_(sorted(member_ids)), Associate.ended_at.is_(None))
    )
    for member_id, associate_id, store_id in session.execute(query):
        if member_id is not None and store_id is not None:
            found[member_id].append((associate_id, store_id))
    return found


def _staff(session: Session, store_ids: Collection[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    query = select(Associate.store_id, Associate.id).where(
        Associate.store_id.in_(sorted(store_ids)), Associate.ended_at.is_(None)
    )
    for store_id, associate_id in session.execute(query) if store_ids else ():
        if store_id is not None:
            found[store_id].append(associate_id)
    return found
