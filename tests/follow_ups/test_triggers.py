"""What starts plans: purchases by their rules, and everything that may happen to a member, each once."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.catalogue.models import Product
from app.db import Database
from app.errors import Invalid
from app.follow_ups.models import Enrollment
from app.follow_ups.plans.releases import release
from app.follow_ups.plans.versions import add_version, publish
from app.follow_ups.series.happenings import join
from app.follow_ups.states import Arm
from app.ids import new_id
from app.inbound.events import Event
from app.intake.sifting import EventStatus
from app.members.models import Member
from app.members.service import lock_members
from app.stores.models import Store
from app.tagging.models import Tag
from app.worklist.models import AttentionBudget
from tests.checker import violations
from tests.follow_ups.triggering import TriggerWorld, happening, plan_of
from tests.world import ROOT, at, purchase, refund


@pytest.fixture
def world(database: Database) -> TriggerWorld:
    return TriggerWorld(database)


def test_the_first_purchase_alone_starts_a_plan_that_asks_for_it(world: TriggerWorld):
    world.publish(plan_of("first", "purchase", when="orders = 1"))
    world.member("c1")
    world.buy("c1", "2026-02-27 14:00")
    world.buy("c1", "2026-02-28 14:00")
    assert world.series() == [("first", "purchase:2026-02-27", "active")]


def test_a_second_purchase_of_the_day_that_makes_the_rule_hold_brings_the_member_in_then(world: TriggerWorld):
    world.publish(plan_of("big", "purchase", when="amount >= 150"))
    world.member("c1")
    world.buy("c1", "2026-02-27 14:00", price=10_000)
    assert world.series() == []
    world.buy("c1", "2026-02-27 18:00", price=10_000)
    assert world.series() == [("big", "purchase:2026-02-27", "active")]
    with world.database.reading() as session:
        assert session.scalars(select(Enrollment.anchor_at)).one() == at("2026-02-27 14:00")


def test_a_category_is_asked_of_the_days_articles(world: TriggerWorld):
    with world.database.transaction() as session:
        session.add(Product(id=new_id(session), sku="SKU1", name="西装", category="外套"))
    world.publish(plan_of("coats", "purchase", when='categories has "外套"'))
    world.publish(plan_of("shirts", "purchase", when='品类 含 "衬衫"'))
    world.member("c1")
    world.buy("c1", "2026-02-27 14:00")
    assert world.series() == [("coats", "purchase:2026-02-27", "active")]


EVENTS: dict[str, dict[str, Any]] = {
    "join": {"via": "till"},
    "after_sales": {"case": "C1"},
    "level_change": {"after": "金卡", "before": "银卡"},
    "unfriended": {"by": "member"},
    "visit": {"reason": "size", "tried": ["SKU1"]},
    "service": {"service": "tailoring"},
    "satisfaction": {"score": 2},
    "review": {"stars": 1},
    "refund": {"ref": "R1", "amount_fen": 100},
}


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_an_event_starts_its_plan_once_however_often_it_is_told(world: TriggerWorld, kind: str):
    world.publish(plan_of("its", kind))
    world.publish(plan_of("others", "visit" if kind != "visit" else "review"))
    world.member("c1")
    for _ in range(3):
        world.happen(kind, "c1", "2026-02-27 14:00", key="7", **EVENTS[kind])
    assert world.series() == [("its", f"event:{kind}:7", "active")]
    world.assert_timers_are_their_owners()


def test_a_rule_may_ask_what_the_event_says_and_what_the_member_is(world: TriggerWorld):
    world.publish(plan_of("sizes", "visit", when='visit_reason = "size" and orders = 0'))
    world.member("c1")
    world.member("c2")
    world.happen("visit", "c1", "2026-02-27 14:00", reason="price")
    world.happen("visit", "c2", "2026-02-27 14:00", reason="size")
    assert world.series("c1") == []
    assert world.series("c2") == [("sizes", "event:visit:k", "active")]


@pytest.mark.parametrize("scores", [(2, 5), (5, 2)])
def test_a_step_asks_what_began_its_series_whatever_was_answered_since(
    world: TriggerWorld, scores: tuple[int, int]
):
    raw = tomllib.loads((ROOT / "config" / "plans" / "satisfaction.toml").read_text(encoding="utf-8"))
    for step in raw["steps"]:
        step |= {"script": "thanks_30m"}
    world.publish(raw)
    world.member("c1")
    world.live_until("2026-03-01 14:00")
    for minute, score in enumerate(scores):
        world.happen("satisfaction", "c1", f"2026-03-01 14:0{minute}", key=f"{score}", score=score)
    world.live_until("2026-03-01 15:00")
    assert [item[:2] for item in world.items("c1")] == [("低分回访", "open")]
    assert violations(world.database) == []


def test_a_gained_tag_starts_the_plans_that_name_it(world: TriggerWorld):
    with world.database.transaction() as session:
        session.add(
            Tag(id=new_id(session), wecom_id="et1", group_id=1, name="羊毛", position=1, ended_at=None)
        )
    world.publish(plan_of("wool", "tag_gained", tag="羊毛"))
    world.publish(plan_of("silk", "tag_gained", tag="丝绸"))
    world.member("c1")
    world.happen("tag_gained", "c1", "2026-02-27 14:00", tag="羊毛", tag_id="et1")
    assert world.series() == [("wool", "event:tag_gained:k", "active")]


def test_a_member_joins_once_by_whatever_way(world: TriggerWorld):
    world.publish(plan_of("welcome", "join"))
    member_id = world.member("c1")
    with world.database.transaction() as session:
        lock_members(session, [member_id])
        store_id = session.scalars(select(Store.id)).one()
        now = at("2026-03-01 09:00")
        assert join(session, member_id, store_id, None, now, now)
        assert not join(session, member_id, store_id, None, now, now)
    told = world.tell(happening("join", "c1", "2026-02-28 11:00", "J1", via="web"))
    assert [one.status for one in told] == [EventStatus.APPLIED]
    assert world.series() == [("welcome", "event:join:join", "active")]


def test_who_is_first_seen_by_a_purchase_has_not_joined(world: TriggerWorld):
    world.publish(plan_of("welcome", "join"))
    world.buy("stranger", "2026-02-27 14:00")
    assert world.series() == []


def test_who_joins_through_a_partner_becomes_a_member_of_that_store_and_associate(world: TriggerWorld):
    world.publish(plan_of("welcome", "join"))
    event = happening("join", "new", "2026-02-28 11:00", "J1")
    world.tell(event)
    with world.database.reading() as session:
        member = session.scalars(select(Member)).one()
    assert (member.name, member.owner_id) == ("new", world.person("owner").id)
    assert world.series("new") == [("welcome", "event:join:join", "active")]


def test_a_refund_is_an_event_of_who_bought(world: TriggerWorld):
    world.publish(plan_of("after_refund", "refund", when="refund_amount >= 50"))
    world.member("c1")
    ref = world.buy("c1", "2026-02-27 14:00")
    world.refund("", "2026-02-28 14:00", ref)
    assert [series[:1] + series[2:] for series in world.series("c1")] == [("after_refund", "active")]


def test_a_refund_told_before_its_purchase_is_an_event_once_the_buyer_is_known(world: TriggerWorld):
    world.publish(plan_of("after_refund", "refund"))
    world.member("c1")
    back = refund("C1", "", at("2026-02-28 14:00"), cancels="r1")
    world.report(back)
    assert world.series() == []
    world.report(purchase("r1", "c1", at("2026-02-27 14:00")))
    assert [series[1] for series in world.series("c1")] == ["event:refund:till:C1"]


def test_history_is_kept_and_starts_nothing(world: TriggerWorld):
    world.publish(plan_of("after_refund", "refund"))
    world.member("c1")
    bought = purchase("r1", "c1", at("2026-02-27 14:00"))
    world.report(bought, refund("C1", "c1", at("2026-02-28 14:00"), cancels="r1"), enrolls=False)
    assert world.series() == []


def test_the_store_decides_which_version_a_member_enters(world: TriggerWorld):
    everywhere = world.publish(plan_of("reviews", "review"))
    with world.database.transaction() as session:
        store_id = session.scalars(select(Store.id)).one()
        canary, _ = add_version(session, plan_of("reviews", "review", when="stars <= 2"))
        release(session, canary.plan_id, canary.id, store_ids=[store_id])
    world.member("c1")
    world.happen("review", "c1", "2026-02-27 14:00", key="good", stars=5)
    world.happen("review", "c1", "2026-02-27 15:00", key="bad", stars=1)
    assert world.series() == [("reviews", "event:review:bad", "active")]
    with world.database.reading() as session:
        entered = session.scalars(select(Enrollment.plan_version_id)).one()
    assert entered == canary.id != everywhere.id


def test_the_arm_is_drawn_on_entering_and_those_held_out_enter_like_others(world: TriggerWorld):
    with world.database.transaction() as session:
        session.get_one(AttentionBudget, 1).hold_out_per_mille = 1000
    world.publish(plan_of("reviews", "review"))
    world.member("c1")
    world.happen("review", "c1", "2026-02-27 14:00", stars=1)
    with world.database.reading() as session:
        assert session.scalars(select(Enrollment.arm)).one() == Arm.GLOBAL_HOLD_OUT
    assert world.series() == [("reviews", "event:review:k", "active")]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"trigger": {"on": "review", "when": "starz <= 2"}}, "trigger.when"),
        ({"trigger": {"on": "festival", "festival": "moon"}}, "trigger.festival"),
        ({"code": "global"}, "code"),
    ],
)
def test_a_plan_whose_rule_cannot_be_read_is_not_published(world: TriggerWorld, change: Any, place: str):
    with pytest.raises(Invalid) as refused, world.database.transaction() as session:
        publish(session, plan_of("p", "review") | change)
    assert refused.value.place == place


def test_the_step_whose_rule_cannot_be_read_is_named(world: TriggerWorld):
    document = plan_of("p", "review")
    document["steps"][1]["when"] = "score <"
    with pytest.raises(Invalid) as refused, world.database.transaction() as session:
        publish(session, document)
    assert refused.value.place == "steps[2].when"
    assert refused.value.details["rule"] == "score <"


TOLD: list[Event] = [
    happening("visit", "c1", "2026-02-20 14:00", "V1", reason="size"),
    happening("visit", "c1", "2026-02-26 14:00", "V2", reason="price"),
    happening("satisfaction", "c2", "2026-02-24 20:00", "A1", score=2),
    happening("satisfaction", "c2", "2026-02-25 20:00", "A2", score=5),
    happening("join", "c3", "2026-02-19 11:00", "J1", via="web"),
    happening("review", "c1", "2026-02-22 11:00", "R1", stars=1),
    purchase("r1", "c1", at("2026-02-24 15:00")),
    purchase("r2", "c2", at("2026-02-25 12:00"), price=6_000),
    purchase("r3", "c2", at("2026-02-25 18:00"), price=6_000),
    refund("C1", "c1", at("2026-02-25 11:00"), cancels="r1"),
]
PLANS = [
    plan_of("visits", "visit", stops={"purchase": True}),
    plan_of("low", "satisfaction", when="score <= 3"),
    plan_of("welcome", "join"),
    plan_of("reviews", "review", stops={"refund": "none"}),
    plan_of("refunds", "refund"),
    plan_of("bought", "purchase", when="amount >= 100", stops={"refund": "part"}),
]
# V1 ends by the purchase of the 24th; V2 came after it. The day of 12,000 fen is one only with both its receipts.
EXPECTED = [
    ("welcome", "event:join:join", "active"),
    ("visits", "event:visit:till:V1", "bought"),
    ("reviews", "event:review:till:R1", "active"),
    ("low", "event:satisfaction:till:A1", "active"),
    ("refunds", "event:refund:till:C1", "active"),
    ("bought", "purchase:2026-02-25", "active"),
    ("visits", "event:visit:till:V2", "active"),
]


def test_told_in_any_order_and_repeated_the_same_members_are_in_the_same_plans(
    new_database_url: Callable[[], str], database_kind: str
):
    @settings(
        max_examples=15 if database_kind == "sqlite" else 4,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        order=st.permutations(range(len(TOLD))),
        cuts=st.sets(st.integers(1, len(TOLD) - 1), max_size=3),
        again=st.lists(st.sampled_from(range(len(TOLD))), max_size=5),
    )
    def lives(order: list[int], cuts: set[int], again: list[int]) -> None:
        database = Database(new_database_url())
        world = TriggerWorld(database)
        for document in PLANS:
            world.publish(document)
        told = [TOLD[index] for index in (*order, *again)]
        edges = [0, *sorted(cuts), len(told)]
        for start, end in pairwise(edges):
            world.tell(*told[start:end])
        found = world.series()
        world.assert_timers_are_their_owners()
        database.close()
        bought = ("bought", "purchase:2026-02-24", "refunded")
        assert sorted(series for series in found if series != bought) == sorted(EXPECTED)

    lives()
