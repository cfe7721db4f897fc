"""A store in Shanghai, open from 10 to 22, whose people get work items straight away; time moves only when told to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate, Role, Shift
from app.db import Database
from app.follow_ups.series.resuming import ask_served_again
from app.ids import new_id
from app.lanes import Deadline
from app.members.models import MemberPhone
from app.members.service import NewContact, NewMember, bind_contacts, lock_members, register_members
from app.messaging.delivery import deliver_due
from app.messaging.digests import DigestSender, gather_due
from app.messaging.models import Notice, NoticeKind
from app.messaging.service import NewNotice, write_notices
from app.stores.models import Branch, Store
from app.timers import Lane, Timer, next_due
from app.worklist.attention import ROW
from app.worklist.balancing import balance_due
from app.worklist.expiry import expire_due
from app.worklist.loads import LocalDay, read_loads
from app.worklist.models import AttentionBudget, BalanceSchedule, Overflow, WorkItem, WorkState
from app.worklist.queries import open_items as still_open
from app.worklist.service import close_items, open_items
from app.worklist.urging import urge_due
from tests.messaging.fake_wecom import FakeWeCom

SHANGHAI = ZoneInfo("Asia/Shanghai")
PEOPLE = {
    "ann": Role.ASSOCIATE,
    "ben": Role.ASSOCIATE,
    "cai": Role.ASSOCIATE,
    "mia": Role.STORE_MANAGER,
}
LANES = (Lane.EXPIRY, Lane.BALANCE, Lane.URGE, Lane.DIGEST)
THREE_DAYS = timedelta(days=3)


def at(text: str) -> datetime:
    """A Shanghai wall-clock time."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


def shown(instant: datetime | None) -> str:
    """The same, to be read."""
    return "" if instant is None else f"{instant.astimezone(SHANGHAI):%m-%d %H:%M}"


class Shop:
    """The store, its people, and what they are given."""

    def __init__(self, database: Database, now: str = "2026-03-02 09:00") -> None:
        self.database = database
        self.wecom = FakeWeCom()
        self.sender = DigestSender(1000002, "http://localhost:8000/h5/worklist", still_open)
        self.reworded: dict[int, int] = {}
        self.called: set[int] = set()
        self._numbers = count(1)
        with database.transaction() as session:
            clock.jump_to(session, at(now))
            self.store_id = self._build(session)
            self.ids = {
                name: self._person(session, name, role, self.store_id) for name, role in PEOPLE.items()
            }
        self.names = {person: name for name, person in self.ids.items()}

    def _build(self, session: Session) -> int:
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
        return store.id

    def _person(self, session: Session, name: str, role: Role, store_id: int) -> int:
        person = Associate(id=new_id(session), wecom_userid=name, name=name, store_id=store_id, role=role)
        session.add(person)
        session.flush()
        return person.id

    def budget(self, **values: Any) -> None:
        """Change what HQ set."""
        with self.database.transaction() as session:
            row = session.get_one(AttentionBudget, ROW)
            for name, value in values.items():
                setattr(row, name, value)

    def shift(self, name: str, on: str, hours: tuple[int, int] | None) -> None:
        """A shift from one hour to another, or a day off."""
        begins, ends = (None, None) if hours is None else (time(hours[0]), time(hours[1]))
        row = Shift(
            associate_id=self.ids[name], work_on=date.fromisoformat(on), starts_at=begins, ends_at=ends
        )
        with self.database.transaction() as session:
            session.add(row)

    def member(self, *contacts: str) -> int:
        """A member who can chat with these people."""
        code = f"c{next(self._numbers)}"
        with self.database.transaction() as session:
            now = clock.now(session)
            new = NewMember(code, f"顾客{code}", self.store_id, None, now)
            member_id = register_members(session, [new])[code]
            bound = [NewContact(f"wm-{code}", code, member_id, self.ids[name]) for name in contacts]
            for contact in bound:
                bind_contacts(session, [contact], now)
        return member_id

    def number(self, item_id: int) -> None:
        """The number of the item's member becomes known."""
        member_id = self.item(item_id).member_id
        assert member_id is not None
        with self.database.transaction() as session:
            told = {"sealed": "x", "number_index": "x", "masked": "138****0000", "event_id": 1}
            session.add(MemberPhone(member_id=member_id, reported_at=clock.now(session), **told))

    def give(self, name: str, *ranks: int, contacts: tuple[str, ...] = (), **values: Any) -> list[int]:
        """Work items of these ranks about as many members, opened in this order; returns their ids."""
        members = [self.member(name, *contacts) for _ in ranks]
        return self.give_about(name, list(zip(members, ranks, strict=True)), **values)

    def give_about(self, name: str, about: list[tuple[int, int]], **values: Any) -> list[int]:
        """Work items as (member, rank)."""
        with self.database.transaction() as session:
            lock_members(session, [member_id for member_id, _ in about])
            rows = [self._row(session, name, member_id, rank, values) for member_id, rank in about]
            open_items(session, rows)
        return [row["id"] for row in rows]

    def _row(
        self, session: Session, name: str, member_id: int, rank: int, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        now = clock.now(session)
        return {
            "id": new_id(session),
            "assignee_id": self.ids[name],
            "store_id": self.store_id,
            "member_id": member_id,
            "priority": 1,
            "rank": rank,
            "title": "搭配推荐",
            "due_at": now,
            "valid_until": now + values.get("valid_for", THREE_DAYS),
            "opened_at": now,
            **{key: value for key, value in values.items() if key != "valid_for"},
        }

    def tell(self, name: str, *ids: int) -> None:
        """Notices of what they were given."""
        with self.database.transaction() as session:
            now = clock.now(session)
            rows = [NewNotice(self.ids[name], item_id, "搭配推荐", now + THREE_DAYS) for item_id in ids]
            write_notices(session, rows, now)

    def notice_states(self, name: str) -> list[str]:
        """What became of the notices to somebody, oldest first."""
        query = select(Notice.state).where(Notice.associate_id == self.ids[name]).order_by(Notice.id)
        with self.database.reading() as session:
            return list(session.scalars(query))

    def finish(self, *ids: int) -> None:
        """Done."""
        with self.database.transaction() as session:
            close_items(session, ids, WorkState.DONE, "done", clock.now(session))

    def now(self) -> datetime:
        with self.database.reading() as session:
            return clock.now(session)

    def sleep_until(self, when: str) -> None:
        """Nothing runs meanwhile."""
        with self.database.transaction() as session:
            clock.jump_to(session, at(when))

    def live_until(self, when: str) -> None:
        """Everything that falls due is done at its own instant, and WeCom delivers."""
        self.live_to(at(when))

    def live_to(self, target: datetime) -> None:
        while True:
            self.run_lanes()
            with self.database.transaction() as session:
                due = next_due(session, LANES)
                step_to = max(clock.now(session), min(target, due or target))
                clock.jump_to(session, step_to)
            if step_to >= target:
                self.run_lanes()
                return

    def run_lanes(self) -> None:
        """All that is due now."""
        while (
            self.balance()
            + self.urge()
            + expire_due(self.database, ask_served_again, Deadline(60)).done
            + self.push()
        ):
            pass

    def balance(self) -> int:
        return balance_due(self.database, self._reword, ask_served_again, Deadline(60)).done

    def urge(self) -> int:
        return urge_due(self.database, Deadline(60)).done

    def push(self) -> int:
        gathered = gather_due(self.database, self.sender, Deadline(60)).done
        return gathered + deliver_due(self.database, self.wecom, Deadline(60)).done

    def _reword(self, _session: Session, moves: Mapping[int, int], calls: Collection[int]) -> None:
        self.reworded |= moves
        self.called |= set(calls)

    def item(self, item_id: int) -> WorkItem:
        with self.database.reading() as session:
            return session.get_one(WorkItem, item_id)

    def items(self, *ids: int) -> list[WorkItem]:
        return [self.item(item_id) for item_id in ids]

    def at_hand(self, name: str) -> set[int]:
        """The ranks of what somebody is to do now."""
        now = self.now()
        query = select(WorkItem).where(
            WorkItem.assignee_id == self.ids[name], WorkItem.state == WorkState.OPEN
        )
        with self.database.reading() as session:
            return {
                item.rank
                for item in session.scalars(query)
                if item.postponed_until is None or item.postponed_until <= now
            }

    def overflows(self) -> list[tuple[int, str, str, str]]:
        """What was decided: (rank, kind, to whom, until when), by rank."""
        with self.database.reading() as session:
            rows = session.scalars(select(Overflow).order_by(Overflow.decided_at, Overflow.rank.desc()))
            return [
                (row.rank, row.kind, self.names.get(row.to_id or 0, ""), shown(row.until)) for row in rows
            ]

    def told(self, kind: NoticeKind | None = None) -> list[tuple[str, str, str]]:
        """Notices: (whom, of what, when written), oldest first."""
        with self.database.reading() as session:
            rows = session.scalars(select(Notice).order_by(Notice.id))
            return [
                (self.names[row.associate_id], row.text, shown(row.written_at))
                for row in rows
                if kind in (None, row.kind)
            ]

    def check(self) -> None:
        """What always holds: timers are their owners', nobody's count is less than what they have to do today."""
        with self.database.reading() as session:
            timers = {
                (row.lane, row.due_at, row.subject_id)
                for row in session.scalars(select(Timer))
                if row.lane in (Lane.EXPIRY, Lane.URGE, Lane.BALANCE)
            }
            items = list(session.scalars(select(WorkItem).where(WorkItem.state == WorkState.OPEN)))
            schedules = list(session.scalars(select(BalanceSchedule)))
            now = clock.now(session)
            owners = {(Lane.EXPIRY, item.valid_until, item.id) for item in items}
            owners |= {(Lane.URGE, item.next_urge_at, item.id) for item in items if item.next_urge_at}
            owners |= {
                (Lane.BALANCE, row.next_due_at, row.associate_id) for row in schedules if row.next_due_at
            }
            assert timers == owners
            for row in schedules:
                if row.counted_until is not None and row.counted_until > now:
                    day = LocalDay(row.counted_until - timedelta(days=1), row.counted_until)
                    assert row.counted >= read_loads(session, {row.associate_id: day})[row.associate_id]
