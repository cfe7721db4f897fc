"""Plans of the calendar: whom they find on which day, resumable, by each store's own clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.aside import all_aside
from app.db import Database
from app.follow_ups.models import PlanSweep
from app.follow_ups.plans.versions import Version
from app.follow_ups.reconciliation import reconcile
from app.follow_ups.series.entering import Entry, enter
from app.follow_ups.series.sweeping import sweep_chunk
from app.follow_ups.taking_up import ask_to_take_up
from app.ids import new_id
from app.inbound.events import DateReported
from app.intake.inbox import apply_received
from app.intake.own_events import own_handlers
from app.intake.service import apply_events
from app.lanes import Deadline
from app.members.dates import PURPOSE, YearlyDay, seal_day
from app.members.models import DateCalendar, DateKind, Member, MemberDate
from app.sealing import Keyring
from app.stores.models import Store
from app.worklist.attention import pause, resume
from tests.follow_ups.triggering import KEYS, TriggerWorld, plan_of
from tests.intake.wecom_inbox import NOBODY
from tests.world import SOURCE, at, purchase


@pytest.fixture
def world(database: Database) -> TriggerWorld:
    return TriggerWorld(database)


def test_birthdays_are_found_days_before_once_a_year_and_by_their_calendar(world: TriggerWorld):
    world.publish(plan_of("birthdays", "birthday", days=3))
    for code, month, day, lunar in (("c1", 3, 5, False), ("c2", 1, 18, True), ("c3", 3, 6, False)):
        world.member(code)
        world.birthday(code, month, day, lunar=lunar)
    world.live_until("2026-03-02 12:00")  # three days before 5 March, the 17th of the first lunar month
    assert world.series() == [("birthdays", "birthday:2026", "active")]
    world.live_until("2026-03-03 12:00")
    assert sorted(map(world.series, ("c1", "c2", "c3"))) == [[("birthdays", "birthday:2026", "active")]] * 3
    assert world.sweeps()[-1] == ("2026-03-04", False)
    world.assert_timers_are_their_owners()


def test_nobody_reads_a_birthday_from_the_tables_and_a_new_secret_still_finds_it(world: TriggerWorld):
    world.member("c1")
    world.birthday("c1", 3, 5)
    newer = Keyring(["a new secret", "a secret of the tests"], PURPOSE)
    with world.database.transaction() as session:
        row = session.scalars(select(MemberDate)).one()
        assert "03-05" not in row.sealed + row.day_index
        assert newer.open(row.kind, row.sealed) == "---03-05"
        assert Keyring(["a new secret"], PURPOSE).open(row.kind, row.sealed) is None
        clock.jump_to(session, at("2026-03-05 01:00"))
    world.publish(plan_of("birthdays", "birthday"))
    with world.database.transaction() as session:
        assert sweep_chunk(session, newer, 10)
    assert world.series() == [("birthdays", "birthday:2026", "active")]


def test_the_birthday_reported_last_counts_in_whatever_order(world: TriggerWorld):
    world.member("c1")
    world.birthday("c1", 3, 5, told="2026-02-02 09:00")
    world.birthday("c1", 3, 9, told="2026-02-01 09:00")
    world.publish(plan_of("birthdays", "birthday"))
    world.live_until("2026-03-10 09:00")
    with world.database.reading() as session:
        assert session.scalars(select(PlanSweep.sweep_on).where(PlanSweep.enrolled > 0)).all() == [
            date(2026, 3, 5)
        ]


def test_silence_counts_days_since_the_last_purchase_and_a_purchase_ends_it(world: TriggerWorld):
    world.publish(plan_of("silence", "silence", days=30, stops={"purchase": True}))
    for code, day in (("c1", "2026-02-10"), ("c2", "2026-02-11")):
        world.member(code)
        world.buy(code, f"{day} 23:30")
    world.live_until("2026-03-12 12:00")
    assert world.series("c1") == [("silence", "silence:2026-02-10", "active")]
    assert world.series("c2") == []
    world.live_until("2026-03-13 12:00")
    assert world.series("c2") == [("silence", "silence:2026-02-11", "active")]
    world.buy("c2", "2026-03-13 11:00")
    assert world.series("c2") == [("silence", "silence:2026-02-11", "bought")]
    world.assert_timers_are_their_owners()


def test_a_silence_is_asked_about_once_however_late_it_is_found(world: TriggerWorld):
    """Who has been silent for long when the plan begins, and of whom that is told late; a purchase begins another."""
    for code in ("c1", "c2", "c3"):
        world.member(code)
    world.buy("c1", "2026-01-10 14:00")
    world.publish(plan_of("silence", "silence", days=30))
    world.live_until("2026-03-03 12:00")
    assert world.series("c1") == [("silence", "silence:2026-01-10", "active")]
    apply_events(
        world.database, SOURCE, [purchase("h2", "c2", at("2026-01-05 14:00"))], enrolls=False
    )  # imported as history
    world.buy("c1", "2026-01-20 14:00")  # told late, and before the member was asked
    world.live_until("2026-03-05 12:00")
    assert world.series("c2") == [("silence", "silence:2026-01-05", "active")]
    assert len(world.series("c1")) == 1
    world.publish(plan_of("silence", "silence", days=20))
    world.buy("c2", "2026-03-05 11:00")
    world.live_until("2026-03-26 12:00")
    assert [event for _, event, _ in world.series("c2")] == ["silence:2026-01-05", "silence:2026-03-05"]
    assert len(world.series("c1")) == 1
    assert world.series("c3") == []
    assert_it_balances(world)


def test_a_birthday_told_on_the_day_itself_is_wished_for(world: TriggerWorld):
    world.publish(plan_of("birthdays", "birthday", days=2))
    for code in ("c1", "c2", "c3"):
        world.member(code)
    world.live_until("2026-03-05 12:00")
    for code, day in (("c1", 5), ("c2", 7), ("c3", 4)):
        day_told = seal_day(KEYS, DateKind.BIRTHDAY, YearlyDay(DateCalendar.SOLAR, 3, day), code)
        told = DateReported(
            f"b{code}",
            "birthday",
            "S1",
            code,
            at("2026-03-05 11:00"),
            time_known=True,
            calendar="solar",
            sealed=day_told.sealed,
            day_index=day_told.day_index,
        )
        assert [one.status for one in world.tell(told)] == ["applied"]
    apply_received(world.database, NOBODY, own_handlers(KEYS), Deadline(60))
    found = [world.series(code) for code in ("c1", "c2", "c3")]
    assert found == [[("birthdays", "birthday:2026", "active")]] * 2 + [[]]
    world.live_until("2026-03-12 12:00")
    assert_it_balances(world)


def test_a_member_who_cannot_enter_holds_nobody_up_and_is_taken_up_again(
    world: TriggerWorld, monkeypatch: pytest.MonkeyPatch
):
    world.publish(plan_of("sale", "dates", dates=["2026-03-01"]))
    for number in range(5):
        world.member(f"c{number}")
    poisoned = world.member("poison")

    def fails_for_one(session: Session, version: Version, entries: Sequence[Entry], *rest: Any) -> None:
        if poisoned in {entry.member_id for entry in entries}:
            raise KeyError("what this member says")
        enter(session, version, entries, *rest)

    monkeypatch.setattr("app.follow_ups.series.sweeping.enter", fails_for_one)
    world.sweep()
    assert len(world.series()) == 5
    with world.database.transaction() as session:
        (aside,) = all_aside(session)
        assert (aside.lane, aside.member_id, aside.reason) == (
            "sweep",
            poisoned,
            "KeyError: 'what this member says'",
        )
        ask_to_take_up(session, aside.id, None)
    monkeypatch.undo()
    apply_received(world.database, NOBODY, own_handlers(KEYS), Deadline(60))
    assert len(world.series()) == 6
    with world.database.reading() as session:
        assert all_aside(session) == []


def test_a_day_on_which_nobody_can_be_looked_for_is_set_aside(
    world: TriggerWorld, monkeypatch: pytest.MonkeyPatch
):
    world.publish(plan_of("sale", "dates", dates=["2026-03-01"]))
    world.member("c1")

    def fails(*_: object) -> None:
        raise ValueError("no such calendar")

    monkeypatch.setattr("app.follow_ups.series.sweeping.candidates", fails)
    world.sweep()
    assert world.sweeps() == [("2026-03-01", False)]
    with world.database.transaction() as session:
        (aside,) = all_aside(session)
        ask_to_take_up(session, aside.id, None)
    monkeypatch.undo()
    apply_received(world.database, NOBODY, own_handlers(KEYS), Deadline(60))
    world.sweep()
    assert world.series("c1") == [("sale", "date:2026-03-01", "active")]


def assert_it_balances(world: TriggerWorld) -> None:
    with world.database.reading() as session:
        report = reconcile(session, with_books=False, keys=KEYS)
    assert report.balances, (report.missing, report.unexplained, report.alarms)
    assert not report.differs, report.differs


def test_dates_and_festivals_concern_those_for_whom_the_rule_holds(world: TriggerWorld):
    world.publish(plan_of("sale", "dates", dates=["2026-03-03"], days=1, when="orders >= 1"))
    world.publish(plan_of("lanterns", "festival", festival="lantern", days=1))
    world.member("c1")
    world.member("c2")
    world.buy("c1", "2026-02-27 14:00")
    world.live_until("2026-03-02 12:00")
    both = [("sale", "date:2026-03-03", "active"), ("lanterns", "festival:lantern:2026", "active")]
    assert sorted(world.series("c1")) == sorted(both)
    assert world.series("c2") == both[1:]


def test_a_sweep_goes_on_where_it_stopped_and_looking_twice_changes_nothing(world: TriggerWorld):
    world.publish(plan_of("sale", "dates", dates=["2026-03-01"]))
    for number in range(7):
        world.member(f"c{number}")
    with world.database.transaction() as session:
        assert sweep_chunk(session, KEYS, 3)
    assert len(world.series()) == 3
    assert world.sweeps() == [("2026-03-01", False)]
    with world.database.transaction() as session:
        session.scalars(select(PlanSweep)).one().cursor = 0
    world.sweep()
    assert len(world.series()) == 7
    assert world.sweeps() == [("2026-03-01", True), ("2026-03-02", False)]


def test_days_that_were_missed_are_swept_one_after_the_other(world: TriggerWorld):
    world.publish(plan_of("birthdays", "birthday"))
    for code, day in (("c1", 3), ("c2", 5), ("c3", 9)):
        world.member(code)
        world.birthday(code, 3, day)
    world.sleep_until("2026-03-07 15:00")
    world.run_lanes()
    assert [day for day, _ in world.sweeps()] == [f"2026-03-0{day}" for day in range(1, 9)]
    assert world.sweeps()[-1] == ("2026-03-08", False)
    assert [len(world.series(code)) for code in ("c1", "c2", "c3")] == [1, 1, 0]
    assert world.steps("c1")[date(2026, 3, 3), 1] == "expired before_start"


def test_withdrawing_ends_the_looking_and_publishing_again_begins_it_that_day(world: TriggerWorld):
    version = world.publish(plan_of("birthdays", "birthday"))
    world.live_until("2026-03-02 12:00")
    world.withdraw(version.plan_id)
    assert world.sweeps() == [("2026-03-01", True), ("2026-03-02", True), ("2026-03-03", False)]
    world.live_until("2026-03-08 12:00")
    assert len(world.sweeps()) == 3
    world.publish(plan_of("birthdays", "birthday", days=2))
    world.live_until("2026-03-09 12:00")
    assert [day for day, _ in world.sweeps()][-2:] == ["2026-03-09", "2026-03-10"]


def test_publishing_anew_sets_no_second_sweep(world: TriggerWorld):
    for days in (0, 1, 2):
        world.publish(plan_of("birthdays", "birthday", days=days))
    assert world.sweeps() == [("2026-03-01", False)]


def test_a_day_begins_where_it_begins_first_and_is_told_by_each_stores_clock(world: TriggerWorld):
    world.member("c1")
    member_id = world.member("c2")
    with world.database.transaction() as session:
        first = session.scalars(select(Store)).one()
        session.add(
            Store(
                id=new_id(session),
                code="NZ",
                branch_id=first.branch_id,
                name="奥克兰店",
                time_zone="Pacific/Auckland",
                currency="NZD",
                opens_at=time(10),
                closes_at=time(22),
                ended_at=None,
            )
        )
        session.flush()
        there = session.scalars(select(Store.id).where(Store.code == "NZ")).one()
        session.get_one(Member, member_id).store_id = there
    world.publish(plan_of("silence", "silence", days=1))
    for code in ("c1", "c2"):  # the 28th in Shanghai, the 1st in Auckland
        world.buy(code, "2026-02-28 20:00")
    world.live_until("2026-03-01 23:00")
    assert [day for day, is_over in world.sweeps() if is_over] == ["2026-03-01", "2026-03-02"]
    assert world.series("c1") == [("silence", "silence:2026-02-28", "active")]
    assert world.series("c2") == [("silence", "silence:2026-03-01", "active")]


def test_while_headquarters_has_paused_everything_nobody_is_looked_for(world: TriggerWorld):
    world.publish(plan_of("sale", "dates", dates=["2026-03-01"]))
    world.member("c1")
    with world.database.transaction() as session:
        pause(session, None)
    assert world.sweep() == 0
    with world.database.transaction() as session:
        resume(session, None)
    world.sweep()
    assert len(world.series()) == 1
