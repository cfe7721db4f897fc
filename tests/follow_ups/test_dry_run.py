"""A dry run of the plans in force over a history that was lived tells what was opened, and writes nothing.

What it cannot know is made true here: every task is done on its day, nobody changes hands, the service is never down.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from app import clock
from app.db import Database
from app.errors import Invalid
from app.follow_ups.facts import CODES, facts_of
from app.follow_ups.forecasting import course, staging
from app.follow_ups.forecasting.counting import Counts, Side, Span, most_within
from app.follow_ups.forecasting.facts import Recollection
from app.follow_ups.forecasting.lives import read_lives
from app.follow_ups.forecasting.models import PlanDryRun, PlanDryRunPart
from app.follow_ups.forecasting.runs import JOB, KEPT, ask_for_dry_run, newest_dry_run, next_piece
from app.follow_ups.forecasting.staging import DryRun, cast, member_chunks
from app.follow_ups.forecasting.summary import Summary, fold
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.drafts import check_text, publish_text
from app.follow_ups.plans.reading import read_document
from app.lanes import Deadline
from app.members.models import Member
from app.nightly import run_nightly
from app.stores.queries import stores_by_id
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items
from tests.follow_ups.triggering import KEYS, TriggerWorld, plan_of
from tests.world import PLAN, ROOT, SHANGHAI, at

DAYS = 90
TEXT = (ROOT / "config" / "plans" / "after_purchase.toml").read_text(encoding="utf-8")
Told = dict[tuple[int, str, int], tuple[str, str]]


class LivedWorld(TriggerWorld):
    """A chain in which every task is done as it is opened, as a dry run assumes; that is told in the evening."""

    def put_in_force(self, text: str = TEXT) -> None:
        """The plan after purchases, which this world begins without."""
        with self.database.transaction() as session:
            publish_text(session, text)

    def live_days(self, until: str) -> None:
        while True:
            with self.database.reading() as session:
                now = clock.now(session)
            if now >= at(until):
                return
            evening = now.astimezone(SHANGHAI).replace(hour=23, minute=0, second=0, microsecond=0)
            if evening.astimezone(UTC) <= now:
                evening += timedelta(days=1)
            self.live_to(min(evening.astimezone(UTC), at(until)))
            with self.database.transaction() as session:
                query = select(WorkItem.id, WorkItem.opened_at).where(WorkItem.state == WorkState.OPEN)
                for item_id, opened_at in session.execute(query).all():
                    close_items(session, [item_id], WorkState.DONE, "done", opened_at)

    def recorded(self, since: datetime) -> Told:
        """What really became of the steps decided since then."""
        query = select(Enrollment.member_id, Enrollment.anchor_event, StepRecord).join(
            StepRecord, StepRecord.enrollment_id == Enrollment.id
        )
        with self.database.reading() as session:
            return {
                (member_id, event, record.step_no): (record.outcome, record.reason)
                for member_id, event, record in session.execute(query.where(StepRecord.recorded_at >= since))
            }

    def dry_run(self, document: dict[str, Any], days: int = DAYS) -> DryRun:
        with self.database.reading() as session:
            return DryRun(read_document(document), clock.now(session), days)

    def told(self, run: DryRun, side: Side, span: Span = Span.LAST) -> Told:
        """What the dry run says became of them."""
        with self.database.reading() as session:
            members = list(session.scalars(select(Member.id)))
            return {
                (lived.life.id, one.event, one.step_no): (one.verdict.outcome, one.verdict.reason)
                for its, lived in run.courses(session, KEYS, members)
                if its is side
                for one in lived.became
                if run.spans.of(one.at) is span
            }

    def counts(self, run: DryRun) -> Counts:
        counts = Counts()
        with self.database.reading() as session:
            for members in member_chunks(session, cast(session).store_ids):
                run.try_on(session, KEYS, members, counts)
        return counts

    def rows(self) -> tuple[int, ...]:
        """How many rows of follow-ups there are."""
        with self.database.reading() as session:
            tables = (Enrollment, StepRecord, FollowUpTask, WorkItem)
            return tuple(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables)


@pytest.fixture
def world(database: Database) -> LivedWorld:
    return LivedWorld(database)


def live_a_year(world: LivedWorld, seed: int) -> None:
    """Customers who buy, bring back, come without buying, answer and fall silent, as the dice say."""
    dice = random.Random(seed)
    codes = [f"c{number}" for number in range(6)]
    for code in codes:
        world.member(code, owner=dice.choice(["owner", "owner", None]))
    world.birthday("c0", 6, 20)
    world.birthday("c1", 5, 1, lunar=True)
    day = at("2026-03-02 00:00").astimezone(SHANGHAI)
    for number in range(170):
        for code in codes:
            when = f"{day + timedelta(days=number, hours=dice.randint(9, 22)):%Y-%m-%d %H}:{dice.randint(10, 50)}"
            what = dice.random()
            if what > 0.06:
                continue
            world.live_days(when)
            if what < 0.03:
                ref = world.buy(code, when, price=dice.choice([10_000, 90_000]))
                if dice.random() < 0.3:
                    back = at(when) + timedelta(days=dice.randint(0, 4), hours=1)
                    world.live_days(f"{back.astimezone(SHANGHAI):%Y-%m-%d %H:%M}")
                    price = 10_000
                    world.refund(code, f"{back.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", ref, price=price)
            elif what < 0.05:
                world.happen("visit", code, when, key=when, reason="size")
            else:
                world.happen("reply", code, when, key=when)
    world.live_days("2026-08-25 12:00")


def plans() -> list[dict[str, Any]]:
    """Plans of every sort, among them what asks for facts of the time."""
    bought = {**PLAN, "trigger": {"on": "purchase", "when": "amount >= 50 or orders >= 2"}}
    visit = plan_of("visit", "visit", stops={"purchase": True, "reply": True})
    visit["steps"][1]["when"] = "orders_90d >= 1"
    visit["hold_out"] = 30
    return [
        bought,
        visit,
        plan_of("silence", "silence", days=30),
        plan_of("birthday", "birthday", days=3),
        plan_of("festival", "festival", festival="mid_autumn", days=40),
    ]


def test_a_dry_run_of_what_is_in_force_tells_what_was_lived(world: LivedWorld):
    """Another half year on either database."""
    seed, documents = 1 if world.database.is_sqlite else 3, plans()
    for document in documents:
        world.publish(document)
    live_a_year(world, seed)
    before = world.rows()
    run = world.dry_run(documents[0])
    lived = world.recorded(run.spans.first)
    assert len(lived) > 40
    assert {outcome for outcome, _ in lived.values()} >= {"opened", "merged", "cancelled", "skipped"}
    for side in Side:
        assert world.told(run, side) == lived
    assert world.rows() == before


def test_what_was_known_now_is_what_facts_say_now(world: LivedWorld):
    """The two ways of telling facts agree on the present; what is told of the past is reckoned the same way."""
    for code in ("c1", "c2", "c3"):
        world.member(code)
    ref = world.buy("c1", "2026-02-01 12:00", price=10_000)
    world.buy("c1", "2026-02-20 12:00", price=30_000)
    world.buy("c2", "2026-02-20 12:00")
    world.live_until("2026-03-03 12:00")
    world.refund("c1", "2026-03-03 11:00", ref)
    world.happen("satisfaction", "c1", "2026-03-02 12:00", score=3)
    world.happen("visit", "c2", "2026-03-02 13:00", reason="price", tried=["外套"])
    world.happen("visit", "c2", "2026-03-02 14:00", key="k2", reason="size")
    with world.database.reading() as session:
        now = clock.now(session)
        members = list(session.scalars(select(Member.id)))
        lives = read_lives(session, members, stores_by_id(session), with_lines=True)
        asked = Recollection.read(session, members, CODES, now)
        recalled = {life.id: {term: asked.of(life, now)[term] for term in CODES} for life in lives}
        assert recalled == facts_of(session, members, CODES, now)
        before = asked.of(lives[0], at("2026-02-10 12:00"))
    assert lives[0].bought[0].known_at > at("2026-03-01 09:00"), "the till told of it then"
    assert (before["orders"], before["score"], before["days_since_purchase"]) == (0, None, None)


def test_the_days_to_come_are_told_from_what_has_happened(world: LivedWorld):
    world.put_in_force()
    world.publish(plan_of("festival", "festival", festival="mid_autumn", days=3))
    member_id = world.member("c1")
    world.live_until("2026-08-01 12:00")
    world.buy("c1", "2026-08-01 11:50")
    run = world.dry_run(PLAN)
    coming = world.told(run, Side.NOW, Span.NEXT)
    world.live_days("2026-10-30 12:00")
    assert world.recorded(run.now) == coming
    assert coming[member_id, "purchase:2026-08-01", 5] == ("opened", "due")
    assert {event for _, event, _ in coming} == {"purchase:2026-08-01", "festival:mid_autumn:2026"}


def test_whoever_has_been_silent_for_long_is_found_at_once_when_a_plan_is_published(world: LivedWorld):
    """First a plan there is not yet, then another version of it, which asks nobody again."""
    bought = {"c1": "03-01 08:00", "c2": "03-02 12:00", "c3": "03-04 12:00", "c4": "03-07 11:00"}
    ids = {code: world.member(code) for code in bought}
    for code, when in bought.items():
        world.live_days(f"2026-{when}")
        world.buy(code, f"2026-{when}")
    world.live_days("2026-03-07 12:00")
    first = _publish(world, 4)
    world.live_days("2026-03-09 12:00")
    _came_as_foretold(world, *first, {ids["c1"], ids["c2"]})
    second = _publish(world, 3)
    world.live_days("2026-03-12 12:00")
    _came_as_foretold(world, *second, {ids["c4"]})
    assert Summary(fold(world.counts(world.dry_run(_silence(3), days=9)))).found_at_first() == 0


def _silence(days: int) -> dict[str, Any]:
    plan = plan_of("silence", "silence", days=days)
    for after, step in enumerate(plan["steps"], start=1):
        step |= {"after": f"{after} days", "service": True}
    return plan


def _publish(world: LivedWorld, days: int) -> tuple[datetime, int, Told]:
    """A plan for those silent for so many days; when, how many it was to find at first, and what was to come of it."""
    run = world.dry_run(_silence(days), days=9)
    at_first = Summary(fold(world.counts(run))).found_at_first()
    coming = world.told(run, Side.DRAFT, Span.NEXT)
    world.publish(_silence(days))
    return run.now, at_first, coming


def _came_as_foretold(
    world: LivedWorld, since: datetime, at_first: int, coming: Told, members: set[int]
) -> None:
    lived = {key: what for key, what in world.recorded(since).items() if key[0] in members}
    assert at_first == len(members)
    assert lived == {key: what for key, what in coming.items() if key[0] in members}
    assert {(key[0], key[2]) for key in lived} == {(one, step) for one in members for step in (1, 2)}


def test_a_draft_is_counted_beside_what_is_in_force(world: LivedWorld):
    world.put_in_force()
    for code in ("c1", "c2"):
        world.member(code)
        world.buy(code, "2026-03-01 08:00")
    world.live_days("2026-03-20 12:00")
    draft = {**PLAN, "steps": [PLAN["steps"][0], {**PLAN["steps"][1], "after": "5 days"}]}
    summary = Summary(fold(world.counts(world.dry_run(draft))))
    assert summary.tasks(Side.DRAFT, Span.LAST) == summary.tasks(Side.NOW, Span.LAST) == 4
    assert summary.tasks(Side.DRAFT, Span.NEXT) == 0
    assert summary.tasks(Side.NOW, Span.NEXT) == 6
    assert [row.step_no for row in summary.steps(Span.NEXT)] == [3, 4, 5]
    load = summary.load(Side.DRAFT, Span.LAST, capacity=1)
    assert (load.usual, load.p95, load.most, load.over) == (2, 2, 2, 2)
    assert [(day, tasks) for _, day, tasks in summary.busiest(Span.LAST)] == [
        ("2026-03-01", 2),
        ("2026-03-06", 2),
    ]
    assert summary.touched(Side.DRAFT, Span.LAST, 7, more_than=1) == 2
    assert summary.touched(Side.DRAFT, Span.LAST, 7, more_than=2) == 0
    (store,) = summary.stores(Span.LAST)
    assert (store.tasks, store.busiest, len(store.days)) == (4, 2, 2)
    assert {one["step"] for one in summary.examples} == {1, 2}


def test_a_canary_is_tried_in_its_stores_only(world: LivedWorld):
    member_id = world.member("c1")
    world.buy("c1", "2026-03-01 08:00")
    run = world.dry_run(PLAN)
    assert world.told(run, Side.NOW) == {}
    assert world.told(replace(run, stores=frozenset({1})), Side.DRAFT, Span.NEXT) == {}
    everywhere = world.told(run, Side.DRAFT, Span.NEXT)
    assert everywhere[member_id, "purchase:2026-03-01", 2] == ("opened", "due")


def test_group_sends_count_against_the_quota_of_wecom(world: LivedWorld, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(course, "quota_of", lambda month: 4)
    sent = plan_of("sends", "visit")
    step = {**sent["steps"][0], "channel": "group_send", "service": True}
    sent["steps"] = [{**step, "kind": f"k{days}", "after": f"{days} days"} for days in range(1, 7)]
    for code in ("c1", "c2"):
        world.member(code)
    world.happen("visit", "c1", "2026-03-01 08:00", reason="size")
    world.happen("visit", "c2", "2026-03-27 08:00", reason="size")
    world.live_until("2026-04-05 12:00")
    summary = Summary(fold(world.counts(world.dry_run(sent))))
    assert summary.quota(Side.DRAFT) == [("2026-03", 8, 2), ("2026-04", 2, 0)]
    assert summary.quota(Side.NOW) == []


def test_whoever_has_no_number_is_not_said_to_be_called(world: LivedWorld):
    calls = plan_of("calls", "visit")
    calls["steps"] = [{**calls["steps"][0], "channel": "phone", "service": True}]
    ids = {code: world.member(code) for code in ("c1", "c2")}
    world.know_phone("c1")
    for code in ids:
        world.happen("visit", code, "2026-03-01 08:00", reason="size")
    world.live_until("2026-03-01 12:00")
    told = world.told(world.dry_run(calls), Side.DRAFT, Span.NEXT)
    assert {member_id: verdict for (member_id, _, _), verdict in told.items()} == {
        ids["c1"]: ("opened", "due"),
        ids["c2"]: ("skipped", "no_phone"),
    }


def test_too_many_members_are_tried_in_whole_stores(world: LivedWorld):
    for number in range(3):
        world.member(f"c{number}")
    with world.database.reading() as session:
        whole = cast(session)
        assert (whole.members, whole.is_sample) == (3, False)
        with pytest.raises(Invalid):
            cast(session, ["S9"])


def ask(world: LivedWorld, text: str = TEXT) -> int:
    with world.database.transaction() as session:
        return ask_for_dry_run(session, check_text(session, text), None, None).id


def work(world: LivedWorld) -> None:
    run_nightly(world.database, {JOB: partial(next_piece, keys=KEYS)}, Deadline(60))


def test_a_run_that_is_asked_for_is_done_in_pieces_and_kept(
    world: LivedWorld, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(staging, "AT_ONCE", 2)
    for number in range(5):
        world.member(f"c{number}")
        world.buy(f"c{number}", "2026-03-01 08:00")
    first = ask(world)
    assert ask(world) == first, "the same twice is one run"
    work(world)
    with world.database.reading() as session:
        run = newest_dry_run(session, "after_purchase")
        assert run is not None
        assert (run.members, run.looked_at, run.trouble) == (5, 5, "")
        assert Summary(Counts.read(run.result)).tasks(Side.DRAFT, Span.NEXT) == 20
        assert session.scalars(select(PlanDryRunPart)).all() == []
        whole = world.counts(DryRun(read_document(PLAN), run.began_at or run.asked_at, 90))
        assert Counts.read(run.result).numbers == fold(whole).numbers
    for number in range(7):
        ask(world, TEXT.replace("priority = 90", f"priority = {number}"))
        work(world)
    with world.database.reading() as session:
        assert len(session.scalars(select(PlanDryRun)).all()) == KEPT


def test_a_run_that_cannot_go_on_ends_with_its_trouble_and_holds_no_other_up(world: LivedWorld):
    world.member("c1")
    broken = ask(world)
    with world.database.transaction() as session:
        session.get_one(PlanDryRun, broken).document = "{}"
    good = ask(world, TEXT.replace('"after_purchase"', '"another"'))
    work(world)
    with world.database.reading() as session:
        assert session.get_one(PlanDryRun, broken).trouble
        assert session.get_one(PlanDryRun, good).trouble == ""
        assert session.get_one(PlanDryRun, good).finished_at is not None


@pytest.mark.parametrize(
    ("days", "within", "most"), [([], 7, 0), ([1, 7], 7, 2), ([1, 8], 7, 1), ([1, 1, 5, 9, 10, 11], 7, 4)]
)
def test_the_most_within_so_many_days(days: list[int], within: int, most: int):
    assert most_within([date(2026, 3, day) for day in days], within) == most
