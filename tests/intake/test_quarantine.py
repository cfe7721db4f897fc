"""What was quarantined is tried again once its cause is gone: applied once, however often it is tried."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from app import clock
from app.db import Database
from app.follow_ups.acts.holding import Tap
from app.follow_ups.acts.members import opt_out
from app.follow_ups.models import Enrollment
from app.follow_ups.plans.releases import release
from app.follow_ups.series.quarantine import put_back, set_aside
from app.follow_ups.series.stopping import members_under_way, stop_plan
from app.inbound.models import WECOM, Inbound, InboundState, ReceivedEvent
from app.inbound.service import receive
from app.intake import service as intake
from app.intake.quarantine import quarantined_events, retry_events
from app.members.service import lock_members
from app.timers import Lane, TimerKey, clear_timers
from app.wecom.callbacks import WeComEvent
from tests.checker import violations
from tests.world import World, at, days, purchase, refund

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def world(database: Database) -> World:
    built = World(database)
    built.member("c1")
    built.live_until("2026-03-01 14:00")
    return built


def waiting(world: World) -> list[str]:
    with world.database.reading() as session:
        return [event.key for event in quarantined_events(session)]


def retry_all(world: World) -> dict[str, str]:
    with world.database.reading() as session:
        ids = [event.id for event in quarantined_events(session)]
    results = retry_events(world.database, ids)
    return {event.key: result.status.value for event, result in results if result is not None}


def break_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any) -> None:
        raise ValueError("a bug of ours")

    monkeypatch.setattr(intake, "record", fail)


class TestEvents:
    def test_once_the_cause_is_gone_they_are_applied_once(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        with monkeypatch.context() as broken:
            break_recording(broken)
            world.report(
                purchase("r1", "c1", at("2026-03-01 13:50")), refund("C1", "c9", at("2026-03-01 13:55"))
            )
            world.report(purchase("r2", "c2", at("2026-03-01 13:40")), enrolls=False)
            assert set(retry_all(world).values()) == {"quarantined"}
        assert sorted(waiting(world)) == ["purchase:r1", "purchase:r2", "refund:C1"]
        assert retry_all(world) == {
            "purchase:r1": "applied",
            "purchase:r2": "applied",
            "refund:C1": "applied",
        }
        assert waiting(world) == []
        assert retry_all(world) == {}
        world.live_until("2026-03-01 14:30")
        assert world.steps("c1") == {(days("2026-03-01", 0), 1): "opened due"}
        assert world.steps("c2") == {}  # reported as facts only, applied as facts only
        assert violations(world.database) == []

    def test_the_same_reported_again_is_a_repeat(self, world: World, monkeypatch: pytest.MonkeyPatch):
        event = purchase("r1", "c1", at("2026-03-01 13:50"))
        with monkeypatch.context() as broken:
            break_recording(broken)
            world.report(event)
        retry_all(world)
        assert [result.status for result in world.report(event)] == ["repeated"]

    def test_what_nobody_can_store_or_read_stays(self, world: World):
        good = purchase("r1", "c1", at("2026-03-01 13:50"))
        world.report(msgspec.structs.replace(good, amount_fen=2**64))
        world.report(msgspec.structs.replace(good, ref="r\ude00"))
        kept = waiting(world)
        assert set(retry_all(world).values()) == {"quarantined"}
        assert sorted(waiting(world)) == sorted(kept)
        assert len(kept) == 2

    def test_what_is_refused_now_stays_too(self, world: World, monkeypatch: pytest.MonkeyPatch):
        with monkeypatch.context() as broken:
            break_recording(broken)
            world.report(purchase("r1", "c1", at("2026-03-01 13:50")))
        world.sleep_until("2026-02-20 00:00")  # an operator's clock went wrong
        assert retry_all(world) == {"purchase:r1": "refused"}
        assert waiting(world) == ["purchase:r1"]


class TestEnrollments:
    @pytest.fixture
    def series(self, world: World) -> int:
        """c1's series, set aside at its first step."""
        world.buy("c1", "2026-03-01 13:50", "r1")
        with world.database.transaction() as session:
            row = session.scalars(select(Enrollment)).one()
            row.next_step_no = 99
        world.live_until("2026-03-01 14:30")
        return row.id

    def put_back(self, world: World, enrollment_id: int) -> bool:
        with world.database.transaction() as session:
            return put_back(session, enrollment_id)

    def test_put_back_it_goes_on_where_it_stopped(self, world: World, series: int):
        with world.database.reading() as session:
            (aside,) = set_aside(session)
        assert (aside.id, aside.step_no, aside.reason) == (series, 1, "IndexError")
        assert self.put_back(world, series)
        assert not self.put_back(world, series)
        world.live_until("2026-03-05 00:00")
        day = days("2026-03-01", 0)
        assert world.steps("c1") == {(day, 1): "opened due", (day, 2): "opened due"}
        assert violations(world.database) == []

    def test_what_was_over_meanwhile_is_said_so(self, world: World, series: int):
        world.sleep_until("2026-03-20 12:00")
        assert self.put_back(world, series)
        world.run_lanes()
        day = days("2026-03-01", 0)
        assert world.steps("c1") == {(day, 1): "expired too_late", (day, 2): "expired too_late"}
        assert violations(world.database) == []

    @pytest.mark.parametrize("ends", ["refunded", "opted_out", "plan_ended"])
    def test_what_ends_series_ends_those_set_aside(self, world: World, series: int, ends: str):
        with world.database.transaction() as session:
            row = session.get_one(Enrollment, series)
            member_id, plan_id = row.member_id, row.plan_id
            lock_members(session, [member_id])
            if ends == "opted_out":
                opt_out(session, world.actor("owner"), member_id, Tap("key-0001"))
            if ends == "plan_ended":
                release(session, plan_id, None)
                assert members_under_way(session, plan_id, after=0, limit=9) == [member_id]
                assert stop_plan(session, plan_id, [member_id], clock.now(session)) == 1
        if ends == "refunded":
            world.refund("c1", "2026-03-01 14:20", "r1")
        assert set(world.steps("c1").values()) == {f"cancelled {ends}"}
        assert not self.put_back(world, series)
        assert violations(world.database) == []

    def test_of_a_plan_that_was_withdrawn_nothing_goes_on(self, world: World, series: int):
        with world.database.transaction() as session:
            release(session, session.get_one(Enrollment, series).plan_id, None)
        assert self.put_back(world, series)
        world.run_lanes()
        assert set(world.steps("c1").values()) == {"cancelled plan_ended"}
        assert violations(world.database) == []

    def test_of_one_that_is_not_there_nothing_changes(self, world: World):
        assert not self.put_back(world, 7)


def told_by_wecom(world: World) -> None:
    """An event from WeCom that could not be applied."""
    fields = {"MsgType": "event", "Event": "change_external_tag", "CreateTime": "1772352000"}
    with world.database.transaction() as session:
        receive(session, WeComEvent.of(fields), clock.real_now(session))
        row = session.scalars(select(Inbound).where(Inbound.source == WECOM)).one()
        work = session.scalars(select(ReceivedEvent)).one()
        assert work.next_due_at is not None
        clear_timers(session, [TimerKey(Lane.INBOX, work.next_due_at, row.id)])
        row.state, row.reason, work.next_due_at = InboundState.QUARANTINED, "WeComRejected: 40096", None


@pytest.mark.process
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_command_lists_and_retries(world: World, database_url: str, monkeypatch: pytest.MonkeyPatch):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ROOT / "scripts" / "quarantine"), *arguments],
            env=os.environ | {"DATABASE_URL": database_url},
            capture_output=True,
            text=True,
            timeout=60,
        )

    with monkeypatch.context() as broken:
        break_recording(broken)
        world.report(purchase("r1", "c1", at("2026-03-01 13:50")))
    world.buy("c1", "2026-02-27 13:50", "r2")
    with world.database.transaction() as session:
        row = session.scalars(select(Enrollment)).one()
        row.next_step_no = 99
    world.live_until("2026-03-02 10:00")
    listed = run().stdout.splitlines()
    assert "purchase:r1" in listed[0]
    assert "ValueError: a bug of ours" in listed[0]
    assert "follow-up" in listed[1]
    assert listed[2] == "1 events, 1 enrollments, 0 pieces of work in quarantine"
    assert run("retry").returncode == 2
    assert run("retry", "7").returncode == 1
    first = run("retry", listed[0].split()[0])
    assert (first.returncode, first.stdout.splitlines()[-1]) == (0, "1 left the quarantine, 0 stayed")
    second = run("retry", "--all")
    assert (second.returncode, second.stdout.splitlines()[-1]) == (0, "1 left the quarantine, 0 stayed")
    assert run("retry", "--all").stdout.splitlines()[-1] == "0 left the quarantine, 0 stayed"
    told_by_wecom(world)
    assert run("retry", "--all").stdout.splitlines()[0].endswith("is due again")
    assert run().stdout == "0 events, 0 enrollments, 0 pieces of work in quarantine\n"
