"""On whom a dry run is tried, and with which plans: whole stores, so that what associates would have to do is exact."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import blake2b

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import Invalid
from app.follow_ups.facts import criterion_of
from app.follow_ups.firing.assigning import People, people_of
from app.follow_ups.forecasting.calendar import A_DAY, Calendar
from app.follow_ups.forecasting.counting import Counts, Side, Spans
from app.follow_ups.forecasting.course import Course, FirstLook, Stage
from app.follow_ups.forecasting.facts import Recollection
from app.follow_ups.forecasting.lives import read_lives
from app.follow_ups.forecasting.replay import Replay
from app.follow_ups.models import FollowUpPlan
from app.follow_ups.plans.documents import Document, TriggerKind
from app.follow_ups.plans.sweeps import begins_at, next_look, zones
from app.follow_ups.plans.versions import OpenPlan, Version, open_plans
from app.follow_ups.rules import Step
from app.follow_ups.states import BY_NUMBER, Who
from app.follow_ups.triggers.candidates import asked_on
from app.members.models import Member
from app.members.phones import members_with_phone
from app.sealing import Keyring
from app.stores.queries import stores_by_code, stores_by_id
from app.worklist.attention import read_budget

# More members than that are not tried: whole stores are chosen until they are so many.
MOST_MEMBERS = 20_000
AT_ONCE = 250
# Of a plan not published yet.
NO_VERSION = 0
# Series that began before the first day still ask on it: so many times the longest plan is lived before.
WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Cast:
    """The stores a dry run is tried on and how many members they have, out of so many."""

    store_ids: tuple[int, ...]
    members: int
    of_stores: int
    of_members: int

    @property
    def is_sample(self) -> bool:
        """True where not everybody is tried."""
        return self.members < self.of_members


def cast(session: Session, codes: Collection[str] | None = None, *, most: int = MOST_MEMBERS) -> Cast:
    """All stores or the given ones; where their members are too many, some of them, always the same ones.

    Raises `Invalid` (`unknown_store`) for a code that there is not.
    """
    stores = stores_by_code(session, codes)
    unknown = sorted(set(codes or ()) - stores.keys())
    if unknown:
        raise Invalid("unknown_store", place=unknown[0])
    counted = select(Member.store_id, func.count()).group_by(Member.store_id)
    members = dict(session.execute(counted).all())
    ids = [store.id for store in sorted(stores.values(), key=lambda one: _lot(one.code))]
    if codes is None:
        ids += sorted(set(members) - set(ids))  # of stores that have ended
    chosen: list[int] = []
    number = 0
    for store_id in ids:
        its = members.get(store_id, 0)
        if not chosen or number + its <= most:
            chosen.append(store_id)
            number += its
    return Cast(tuple(chosen), number, len(ids), sum(members.get(one, 0) for one in ids))


def _lot(code: str) -> bytes:
    return blake2b(code.encode(), digest_size=8).digest()


@dataclass(frozen=True, slots=True)
class DryRun:
    """A plan document to be tried over so many days back and ahead, against the plans in force.

    `stores`: it is tried as a canary there, None: everywhere.
    """

    document: Document
    now: datetime
    days: int
    stores: frozenset[int] | None = None

    @property
    def spans(self) -> Spans:
        """The last days, and those to come."""
        reach = timedelta(days=self.days)
        return Spans(self.now - reach, self.now, self.now + reach)

    def try_on(self, session: Session, keys: Keyring, member_ids: Sequence[int], into: Counts) -> None:
        """Live the lives of these members under both, and count them. Writes nothing."""
        plan_id = _plan_id(session, self.document.code)
        for side, course in self.courses(session, keys, member_ids):
            into.add(side, plan_id, course, self.spans)

    def courses(
        self, session: Session, keys: Keyring, member_ids: Sequence[int]
    ) -> Iterator[tuple[Side, Course]]:
        """The lives of these members, under the plans with the draft and under those in force."""
        sides = _sides(session, self)
        stage = _stage(session, self, keys, member_ids, [plan for plans in sides.values() for plan in plans])
        stages = {side: replace(stage, plans=plans) for side, plans in sides.items()}
        look = _first_look(session, self, sides[Side.NOW], member_ids)
        stages[Side.DRAFT] = replace(stages[Side.DRAFT], first_look=look)
        stores = stores_by_id(session)
        for life in read_lives(session, member_ids, stores, with_lines=_asks_for_lines(stage)):
            for side, its in stages.items():
                yield side, Replay(life, its).live()


def member_chunks(session: Session, store_ids: Sequence[int], after: int = 0) -> Iterator[list[int]]:
    """The members of these stores by id, some at a time, from behind `after`."""
    while True:
        query = select(Member.id).where(Member.store_id.in_(sorted(store_ids)), Member.id > after)
        found = list(session.scalars(query.order_by(Member.id).limit(AT_ONCE)))
        if not found:
            return
        yield found
        after = found[-1]


def _plan_id(session: Session, code: str) -> int:
    """The plan's, 0 for one that there is not yet."""
    return session.scalar(select(FollowUpPlan.id).where(FollowUpPlan.code == code)) or 0


def _sides(session: Session, run: DryRun) -> dict[Side, list[OpenPlan]]:
    present = open_plans(session, frozenset(TriggerKind))
    plan_id = _plan_id(session, run.document.code)
    version = Version(NO_VERSION, plan_id, 0, run.document)
    its = next((plan for plan in present if plan.plan_id == plan_id), OpenPlan(plan_id, None, {}))
    if run.stores is None:
        tried = OpenPlan(plan_id, version, {})
    else:
        tried = replace(its, in_stores={**its.in_stores, **dict.fromkeys(run.stores, version)})
    others = [plan for plan in present if plan.plan_id != plan_id]
    with_draft = sorted([*others, tried], key=lambda plan: plan.plan_id or 2**63)
    return {Side.DRAFT: with_draft, Side.NOW: present}


def _first_look(
    session: Session, run: DryRun, present: Sequence[OpenPlan], member_ids: Collection[int]
) -> FirstLook | None:
    """Of a draft that looks for silence and is not yet in force wherever it is tried."""
    if run.document.trigger.kind is not TriggerKind.SILENCE:
        return None
    plan_id = _plan_id(session, run.document.code)
    its = next((plan for plan in present if plan.plan_id == plan_id), OpenPlan(plan_id, None, {}))
    versions = [its.version_for(store_id) for store_id in run.stores or stores_by_id(session)]
    if versions and all(version and version.document == run.document for version in versions):
        return None
    on = next_look(session, plan_id, run.now)
    at = max(begins_at(session, on), run.now)
    return FirstLook(plan_id, on, at, asked_on(session, plan_id, member_ids))


def _stage(
    session: Session, run: DryRun, keys: Keyring, member_ids: Sequence[int], plans: Sequence[OpenPlan]
) -> Stage:
    versions = [
        version for plan in plans for version in (plan.everywhere, *plan.in_stores.values()) if version
    ]
    steps = [step for version in versions for step in version.steps]
    spans = run.spans
    longest = max((_reach(step.offset_days or 0, step.valid_days) for step in steps), default=A_DAY)
    begin, end = spans.first - WARM_UP * longest, spans.last
    texts = [text for version in versions for text in (version.trigger.condition, *_conditions(version))]
    terms = {term for text in texts for term in criterion_of(text).terms}
    first, last = begin.date() - A_DAY, end.date() + longest + A_DAY
    return Stage(
        plans=plans,
        people=_people(session, member_ids, [first, last], steps),
        budget=read_budget(session),
        recollection=Recollection.read(session, member_ids, terms, run.now),
        calendar=_calendar(session, keys, versions, first, last),
        begin=begin,
        end=end,
    )


def _people(
    session: Session, member_ids: Collection[int], days: Sequence[date], steps: Sequence[Step]
) -> People:
    people = people_of(session, member_ids, days, whole_staff=any(step.who is Who.ON_SHIFT for step in steps))
    if any(step.channel in BY_NUMBER for step in steps):
        people.with_phone = members_with_phone(session, member_ids)
    return people


def _calendar(
    session: Session, keys: Keyring, versions: Sequence[Version], first: date, last: date
) -> Calendar:
    return Calendar.of(keys, [version.trigger for version in versions], first, last, zones(session))


def _conditions(version: Version) -> Iterator[str]:
    """Those that decide whether a step opens; which script it uses matters to nobody here."""
    yield from (step.condition for step in version.steps if step.condition)


def _reach(offset_days: int, valid_days: int) -> timedelta:
    return timedelta(days=offset_days + valid_days + 1)


def _asks_for_lines(stage: Stage) -> bool:
    return bool(stage.recollection.terms & {"pieces", "categories", "skus", "sizes"})
