"""A small chain for tests that read like stories: one store in Shanghai, an owner, a manager, events on a timeline."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate, Role
from app.associates.queries import Actor, find_actor
from app.db import Database
from app.follow_ups.firing.lane import fire_due
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.versions import publish
from app.follow_ups.series.resuming import ask_served_again
from app.ids import new_id
from app.inbound.events import Event, Line, LineKind, PurchaseReported, RefundReported
from app.intake.service import apply_events
from app.intake.sifting import EventResult
from app.lanes import Deadline
from app.members.phones import PURPOSE, NewPhone, seal_phone, write_phones
from app.members.service import (
    NewContact,
    NewMember,
    bind_contacts,
    lock_members,
    members_by_code,
    register_members,
)
from app.sales_scripts.models import SalesScript
from app.sealing import Keyring
from app.stores.models import Branch, Store
from app.timers import Lane, Timer, next_due
from app.worklist.attention import lanes_at_work
from app.worklist.expiry import expire_due
from app.worklist.models import WorkItem

ROOT = Path(__file__).resolve().parent.parent
PLAN = tomllib.loads((ROOT / "config" / "plans" / "after_purchase.toml").read_text(encoding="utf-8"))
SHANGHAI = ZoneInfo("Asia/Shanghai")
SOURCE = "till"
PHONE_KEYS = Keyring(["a secret of the tests"], PURPOSE)
NUMBER = "+8613800138001"


def at(text: str) -> datetime:
    """A Shanghai wall-clock time, e.g. at("2026-03-01 14:05")."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


class World:
    """The chain and its customers; time moves only when told to."""

    def __init__(self, database: Database, now: str = "2026-03-01 09:00") -> None:
        self.database = database
        self._numbers = count(1)
        with database.transaction() as session:
            clock.jump_to(session, at(now))
            self._build(session)

    def _build(self, session: Session) -> None:
        branch = Branch(id=new_id(session), code="B", name="分公司")
        session.add(branch)
        session.flush()
        store = Store(
            id=new_id(session),
            code="S1",
            branch_id=branch.id,
            name="南京路店",
            time_zone="Asia/Shanghai",
            currency="CNY",
            opens_at=time(10),
            closes_at=time(22),
        )
        session.add(store)
        session.flush()
        for userid, role in (
            ("owner", Role.ASSOCIATE),
            ("colleague", Role.ASSOCIATE),
            ("manager", Role.STORE_MANAGER),
        ):
            session.add(
                Associate(id=new_id(session), wecom_userid=userid, name=userid, store_id=store.id, role=role)
            )
        for step in PLAN["steps"]:
            for code in {step["script"], step["invite_script"]}:
                if session.scalar(select(SalesScript).where(SalesScript.code == code)) is None:
                    body = "{member}您好，我是{store}{associate}，{product}"
                    session.add(SalesScript(id=new_id(session), code=code, title=code, scene="", body=body))
                    session.flush()
        publish(session, PLAN)

    def person(self, userid: str) -> Associate:
        """An associate by account."""
        with self.database.reading() as session:
            return session.scalars(select(Associate).where(Associate.wecom_userid == userid)).one()

    def actor(self, userid: str) -> Actor:
        """An associate as the one who asks."""
        with self.database.reading() as session:
            actor = find_actor(session, self.person(userid).id)
        assert actor is not None
        return actor

    def member(self, code: str = "c1", *, owner: str | None = "owner", in_wecom: bool = True) -> int:
        """A member, by default owned by `owner` and their WeCom contact."""
        with self.database.transaction() as session:
            store = session.scalars(select(Store)).one()
            owner_id = self.person(owner).id if owner else None
            ids = register_members(
                session, [NewMember(code, f"顾客{code}", store.id, owner_id, clock.now(session))]
            )
            if in_wecom and owner_id:
                contact = NewContact(f"wm-{code}", f"顾客{code}", ids[code], owner_id)
                bind_contacts(session, [contact], clock.now(session))
            return ids[code]

    def know_phone(self, code: str = "c1", number: str = NUMBER) -> None:
        """A member's mobile number becomes known."""
        with self.database.transaction() as session:
            member_id = members_by_code(session, [code])[code]
            lock_members(session, [member_id])
            sealed = seal_phone(PHONE_KEYS, number, code)
            write_phones(session, [NewPhone(member_id, sealed, 1, clock.now(session))])

    def buy(
        self, code: str, when: str, ref: str = "", *, price: int = 10_000, time_known: bool = True
    ) -> str:
        """One article bought by a customer; returns the receipt's number."""
        ref = ref or f"r{next(self._numbers)}"
        assert [
            result.status for result in self.report(purchase(ref, code, at(when), price, time_known))
        ] == ["applied"]
        return ref

    def refund(
        self, code: str, when: str, cancels: str = "", *, price: int = 10_000, quantity: int = 1
    ) -> str:
        """The article brought back."""
        ref = f"C{next(self._numbers)}"
        assert [
            item.status for item in self.report(refund(ref, code, at(when), price, quantity, cancels))
        ] == ["applied"]
        return ref

    def report(self, *events: Event, enrolls: bool = True) -> list[EventResult]:
        """Whatever a till says."""
        return apply_events(self.database, SOURCE, events, enrolls=enrolls)

    def live_until(self, when: str) -> None:
        """Move time forward; steps fire and tasks expire at their own instants."""
        self.live_to(at(when))

    def live_to(self, target: datetime) -> None:
        """The same, to an instant."""
        while True:
            self.run_lanes()
            with self.database.transaction() as session:
                due = next_due(session, lanes_at_work(session, (Lane.MINUTES, Lane.DAYS, Lane.EXPIRY)))
                step_to = max(clock.now(session), min(target, due or target))
                clock.jump_to(session, step_to)
            if step_to >= target:
                self.run_lanes()
                return

    def sleep_until(self, when: str) -> None:
        """Move time forward with nobody at work, as if the service were down."""
        with self.database.transaction() as session:
            clock.jump_to(session, at(when))

    def run_lanes(self) -> None:
        """Do all that is due now."""
        from_lane: tuple[Callable[[], int], ...] = (
            lambda: fire(self.database, Lane.MINUTES),
            lambda: fire(self.database, Lane.DAYS),
            lambda: expire_due(self.database, ask_served_again, Deadline(60)).done,
        )
        while sum(work() for work in from_lane):
            pass

    def steps(self, code: str) -> dict[tuple[date, int], str]:
        """What became of the customer's steps: (day, step number) → "outcome reason"."""
        with self.database.reading() as session:
            member_id = members_by_code(session, [code])[code]
            query = select(Enrollment.anchor_on, StepRecord).join(
                StepRecord, StepRecord.enrollment_id == Enrollment.id
            )
            rows = session.execute(query.where(Enrollment.member_id == member_id)).all()
            return {(on, record.step_no): f"{record.outcome} {record.reason}" for on, record in rows}

    def items(self, code: str) -> list[tuple[str, str, str]]:
        """The customer's work items by opening: (title, state, close reason)."""
        with self.database.reading() as session:
            member_id = members_by_code(session, [code])[code]
            rows = session.scalars(select(WorkItem).where(WorkItem.member_id == member_id))
            ordered = sorted(rows, key=lambda item: (item.opened_at, item.id))
            return [(item.title, item.state, item.close_reason) for item in ordered]

    def tasks(self, code: str) -> list[FollowUpTask]:
        """The customer's tasks by opening."""
        with self.database.reading() as session:
            member_id = members_by_code(session, [code])[code]
            query = select(FollowUpTask).join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
            return list(
                session.scalars(query.where(WorkItem.member_id == member_id).order_by(FollowUpTask.id))
            )

    def assert_timers_are_their_owners(self) -> None:
        """The timers table equals its rebuild from the rows that own the timers (digests and pushes apart)."""
        lanes = (Lane.MINUTES, Lane.DAYS, Lane.EXPIRY)
        with self.database.reading() as session:
            timers = {
                (timer.lane, timer.due_at, timer.subject_id, timer.member_id)
                for timer in session.scalars(select(Timer).where(Timer.lane.in_(lanes)))
            }
            owners: set[tuple[object, ...]] = {
                (row.next_lane, row.next_due_at, row.id, row.member_id)
                for row in session.scalars(select(Enrollment).where(Enrollment.state == "active"))
            }
            owners |= {
                (Lane.EXPIRY, item.valid_until, item.id, item.member_id)
                for item in session.scalars(select(WorkItem).where(WorkItem.state == "open"))
            }
        assert timers == owners


def fire(database: Database, lane: Lane) -> int:
    """Fire what is due."""
    return fire_due(database, lane, Deadline(60)).done


def purchase(
    ref: str, customer: str, when: datetime, price: int = 10_000, time_known: bool = True, quantity: int = 1
) -> PurchaseReported:
    """One article on one receipt."""
    line = Line("SKU1", "藏青西装", quantity, f"{price / 100:.2f}", price * quantity, LineKind.GOODS)
    return PurchaseReported(ref, "S1", customer, "", when, time_known, "CNY", price * quantity, (line,))


def refund(
    ref: str, customer: str, when: datetime, price: int = 10_000, quantity: int = 1, cancels: str = ""
) -> RefundReported:
    """So many of the article brought back."""
    line = Line("SKU1", "藏青西装", quantity, f"{price / 100:.2f}", price * quantity, LineKind.GOODS)
    return RefundReported(ref, "S1", customer, "", when, True, "CNY", price * quantity, (line,), cancels)


def days(start: str, number: int) -> date:
    """The local date so many days after another."""
    return date.fromisoformat(start) + timedelta(days=number)
