"""Who is asked to do a step: of those who may see the member somebody on duty, in the order the step says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import Associate, Role
from app.associates.roster import Roster
from app.db import any_of, read_rows, table_of
from app.follow_ups.firing.deciding import Case, Wait
from app.follow_ups.rules import Verdict
from app.follow_ups.states import (
    BY_NUMBER,
    BY_THE_SYSTEM,
    CONFIRMED_BY_WECOM,
    StepOutcome,
    StepReason,
    WaitingFor,
    Who,
)
from app.members.models import Member
from app.members.phones import members_with_phone
from app.members.queries import contacts_of
from app.orders.models import MemberPurchases
from app.stores.queries import stores_by_id
from app.stores.rules import StoreHours

A_DAY = timedelta(days=1)
MEMBERS, TOTALS, PEOPLE = table_of(Member), table_of(MemberPurchases), table_of(Associate)
FACTS = (
    select(
        MEMBERS.c.id,
        MEMBERS.c.name,
        MEMBERS.c.store_id,
        MEMBERS.c.owner_id,
        TOTALS.c.amount_fen,
        TOTALS.c.refunded_fen,
    )
    .outerjoin_from(MEMBERS, TOTALS, TOTALS.c.member_id == MEMBERS.c.id)
    .where(any_of(MEMBERS.c.id, "members"))
)
AT_WORK = select(PEOPLE.c.id, PEOPLE.c.name, PEOPLE.c.store_id, PEOPLE.c.role).where(
    PEOPLE.c.ended_at.is_(None)
)
STAFF = AT_WORK.where(any_of(PEOPLE.c.store_id, "stores")).order_by(PEOPLE.c.id)
MANAGERS = STAFF.where(PEOPLE.c.role == Role.STORE_MANAGER)
GIVEN = AT_WORK.where(any_of(PEOPLE.c.id, "people"))


@dataclass(frozen=True, slots=True)
class Person:
    """An associate who works here."""

    id: int
    name: str
    store_id: int | None


class Entitled(NamedTuple):
    """Who may be asked about one member, by id; nobody who has left is among them.

    `managers` are those of the member's store, `contacts` colleagues there who can chat with the member, `staff`
    everybody there; each in the order in which they are preferred.
    """

    owner: int | None
    managers: Sequence[int] = ()
    contacts: Sequence[int] = ()
    staff: Sequence[int] = ()

    @property
    def anybody(self) -> bool:
        """True where there is somebody."""
        return any((self.owner, self.managers, self.contacts, self.staff))

    def among(self, people: Collection[int]) -> Entitled:
        """Those of them who are among these."""
        return Entitled(
            owner=self.owner if self.owner in people else None,
            managers=[who for who in self.managers if who in people],
            contacts=self.contacts,
            staff=[who for who in self.staff if who in people],
        )


@dataclass(frozen=True, slots=True)
class Duty:
    """Who works now, or will before `until`; each person is looked up once.

    A shift is told in the time of the store of whose staff the person is (`at_home`); of who has none, in that of
    `hours`.
    """

    roster: Roster
    at_home: Mapping[int, StoreHours]
    hours: StoreHours
    until: datetime
    now: datetime
    known: dict[int, bool] = field(default_factory=dict)

    def first_of(self, people: Iterable[int | None]) -> int | None:
        """The first who is on duty now."""
        for who in people:
            if who is None:
                continue
            if who not in self.known:
                self.known[who] = self.roster.is_on_duty(who, self._hours(who), self.now)
            if self.known[who]:
                return who
        return None

    def next_of(self, people: Iterable[int | None]) -> datetime | None:
        """When the first of them comes on duty, within the step's validity."""
        begins = (
            self.roster.next_duty(who, self._hours(who), self.now, self.until)
            for who in people
            if who is not None
        )
        return min((at for at in begins if at is not None), default=None)

    def _hours(self, who: int) -> StoreHours:
        return self.at_home.get(who, self.hours)


def whom_to_ask(case: Case, entitled: Entitled, duty: Duty) -> int | Wait | Verdict:
    """The associate to ask, or why nobody is asked now. Pure.

    An owner who is off duty is stood in for by a colleague whom the member knows from WeCom; where there is none the
    member is better off waiting for the owner than hearing from somebody else. The managers come last, the first of
    them who is on duty.
    """
    owner, managers = (entitled.owner,), entitled.managers
    found: int | datetime | None
    match case.step.who:
        case Who.OWNER:
            found = duty.first_of((*owner, *entitled.contacts)) or duty.next_of(owner)
            found = found or duty.first_of(managers) or duty.next_of(managers)
        case Who.MANAGER:
            found = duty.first_of(managers) or duty.next_of(managers)
        case Who.ON_SHIFT:
            anybody = (*entitled.contacts, *owner, *entitled.staff)
            found = duty.first_of(anybody) or duty.next_of(anybody)
    if isinstance(found, int):
        return found
    if found is not None:
        return Wait(found, WaitingFor.OFF_DUTY)
    return Verdict(StepOutcome.SKIPPED, StepReason.OFF_DUTY if entitled.anybody else StepReason.NOBODY_TO_ASK)


class MemberFacts(NamedTuple):
    """What asking somebody about a member takes."""

    id: int
    name: str
    store_id: int
    owner_id: int | None
    net_fen: int


@dataclass(slots=True)
class People:
    """Members, who looks after them, who can chat with whom, and who is on duty."""

    members: dict[int, MemberFacts]
    people: dict[int, Person]
    roster: Roster
    managers: dict[int, list[int]] = field(default_factory=dict)
    staff: dict[int, list[int]] = field(default_factory=dict)
    bound: Mapping[int, set[int]] = field(default_factory=dict)
    at_home: Mapping[int, StoreHours] = field(default_factory=dict)
    with_phone: Collection[int] = frozenset()
    duties: dict[tuple[StoreHours, datetime, datetime], Duty] = field(default_factory=dict)

    def entitled(self, member_id: int) -> Entitled:
        """Who may be asked about this member."""
        member = self.members[member_id]
        bound = self.bound.get(member_id, ())
        contacts = sorted(
            who for who in bound if who in self.people and self.people[who].store_id == member.store_id
        )
        return Entitled(
            owner=member.owner_id if member.owner_id in self.people else None,
            managers=self.managers.get(member.store_id, ()),
            contacts=contacts,
            staff=_from(self.staff.get(member.store_id, ()), member_id),
        )

    def ask(self, case: Case, member_id: int, now: datetime) -> Person | Wait | Verdict:
        """The person to ask about this member, or why nobody is asked now."""
        if case.step.channel in BY_NUMBER and member_id not in self.with_phone:
            return Verdict(StepOutcome.SKIPPED, StepReason.NO_PHONE)
        entitled = self.entitled(member_id)
        if case.step.channel in BY_THE_SYSTEM:
            return self._looks_after(entitled)
        if case.step.channel in CONFIRMED_BY_WECOM:
            entitled = entitled.among(self.bound.get(member_id, ()))
            if not entitled.anybody:
                return Verdict(StepOutcome.SKIPPED, StepReason.NO_CHANNEL)
        terms = case.hours, case.until, now
        duty = self.duties.get(terms) or self.duties.setdefault(
            terms, Duty(self.roster, self.at_home, *terms)
        )
        found = whom_to_ask(case, entitled, duty)
        return self.people[found] if isinstance(found, int) else found

    def _looks_after(self, entitled: Entitled) -> Person | Verdict:
        """In whose name the system does it, at work or not."""
        people = (entitled.owner, *entitled.managers, *entitled.contacts, *entitled.staff)
        found = next((who for who in people if who is not None), None)
        if found is None:
            return Verdict(StepOutcome.SKIPPED, StepReason.NOBODY_TO_ASK)
        return self.people[found]

    def can_chat(self, member_id: int, associate_id: int) -> bool:
        """True where the two are WeCom contacts."""
        return associate_id in self.bound.get(member_id, ())


def read_people(session: Session, cases: Sequence[tuple[int, Case]], now: datetime) -> People:
    """Everything about the members (given with their cases) that decides who is asked; a handful of queries."""
    spans = {(case.hours, case.until) for _, case in cases}
    days = {hours.local_date(at) for hours, until in spans for at in (now, until)}
    whole_staff = any(case.step.who is Who.ON_SHIFT for _, case in cases)
    people = people_of(session, {member_id for member_id, _ in cases}, days, whole_staff=whole_staff)
    by_number = {member_id for member_id, case in cases if case.step.channel in BY_NUMBER}
    people.with_phone = members_with_phone(session, by_number)
    return people


def people_of(
    session: Session, member_ids: Iterable[int], days: Collection[date], *, whole_staff: bool
) -> People:
    """The same for asking about these members at any instant of these local days and those between them.

    `whole_staff`: a step may be given to anybody on shift.
    """
    members = _members(session, member_ids)
    bound = contacts_of(session, members.keys())
    stores = {member.store_id for member in members.values()}
    in_stores = _in_stores(session, stores, whole_staff)
    known = {row.id: Person(row.id, row.name, row.store_id) for row in in_stores}
    wanted = {member.owner_id for member in members.values() if member.owner_id is not None}
    known |= _active(session, wanted.union(*bound.values()) - known.keys())
    homes = stores_by_id(
        session, {person.store_id for person in known.values() if person.store_id is not None}
    )
    people = People(
        members,
        known,
        # Days begin up to a day apart in the stores of those who may be asked.
        Roster.read(session, known, [min(days) - A_DAY, max(days) + A_DAY]),
        bound=bound,
        at_home={one.id: homes[one.store_id].hours for one in known.values() if one.store_id in homes},
    )
    for row in in_stores:
        people.staff.setdefault(row.store_id, []).append(row.id)
        if row.role == Role.STORE_MANAGER:
            people.managers.setdefault(row.store_id, []).append(row.id)  # the longest-serving one first
    return people


def _members(session: Session, ids: Iterable[int]) -> dict[int, MemberFacts]:
    return {
        row[0]: MemberFacts(row[0], row[1], row[2], row[3], (row[4] or 0) - (row[5] or 0))
        for row in read_rows(session, FACTS, {"members": set(ids)})
    }


def _in_stores(session: Session, store_ids: Iterable[int], whole_staff: bool) -> Sequence[Any]:
    """The active managers of the stores, or all who work there."""
    query = STAFF if whole_staff else MANAGERS
    return session.connection().execute(query, {"stores": set(store_ids)}).all()


def _active(session: Session, ids: Iterable[int]) -> dict[int, Person]:
    return {row.id: Person(*row[:3]) for row in read_rows(session, GIVEN, {"people": set(ids)})}


def _from(people: Sequence[int], member_id: int) -> Sequence[int]:
    """The same people beginning with another for every member, so that work is spread over them."""
    at = member_id % len(people) if people else 0
    return (*people[at:], *people[:at])
