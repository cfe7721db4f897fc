"""Guarantees A10 and A11: only somebody entitled is asked when a step fires; a clock that jumps breaks nothing."""

from __future__ import annotations

import random
from copy import deepcopy
from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from app import clock
from app.associates.models import Associate, Role, Shift
from app.associates.queries import find_actor
from app.associates.service import bring_back, end_associate
from app.db import Database
from app.follow_ups.acts.holding import Tap
from app.follow_ups.acts.kinds import SkipReason
from app.follow_ups.acts.skipping import skip_task
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.versions import publish
from app.follow_ups.queries import get_task
from app.follow_ups.service import claim_sending
from app.ids import new_id
from app.inbound.events import OwnerNamed
from app.lanes import Deadline
from app.members.models import ContactBinding, ExternalContact, Member
from app.members.service import NewContact, bind_contacts
from app.messaging.digests import gather_due
from app.stores.models import Store
from app.timers import Lane
from app.worklist.models import WorkItem, WorkState
from app.worklist.urging import urge_due
from tests.checker import look, violations
from tests.faults.worker import SENDER
from tests.follow_ups.living import HOURS
from tests.world import PLAN, World, at, fire, purchase

PEOPLE = ("owner", "colleague", "manager", "stranger", "chief")
# Whom a step asks, day after day.
ASKED = ("owner", "manager", "on_shift", "owner", "on_shift")
CODES = [f"c{number}" for number in range(30)]


def everybody_daily() -> dict[str, Any]:
    """A step a day, each for somebody else."""
    like = {**PLAN["steps"][1], "valid": "1 days", "on_repurchase": "keep_one"}
    steps = [
        {**like, "kind": f"s{day}", "after": f"{day} days", "who": who} for day, who in enumerate(ASKED, 1)
    ]
    return {**deepcopy(PLAN), "steps": steps}


@pytest.fixture
def world(database: Database) -> World:
    """Two stores; everybody is somebody's, has bought, and is to be asked about on each of the next days."""
    world = World(database, "2026-03-01 12:00")
    dice = random.Random(10)
    for code in CODES:
        world.member(code, owner=dice.choice(("owner", "colleague", None)), in_wecom=dice.random() < 0.5)
    with database.transaction() as session:
        publish(session, everybody_daily())
        first = session.scalars(select(Store)).one()
        other = {column.name: getattr(first, column.name) for column in Store.__table__.columns}
        session.add(Store(**other | {"id": new_id(session), "code": "S2", "name": "二店"}))
        session.flush()
        second = session.scalars(select(Store).where(Store.code == "S2")).one()
        for name, role in (("stranger", Role.ASSOCIATE), ("chief", Role.STORE_MANAGER)):
            its = {"wecom_userid": name, "name": name, "store_id": second.id, "role": role}
            session.add(Associate(id=new_id(session), **its))
    world.report(*[purchase(f"r{code}", code, at("2026-03-01 11:00")) for code in CODES])
    return world


def change_everything(world: World, dice: random.Random) -> None:
    """Who works here, who has a day off, whose members are whose contacts, who can still chat with whom."""
    at = now(world)
    named = [
        (f"{code}-{dice.getrandbits(64)}", "S1", code, dice.choice(PEOPLE[:4]))
        for code in dice.sample(CODES, 10)
    ]
    world.report(*[OwnerNamed(*one, at, True) for one in named])
    with world.database.transaction() as session:
        people = {one.wecom_userid: one for one in session.scalars(select(Associate).order_by(Associate.id))}
        for person in people.values():
            (end_associate if dice.random() < 0.25 else bring_back)(session, person)
            day = HOURS.local_date(clock.now(session)) + timedelta(days=1)
            off = {"starts_at": None, "ends_at": None}
            shift = dice.choice((off, {"starts_at": time(10), "ends_at": time(22)}))
            session.merge(Shift(associate_id=person.id, work_on=day, **shift))
        members = session.scalars(select(Member).order_by(Member.id)).all()
        for member in dice.sample(members, 10):
            person = dice.choice(list(people.values()))
            contact = NewContact(f"wm-{member.name[2:]}", member.name, member.id, person.id)
            bind_contacts(session, [contact], clock.now(session))
        lost = select(ContactBinding.id).order_by(ContactBinding.id)
        ids = dice.sample(session.scalars(lost).all(), 5)
        session.execute(
            update(ContactBinding).where(ContactBinding.id.in_(ids)).values(ended_at=clock.now(session))
        )


def entitled(world: World, member: Member) -> set[int]:
    """Who may be asked about a member, by the tables: its owner; in its store the manager, and who chats with it."""
    with world.database.reading() as session:
        here = session.scalars(select(Associate).where(Associate.ended_at.is_(None))).all()
        chats = select(ContactBinding.associate_id).join(
            ExternalContact, ExternalContact.id == ContactBinding.external_contact_id
        )
        its = chats.where(ExternalContact.member_id == member.id, ContactBinding.ended_at.is_(None))
        contacts = set(session.scalars(its))
    return {
        person.id
        for person in here
        if person.id == member.owner_id
        or (
            person.store_id == member.store_id
            and (person.role == Role.STORE_MANAGER or person.id in contacts)
        )
    }


def staff(world: World, member: Member) -> set[int]:
    with world.database.reading() as session:
        here = select(Associate.id).where(Associate.ended_at.is_(None), Associate.store_id == member.store_id)
        return set(session.scalars(here))


def days_off(world: World) -> set[int]:
    with world.database.reading() as session:
        today = HOURS.local_date(clock.now(session))
        off = select(Shift.associate_id).where(Shift.work_on == today, Shift.starts_at.is_(None))
        return set(session.scalars(off))


def now(world: World) -> Any:
    with world.database.reading() as session:
        return clock.now(session)


def test_a10_whoever_is_asked_is_entitled_to_see_the_member_when_the_step_fires(world: World):
    """And works here, and is at work; whatever changed since the step was planned."""
    dice, asked = random.Random(11), 0
    for day, who in enumerate(ASKED, 2):
        change_everything(world, dice)
        world.sleep_until(f"2026-03-{day:02} 10:00")
        fire(world.database, Lane.DAYS)
        with world.database.reading() as session:
            opened = select(FollowUpTask, WorkItem, Member).join(
                WorkItem, WorkItem.id == FollowUpTask.work_item_id
            )
            opened = opened.join(Member, Member.id == WorkItem.member_id)
            rows = session.execute(opened.where(WorkItem.opened_at >= at(f"2026-03-{day:02} 10:00"))).all()
            for task, item, _ in rows:
                actor = find_actor(session, item.assignee_id)
                assert actor is not None, "they have left"
                assert get_task(session, actor, task.id).member_id == item.member_id
        off = days_off(world)
        for _, item, member in rows:
            may = entitled(world, member) | (staff(world, member) if who == "on_shift" else set())
            assert item.assignee_id in may - off, (day, who, member.name)
        asked += len(rows)
    assert asked > len(CODES), "somebody could be asked on most days"
    assert violations(world.database) == []


def set_clock(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """The database's own clock is so many hours fast: business time, leases and claims go by it."""
    fast = {
        "sqlite": func.strftime("%Y-%m-%d %H:%M:%f", "now", f"{hours} hours"),
        "mysql": func.date_format(
            func.timestampadd(text("HOUR"), hours, func.utc_timestamp(text("6"))), "%Y-%m-%d %H:%i:%s.%f"
        ),
    }
    offset = clock.ClockOffset
    read = {name: select(utc, offset.offset_us, offset.target_at) for name, utc in fast.items()}
    monkeypatch.setattr(clock, "READ", read)


def test_a11_a_clock_that_jumps_an_hour_to_and_fro_around_firing_breaks_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    world, dice, codes = World(database, "2026-03-01 12:00"), random.Random(7), CODES[:4]
    for code in codes:
        world.member(code)
    begins, owner = now(world), world.actor("owner")
    for minutes in (0, 25, 29, 31, 45, 60, 95, 3 * 1440, 3 * 1440 + 50, 30 * 1440, 60 * 1440, 90 * 1440):
        set_clock(monkeypatch, 0)
        if minutes < 60:
            world.buy(codes[minutes % 4], "2026-03-01 11:30")
        with database.transaction() as session:
            clock.jump_to(session, begins + timedelta(minutes=minutes))
        for hours in dice.sample((-1, 0, 1, -1, 1), 4):
            set_clock(monkeypatch, hours)
            world.run_lanes()
            urge_due(database, Deadline(60))
            gather_due(database, SENDER, Deadline(60))
            act(world, owner, dice)
        assert look(database, with_books=False).violations() == []
    set_clock(monkeypatch, 0)
    with database.reading() as session:
        series = session.execute(select(Enrollment.id, Enrollment.state)).all()
        records = session.execute(select(StepRecord.outcome, func.count()).group_by(StepRecord.outcome)).all()
    assert violations(database) == []
    assert {row.state for row in series} == {"finished"}
    assert {row[0]: row[1] for row in records} == {"opened": len(series) * len(PLAN["steps"])}


def act(world: World, owner: Any, dice: random.Random) -> None:
    """Somebody begins to send, or skips, what is open."""
    with world.database.transaction() as session:
        open_ = select(FollowUpTask.id).join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        ids = session.scalars(open_.where(WorkItem.state == WorkState.OPEN).order_by(FollowUpTask.id)).all()
        if ids and dice.random() < 0.5:
            claim_sending(session, owner, ids[0], "page")
        elif ids and dice.random() < 0.3:
            skip_task(session, owner, ids[-1], Tap(f"t{dice.getrandbits(64)}"), SkipReason.OTHER, "忙")
