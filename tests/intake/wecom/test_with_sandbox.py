"""The same against the sandbox: what happens on its phones, told as it tells it, ends as it shows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import clock
from app.associates.models import Shift
from app.db import Database
from app.inbound.models import Inbound
from app.inbound.service import receive
from app.intake.inbox import apply_received
from app.intake.wecom_events import wecom_handlers
from app.lanes import Deadline
from app.member_events.models import MemberEvent
from app.members.models import ExternalContact, Member, SyncState
from app.tagging.models import BindingTag, Tag
from app.wecom.apis.transfers import TransferStatus
from app.wecom.app import WeComApp
from app.wecom.callbacks import WeComEvent
from app.wecom.sandbox_control import SandboxControl
from scripts.commands.sync_wecom import sync_now
from tests.contract.customers import Customers
from tests.intake.wecom.conftest import Desk, shuffled
from tests.wecom.local_sandbox import LocalSandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSandbox]:
    server = LocalSandbox(tmp_path_factory.mktemp("sandbox"))
    server.start()
    SandboxControl(server.url).put_people([{"userid": "owner", "name": "李娜"}])
    yield server
    server.stop()


class Counter:
    """Customers on their phones on one side, our tables on the other."""

    def __init__(self, database: Database, sandbox: LocalSandbox) -> None:
        self.database, self.desk = database, Desk(database)
        self.wecom: WeComApp = sandbox.app()
        self.customers = Customers(sandbox)

    def add(self, **more: Any) -> str:
        external_userid: str = self.customers.add("owner", **more)["external_userid"]
        return external_userid

    def do(self, what: str, external_userid: str, **more: Any) -> None:
        self.customers.do(what, "owner", external_userid, **more)

    def told(self) -> list[WeComEvent]:
        """The events of these phones."""
        usual = {"MsgType": "event", "CreateTime": "1790000000"}
        return [
            WeComEvent.of({**usual, **{name: _text(value) for name, value in fields.items()}})
            for fields in self.customers.events()
        ]

    def hear(self, seed: int) -> None:
        """All of them, in some order and doubled."""
        with self.database.transaction() as session:
            for event in shuffled(self.told(), seed):
                receive(session, event, clock.real_now(session))
        apply_received(self.database, self.wecom, wecom_handlers(self.database), Deadline(60))
        with self.database.reading() as session:
            rows = session.execute(select(Inbound.state, Inbound.reason)).all()
        assert {row.state for row in rows} == {"applied"}, rows

    def standing(self, external_userid: str) -> str:
        return self.desk.bindings()["owner", external_userid]


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) else value


@pytest.fixture
def counter(database: Database, sandbox: LocalSandbox) -> Counter:
    return Counter(database, sandbox)


@pytest.mark.parametrize("seed", [1, 2])
def test_what_happens_on_the_phones_ends_in_our_tables(counter: Counter, seed: int):
    kept, half, accepted = counter.add(), counter.add(half=True), counter.add(half=True)
    lost, deleted = counter.add(), counter.add()
    counter.do("accept", accepted)
    counter.do("delete-by-customer", lost)
    counter.do("delete-by-associate", deleted)
    counter.hear(seed)
    standings = [counter.standing(who) for who in (kept, half, accepted, lost, deleted)]
    assert standings == ["live", "half", "live", "lost", "ended"]


def test_tags_made_in_the_console_and_put_on_a_phone(counter: Counter):
    who = counter.add()
    made = counter.customers.tags("商务", "休闲")
    tag_id = made["tag_ids"][0] if "tag_ids" in made else made["tags"][0]["id"]
    counter.do("mark", who, add=[tag_id])
    counter.do("remark", who, remark="林姐")
    counter.hear(3)
    with counter.database.reading() as session:
        assert {"商务", "休闲"} <= set(session.scalars(select(Tag.name)))
        assert session.scalars(select(BindingTag.wecom_tag_id)).all() == [tag_id]


def test_a_sync_finds_what_nobody_told_and_then_nothing_more(counter: Counter):
    kept, missed = counter.add(), counter.add()
    counter.hear(4)
    counter.do("delete-by-associate", missed)
    added = counter.add()
    first = sync_now(counter.database, counter.wecom)
    assert first.state is SyncState.COMPLETE, first.trouble
    assert [counter.standing(who) for who in (kept, missed, added)] == ["live", "ended", "live"]
    assert first.counts["contacts"]["ended"] == 1
    second = sync_now(counter.database, counter.wecom)
    assert {"added", "changed", "ended"}.isdisjoint(second.counts["contacts"])
    with counter.database.reading() as session:
        assert added in set(session.scalars(select(ExternalContact.external_userid)))


def test_whom_wecom_gives_to_a_colleague_is_the_colleagues_member(counter: Counter, sandbox: LocalSandbox):
    SandboxControl(sandbox.url).put_people([{"userid": "colleague", "name": "何佳"}])
    who, member_id = counter.add(), counter.desk.world.member("c1", in_wecom=False)
    counter.hear(5)
    with counter.database.transaction() as session:
        its = select(ExternalContact).where(ExternalContact.external_userid == who)
        session.scalars(its).one().member_id = member_id
    counter.wecom.transfers.begin("owner", "colleague", [who])
    sandbox.travel(timedelta(hours=25))
    (result,) = (
        one for one in counter.wecom.transfers.results("owner", "colleague") if one.external_userid == who
    )
    assert result.status is TransferStatus.DONE
    counter.hear(6)
    sandbox.travel(timedelta(0))
    with counter.database.reading() as session:
        assert session.get_one(Member, member_id).owner_id == counter.desk.world.person("colleague").id
        assert session.scalars(select(MemberEvent)).all() == [], "nobody has unfriended anybody"


def test_shifts_are_taken_over_and_what_was_imported_stays_where_wecom_plans_nothing(
    database: Database, sandbox: LocalSandbox
):
    world, wecom = Desk(database).world, sandbox.app()
    owner, colleague = (world.person(userid).id for userid in ("owner", "colleague"))
    with database.transaction() as session:
        imported = [(owner, date(2026, 3, 4)), (owner, date(2026, 5, 1)), (colleague, date(2026, 3, 4))]
        session.add_all(
            Shift(associate_id=who, work_on=on, starts_at=None, ends_at=None) for who, on in imported
        )
    _plan(sandbox, {"2026-03-02": [[36_000, 64_800]], "2026-03-03": []})
    assert sync_now(database, wecom).counts.get("shifts") is None
    seen = sync_now(database, wecom, shifts=True)
    assert (seen.state, seen.counts["shifts"]) == (
        SyncState.COMPLETE,
        {"seen": 2, "added": 2, "changed": 0, "ended": 1},
    )
    kept = [(owner, date(2026, 5, 1), None), (colleague, date(2026, 3, 4), None)]
    assert _shifts(database) == {(owner, date(2026, 3, 2), time(10)), (owner, date(2026, 3, 3), None), *kept}
    _plan(sandbox, {"2026-03-02": [[32_400, 64_800]], "2026-03-03": None})
    assert sync_now(database, wecom, shifts=True).counts["shifts"]["changed"] == 1
    assert _shifts(database) == {(owner, date(2026, 3, 2), time(9)), *kept}
    sandbox.set_rules(checkin_api=False)
    refused = sync_now(database, wecom, shifts=True)
    sandbox.set_rules()
    assert (refused.state, "48002" in refused.trouble) == (SyncState.PARTIAL, True)
    assert _shifts(database) == {(owner, date(2026, 3, 2), time(9)), *kept}


def _plan(sandbox: LocalSandbox, days: dict[str, Any]) -> None:
    planned = [{"userid": "owner", "day": day, "sections": its} for day, its in days.items()]
    sandbox.control("PUT", "planned_days", planned)


def _shifts(database: Database) -> set[tuple[int, date, time | None]]:
    with database.reading() as session:
        return {(row.associate_id, row.work_on, row.starts_at) for row in session.scalars(select(Shift))}
