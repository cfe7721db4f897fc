"""Associates to write to, a WeCom that remembers, and time that the test moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate, Role
from app.db import Database, insert_rows
from app.lanes import Deadline
from app.messaging.delivery import deliver_due
from app.messaging.digests import DigestSender, OpenItem, gather_due
from app.messaging.models import (
    DigestSchedule,
    MessageState,
    Notice,
    NoticeKind,
    NoticeState,
    OutboundMessage,
)
from app.messaging.service import NewNotice, write_notices
from app.timers import Lane, Timer, TimerKey, clear_timers, set_timers
from app.wecom.sandbox_control import SandboxControl
from tests.messaging.fake_wecom import FakeWeCom
from tests.wecom.local_sandbox import LocalSandbox

LATER = timedelta(hours=3)
SOON = timedelta(minutes=5)


class Office:
    """Everything a test of messaging does: people, notices, time, the two lanes."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.wecom = FakeWeCom()
        self.closed: set[int] = set()
        self.given_to: dict[int, int] = {}
        self.sender = DigestSender(1000002, "http://localhost:8000/h5/worklist", self._open_items)
        rows = [(1, "lina", "李娜"), (2, "wangwei", "王伟"), (3, "idle", "赵闲")]
        with database.transaction() as session:
            insert_rows(session, Associate, [person(*row) for row in rows])

    def write(
        self,
        *notices: tuple[int, int],
        text: str = "30 分钟回访 · 林晓雯",
        within: timedelta = LATER,
        kind: NoticeKind = NoticeKind.OPENED,
    ) -> None:
        """Notices as (associate, work item)."""
        with self.database.transaction() as session:
            now = clock.now(session)
            rows = [NewNotice(who, what, text, now + within, kind) for who, what in notices]
            write_notices(session, rows, now)

    def travel(self, seconds: float) -> None:
        with self.database.transaction() as session:
            clock.jump_to(session, clock.now(session) + timedelta(seconds=seconds))

    def gather(self) -> int:
        return gather_due(self.database, self.sender, Deadline(10)).done

    def deliver(self) -> int:
        return deliver_due(self.database, self.wecom, Deadline(10)).done

    def digest(self, *notices: tuple[int, int], text: str = "30 分钟回访 · 林晓雯") -> OutboundMessage:
        """One enqueued message, the latest."""
        self.write(*notices or ((1, 11),), text=text)
        self.travel(120)
        self.gather()
        return self.messages()[-1]

    def messages(self) -> Sequence[OutboundMessage]:
        with self.database.reading() as session:
            return session.scalars(select(OutboundMessage).order_by(OutboundMessage.id)).all()

    def message(self) -> OutboundMessage:
        (only,) = self.messages()
        return only

    def notices(self) -> Sequence[Notice]:
        with self.database.reading() as session:
            return session.scalars(select(Notice).order_by(Notice.id)).all()

    def timers(self, lane: Lane) -> dict[int, TimerKey]:
        with self.database.reading() as session:
            rows = session.scalars(select(Timer).where(Timer.lane == str(lane))).all()
            assert len({row.subject_id for row in rows}) == len(rows)
            return {row.subject_id: TimerKey(lane, row.due_at, row.subject_id) for row in rows}

    def make_due(self) -> None:
        """As if all waits and leases had passed: real time is not ours to move."""
        with self.database.transaction() as session:
            past = clock.real_now(session) - timedelta(seconds=1)
            for row in session.scalars(
                select(OutboundMessage).where(OutboundMessage.next_due_at.is_not(None))
            ):
                assert row.next_due_at is not None
                clear_timers(session, [TimerKey(Lane.PUSH, row.next_due_at, row.id)])
                row.next_due_at = past
                set_timers(session, [(TimerKey(Lane.PUSH, past, row.id), None)])

    def age_sending(self, by: timedelta) -> None:
        """As if whatever may have been sent had been so much earlier."""
        with self.database.transaction() as session:
            for row in session.scalars(
                select(OutboundMessage).where(OutboundMessage.maybe_sent_at.is_not(None))
            ):
                assert row.maybe_sent_at is not None
                row.maybe_sent_at -= by

    def check(self) -> None:
        """What always holds: timers are those of their owners, a gathered notice is in one message and no other."""
        with self.database.reading() as session:
            schedules = session.scalars(select(DigestSchedule).where(DigestSchedule.next_due_at.is_not(None)))
            waiting = {row.associate_id: row.next_due_at for row in schedules}
        assert {who: key.due_at for who, key in self.timers(Lane.DIGEST).items()} == waiting
        owed = {row.id: row.next_due_at for row in self.messages() if row.state == MessageState.ENQUEUED}
        assert {key.subject_id: key.due_at for key in self.timers(Lane.PUSH).values()} == owed
        for notice in self.notices():
            assert (notice.message_id is not None) == (notice.state == NoticeState.GATHERED)
            assert notice.state != NoticeState.WAITING or notice.associate_id in waiting

    def _open_items(self, _session: Session, work_item_ids: Sequence[int]) -> dict[int, OpenItem]:
        """Work item 11 is about member 1, 12 too, 21 about member 2, and so on."""
        return {
            item: OpenItem(item // 10, self.given_to.get(item))
            for item in work_item_ids
            if item not in self.closed
        }


def person(number: int, userid: str, name: str) -> dict[str, object]:
    return {
        "id": number,
        "wecom_userid": userid,
        "name": name,
        "store_id": None,
        "role": Role.ASSOCIATE,
        "ended_at": None,
    }


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    opened = Office(database)
    yield opened
    opened.check()


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSandbox]:
    server = LocalSandbox(tmp_path_factory.mktemp("sandbox"))
    server.start()
    SandboxControl(server.url).let_cards_call_back()
    yield server
    server.stop()
