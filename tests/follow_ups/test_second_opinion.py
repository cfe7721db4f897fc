"""The second opinion knows every way into a plan, says what it cannot know, and what it misses can be mended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, text, update

from app import clock
from app.db import Database
from app.follow_ups.models import Enrollment
from app.follow_ups.plans.releases import release
from app.follow_ups.plans.versions import publish
from app.follow_ups.reconciliation import Report, reconcile
from app.follow_ups.reconciling.mending import Mended
from app.follow_ups.reconciling.models import ReconciliationGap
from app.follow_ups.reconciling.repairing import ask_to_mend
from app.follow_ups.reconciling.report import Became
from app.follow_ups.reconciling.runs import JOB, ask_for_run, newest_run, next_piece
from app.follow_ups.series.happenings import happen
from app.follow_ups.series.sweeping import sweep_due
from app.inbound.models import INTERNAL, Inbound, InboundState
from app.intake.inbox import apply_received
from app.intake.own_events import own_handlers
from app.lanes import Deadline
from app.member_events.models import MemberEventKind
from app.member_events.service import NewEvent
from app.members.dates import PURPOSE, NewDate, YearlyDay, seal_day, write_dates
from app.members.models import DateCalendar, DateKind, Member
from app.members.service import lock_members, members_by_code
from app.nightly import run_nightly
from app.sales_scripts.models import SalesScript
from app.sealing import Keyring
from app.worklist.editing import set_hold_out
from app.worklist.models import SeenTouch
from scripts.commands.reconcile import NAMES, describe_by
from tests.follow_ups.test_attention import assert_sound, buy_at_two, replace_plan, set_budget
from tests.intake.wecom_inbox import NOBODY
from tests.world import PLAN, World, at

KEYS = Keyring(("not a secret of anybody's",), PURPOSE)
TODAY = date(2026, 3, 4)


def document(code: str, trigger: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A plan of two days' steps."""
    steps = [dict(step, after=f"{number} days") for number, step in enumerate(PLAN["steps"][1:3], start=1)]
    return {**PLAN, "code": code, "name": code, "trigger": trigger, "steps": steps, **changes}


DOCUMENTS = (
    document("after_visit", {"on": "visit"}, stops={"hand_over": True}),
    document("unsatisfied", {"on": "satisfaction", "when": "score <= 2"}),
    document("anniversary_of_the_house", {"on": "dates", "dates": [TODAY]}),
    document("birthdays", {"on": "birthday", "days": 1}),
    document("of_a_tag", {"on": "visit", "when": "tags has 'VIP'"}),
    document("silent", {"on": "silence", "days": 2}),
)


@pytest.fixture
def world(database: Database) -> World:
    """On the third day one member has been in every plan but those whose rule does not hold."""
    built = World(database)
    member_id = built.member("c1")
    with database.transaction() as session:
        for raw in DOCUMENTS:
            publish(session, raw)
        lock_members(session, [member_id])
        day = seal_day(KEYS, DateKind.BIRTHDAY, YearlyDay(DateCalendar.SOLAR, 3, 5, 1990), "salt")
        write_dates(session, [NewDate(member_id, DateKind.BIRTHDAY, day, 1, at("2026-03-01 09:00"))])
    built.live_until("2026-03-01 14:00")
    built.buy("c1", "2026-03-01 13:30")
    tell(built, MemberEventKind.VISIT, {"reason": "size"})
    tell(built, MemberEventKind.SATISFACTION, {"score": 1})
    for on in ("02", "03", "04"):
        built.live_until(f"2026-03-{on} 00:01")
        sweep_due(database, KEYS, Deadline(60))
    built.live_until("2026-03-04 11:00")
    return built


def tell(world: World, kind: MemberEventKind, data: Mapping[str, Any]) -> None:
    with world.database.transaction() as session:
        member_id = members_by_code(session, ["c1"])["c1"]
        member = session.get_one(Member, member_id)
        when = at("2026-03-01 13:50")
        lock_members(session, [member_id])
        event = NewEvent(
            member_id,
            kind,
            f"k-{kind}",
            member.store_id,
            None,
            when,
            date(2026, 3, 1),
            time_known=True,
            data=data,
        )
        assert happen(session, [event], at("2026-03-01 14:00"))


def look(world: World, keys: Keyring | None = KEYS) -> Report:
    with world.database.reading() as session:
        return reconcile(session, with_books=False, keys=keys)


def series_of(world: World, anchor: str) -> int:
    """The series that began by an event of this name."""
    with world.database.reading() as session:
        its = text("SELECT id FROM enrollments WHERE anchor_event LIKE :anchor")
        return int(session.execute(its, {"anchor": f"{anchor}%"}).scalar_one())


def by_hand(world: World, *statements: str) -> None:
    """What an operator should not do."""
    with world.database.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def lose(world: World, anchor: str) -> None:
    """A series with all that hangs on it."""
    row_id = series_of(world, anchor)
    by_hand(
        world,
        f"DELETE FROM timers WHERE subject_id = {row_id}",
        f"DELETE FROM step_records WHERE enrollment_id = {row_id}",
        f"DELETE FROM enrollments WHERE id = {row_id}",
    )


def test_whatever_put_the_member_into_a_plan_it_balances(world: World):
    report = look(world)
    assert report.balances, (report.missing, report.unexplained, report.alarms)
    assert not report.differs, report.differs
    assert report.owed == 5 + 5 * 2
    assert report.unverifiable == 0


WAYS = ("event:visit", "event:satisfaction", "date:", "birthday:", "silence:", "purchase:")


@pytest.mark.parametrize("anchor", WAYS)
def test_a_series_that_is_lost_is_missing_whatever_began_it(world: World, anchor: str):
    lose(world, anchor)
    report = look(world)
    assert {one.what for one in report.missing} == {"no enrollment"}
    assert len(report.missing) == (5 if anchor == "purchase:" else 2)
    assert report.missing[0].kind == {"date": "dates"}.get(
        anchor.strip(":"), anchor.split(":")[-1] or anchor[:-1]
    )


def test_without_the_key_birthdays_are_taken_on_trust(world: World):
    report = look(world, keys=None)
    assert report.balances
    assert report.unverifiable == 2


def test_a_rule_that_asks_what_may_have_changed_is_taken_on_trust(world: World):
    """Nobody knows which tags the member carried then: a series that is there counts, none is missed."""
    with world.database.reading() as session:
        plan_id = session.execute(text("SELECT id FROM follow_up_plans WHERE code = 'of_a_tag'")).scalar_one()
        version_id = session.execute(
            text(f"SELECT id FROM plan_versions WHERE plan_id = {plan_id}")
        ).scalar_one()
    visit = series_of(world, "event:visit")
    by_hand(
        world,
        f"UPDATE enrollments SET plan_id = {plan_id}, plan_version_id = {version_id} WHERE id = {visit}",
    )
    report = look(world)
    assert report.unverifiable == 2
    assert {one.what for one in report.missing} == {"no enrollment"}
    assert not report.unexplained


def test_who_comes_after_a_plan_was_withdrawn_is_owed_nothing(world: World):
    with world.database.transaction() as session:
        plan_id = session.execute(
            text("SELECT id FROM follow_up_plans WHERE code = 'after_purchase'")
        ).scalar_one()
        release(session, plan_id, None)
    owed = look(world).owed
    world.live_until("2026-03-04 14:00")
    world.buy("c1", "2026-03-04 13:30")
    report = look(world)
    assert report.balances, (report.missing, report.unexplained)
    assert report.owed == owed


BROKEN: dict[str, Callable[[int], str]] = {
    "wrong arm": lambda row_id: f"UPDATE enrollments SET arm = 'plan_hold_out' WHERE id = {row_id}",
    "quiet hours": lambda row_id: (
        "UPDATE work_items SET opened_at = '2026-03-02 19:00:00.000000' WHERE id IN "
        f"(SELECT work_item_id FROM follow_up_tasks WHERE enrollment_id = {row_id})"
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_limit_that_was_broken_is_an_alarm(world: World, fault: str):
    by_hand(world, BROKEN[fault](series_of(world, "purchase:")))
    report = look(world)
    assert fault in {one.fault for one in report.alarms}
    assert not report.balances


def test_one_too_many_is_an_alarm(world: World):
    """Nobody opened too much, so the budget is made smaller behind everybody's back."""
    world.live_until("2026-04-30 00:00")
    assert look(world).balances
    by_hand(world, "UPDATE attention_budget SET cap_touches = 0")
    assert {one.fault for one in look(world).alarms} == {"over the cap"}
    by_hand(world, "UPDATE attention_budget SET edited_at = '2026-05-01 00:00:00.000000'")
    assert not look(world).alarms, "what was allowed then is no alarm now"


def run(world: World) -> None:
    """Asked for, and done as in a night."""
    with world.database.transaction() as session:
        ask_for_run(session, None)
    run_nightly(world.database, {JOB: partial(next_piece, keys=KEYS)}, Deadline(60))


def gaps(world: World) -> list[ReconciliationGap]:
    with world.database.reading() as session:
        done = newest_run(session)
        assert done is not None
        its = ReconciliationGap.run_id == done.id
        query = select(ReconciliationGap).where(its, ReconciliationGap.kind == Became.MISSING)
        return list(session.scalars(query.order_by(ReconciliationGap.id)))


def repair(world: World, gap: ReconciliationGap) -> Mended:
    """Asked for, and done by the inbox lane; what it came to."""
    with world.database.transaction() as session:
        ask_to_mend(session, gap.id, None)
    apply_received(world.database, NOBODY, own_handlers(KEYS), Deadline(60))
    with world.database.reading() as session:
        asked = select(Inbound.state).where(Inbound.source == INTERNAL)
        assert set(session.scalars(asked)) == {InboundState.APPLIED}
        return Mended(session.get_one(ReconciliationGap, gap.id).outcome)


@pytest.mark.parametrize("anchor", WAYS)
def test_a_lost_series_is_put_through_again_once(world: World, anchor: str):
    lose(world, anchor)
    run(world)
    first = gaps(world)[0]
    assert repair(world, first) is Mended.MENDED
    assert repair(world, first) is Mended.GONE, "twice changes nothing more"
    report = look(world)
    assert report.accounts, (report.missing, report.unexplained, report.alarms)
    world.assert_timers_are_their_owners()
    run(world)
    assert gaps(world) == []


@pytest.mark.parametrize("with_records", [True, False])
def test_what_was_done_stays_done_in_a_series_that_is_put_through_again(world: World, with_records: bool):
    """Only its own row is lost, or its records too: its tasks say what was asked, its timer what was to come."""
    row_id = series_of(world, "purchase:")
    tasks = text("SELECT id, step_no, evidence FROM follow_up_tasks ORDER BY id")
    with world.database.reading() as session:
        before = session.execute(tasks).all()
        settled = text(f"SELECT MAX(step_no) FROM step_records WHERE enrollment_id = {row_id}")
        last = session.execute(settled).scalar_one()
    by_hand(world, f"DELETE FROM enrollments WHERE id = {row_id}")
    if not with_records:
        by_hand(world, f"DELETE FROM step_records WHERE enrollment_id = {row_id}")
    run(world)
    assert repair(world, gaps(world)[0]) is Mended.MENDED
    report = look(world)
    assert report.accounts, (report.missing, report.unexplained, report.alarms)
    world.assert_timers_are_their_owners()
    world.run_lanes()
    with world.database.reading() as session:
        assert session.execute(tasks).all() == before
        assert session.get_one(Enrollment, series_of(world, "purchase:")).next_step_no == last + 1


UNFOUNDED = {
    "late for a pause there was not": "reason = 'after_pause'",
    "a cap nobody reached": "outcome = 'skipped', reason = 'member_cap', task_id = NULL",
    "a hold-out nobody drew": "outcome = 'withheld', reason = 'plan_hold_out', task_id = NULL",
    "one with a task there is not": "outcome = 'merged', reason = 'same_day', task_id = 7",
    "a step to come that it gave way to": "outcome = 'skipped', reason = 'gave_way', task_id = NULL",
    "a pause there was not": "outcome = 'expired', reason = 'paused', task_id = NULL",
    "an end that was not": "outcome = 'expired', reason = 'too_late', task_id = NULL",
    "a rule the step does not have": "outcome = 'skipped', reason = 'condition', task_id = NULL",
    "a quota of another channel": "outcome = 'skipped', reason = 'quota_full', task_id = NULL",
    "who never opted out": "outcome = 'skipped', reason = 'opted_out', task_id = NULL",
    "who never changed hands": "outcome = 'cancelled', reason = 'handed_over', task_id = NULL",
    "words that a person finds": "outcome = 'skipped', reason = 'no_words', task_id = NULL",
    "a moment that is none": "outcome = 'skipped', reason = 'seen_by_all', task_id = NULL",
}


def test_what_holds_a_step_back_is_borne_out_by_what_everybody_can_see(database: Database):
    """A moment somebody saw, a share that is held out of everything, a script that knows too little."""
    world = World(database)
    replace_plan(
        world,
        {"after": "1 days", "valid": "1 days"},
        {"after": "2 days", "channel": "moment"},
        {"after": "3 days", "channel": "group_send", "service": True},
    )
    set_budget(world, cap_touches=1)
    member_id = buy_at_two(world)
    with database.transaction() as session:
        session.add(SeenTouch(member_id=member_id, source_id=77, seen_at=clock.now(session)))
        set_hold_out(session, 1, world.person("manager").id, instead_of=0)
        session.execute(update(SalesScript).values(body="{nobody_knows}"))
    world.live_until("2026-03-05 12:00")
    assert list(world.steps("c1").values()) == [
        "skipped member_cap",
        "skipped seen_by_all",
        "skipped no_words",
    ]
    assert_sound(world)
    report = look(world)
    assert not report.differs
    assert report.trusted.total() == 1, "that words were missing is taken on trust"
    by_hand(world, "DELETE FROM seen_touches", "DELETE FROM hold_out_shares")
    assert len(look(world).alarms) == 2


def test_a_reason_that_nothing_bears_out_is_an_alarm(world: World):
    row_id = series_of(world, "event:visit")
    its = f"enrollment_id = {row_id} AND step_no = 1"
    for what, changes in UNFOUNDED.items():
        by_hand(world, f"UPDATE step_records SET {changes} WHERE {its}")
        assert {one.fault for one in look(world).alarms} == {"unfounded"}, what


LOST = {
    "timer": ("DELETE FROM timers WHERE subject_id = {row_id}", Mended.MENDED),
    "expiry": ("DELETE FROM timers WHERE lane = 'expiry'", Mended.MENDED),
    "record": (
        "DELETE FROM step_records WHERE task_id IS NOT NULL AND outcome = 'opened' AND enrollment_id = {row_id}",
        Mended.MENDED,
    ),
    "task": ("DELETE FROM follow_up_tasks WHERE enrollment_id = {row_id}", Mended.CANNOT),
}


@pytest.mark.parametrize("what", LOST)
def test_what_can_be_told_from_what_is_left_is_mended(world: World, what: str):
    statement, outcome = LOST[what]
    by_hand(world, statement.format(row_id=series_of(world, "purchase:")))
    run(world)
    found = gaps(world)
    assert found
    said = {repair(world, gap) for gap in found}
    assert outcome in said
    assert said <= {outcome, Mended.GONE}
    assert look(world).accounts == (outcome is Mended.MENDED)


def test_a_run_in_pieces_counts_what_one_look_does(world: World):
    run(world)
    report = look(world)
    with world.database.reading() as session:
        done = newest_run(session)
        assert done is not None
        counted = session.execute(text("SELECT SUM(steps) FROM reconciliation_counts")).scalar_one()
    assert (done.owed, done.looked_at, done.missing) == (report.owed, 1, 0)
    assert int(counted) == report.owed


def test_of_old_runs_the_totals_stay(world: World):
    for _ in range(3):
        run(world)
    with world.database.reading() as session:
        runs = session.execute(text("SELECT COUNT(*) FROM reconciliations")).scalar_one()
        detailed = session.execute(
            text("SELECT COUNT(DISTINCT run_id) FROM reconciliation_counts")
        ).scalar_one()
    assert (runs, detailed) == (3, 2)


def test_who_is_held_out_and_was_asked_about_is_an_alarm(world: World):
    """The plan's share says everybody; the documents are changed behind everybody's back."""
    name, held_out = '"name":"购后跟进"', '"hold_out": 100,"name":"购后跟进"'
    by_hand(world, f"UPDATE plan_versions SET document = REPLACE(document, '{name}', '{held_out}')")
    found = {(one.fault, one.step_no) for one in look(world).alarms}
    assert found == {("wrong arm", 0), ("held out", 1), ("held out", 2)}


def test_the_balance_is_told_by_plan_store_and_day(world: World):
    report = look(world)
    with world.database.reading() as session:
        names = dict(session.execute(NAMES["plan"]).all())
    told = describe_by(report, "plan", names).splitlines()
    assert len(told) == 6
    assert all(line.startswith("plan ") for line in told)
    assert "day 2026-03-01: owed 1 = " in describe_by(report, "day", {})
