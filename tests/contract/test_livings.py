"""Lives (直播): reserving, changing, watching, sharing (facts 3.18, 4.3)."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from app.wecom.apis.livings import LivingPlan, LivingShare, LivingStatus, LivingType, ReplayStatus
from app.wecom.apis.media import MediaKind
from app.wecom.app import WeComApp
from tests.contract.campaign import PNG, Campaign
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import OURS, LocalSandbox

BEGIN, END, CANCEL = 1, 2, 4


@pytest.fixture
def campaign(corp: LocalSandbox) -> Campaign:
    return Campaign(corp)


@pytest.fixture
def plan() -> LivingPlan:
    """In an hour, for half an hour."""
    return LivingPlan("春装上新", int(time.time()) + 3_600, 1_800, "到店有礼")


def test_a_live_is_reserved(wecom: WeComApp, place: Place, plan: LivingPlan):
    livingid = wecom.livings.create(place.userid, plan)
    living = wecom.livings.get(livingid)
    assert (living.livingid, living.theme, living.description) == (livingid, "春装上新", "到店有礼")
    assert (living.anchor_userid, living.status) == (place.userid, LivingStatus.RESERVED)
    assert (living.reserved_at_s, living.reserved_duration_s) == (plan.starts_at_s, 1_800)
    assert living.replay is None
    assert livingid in set(wecom.livings.ids_of(place.userid))
    wecom.livings.cancel(livingid)


@pytest.mark.parametrize(
    "wrong",
    [
        {"theme": ""},
        {"theme": "很" * 21},
        {"description": "长" * 101},
        {"starts_at_s": 1_700_000_000},
        {"duration_s": 0},
        {"living_type": LivingType.CLASS_BIG},
    ],
    ids=["no theme", "long theme", "long description", "past", "no time", "schools"],
)
def test_a_wrong_plan_is_refused(wecom: WeComApp, place: Place, plan: LivingPlan, wrong: dict[str, object]):
    with refused(40058):
        wecom.livings.create(place.userid, replace(plan, **wrong))  # type: ignore[arg-type]


def test_an_activity_has_pictures_that_were_uploaded(wecom: WeComApp, place: Place, plan: LivingPlan):
    activity = replace(plan, living_type=LivingType.ACTIVITY, image_ids=("no-such-media",))
    with refused(40007):
        wecom.livings.create(place.userid, activity)
    media_id = wecom.media.upload(MediaKind.IMAGE, "a.png", PNG).media_id
    with refused(40058):
        wecom.livings.create(place.userid, replace(activity, image_ids=(media_id,) * 6))
    right = replace(activity, image_ids=(media_id,), cover_media_id=media_id)
    livingid = wecom.livings.create(place.userid, right)
    living = wecom.livings.get(livingid)
    assert (living.living_type, living.description) == (LivingType.ACTIVITY, "到店有礼")
    wecom.livings.cancel(livingid)


def test_an_unknown_anchor_is_refused(wecom: WeComApp, place: Place, plan: LivingPlan):
    with refused(60111):
        wecom.livings.create(place.unknown_userid, plan)


def test_a_live_is_changed_before_it_begins(wecom: WeComApp, place: Place, plan: LivingPlan):
    livingid = wecom.livings.create(place.userid, plan)
    wecom.livings.modify(livingid, replace(plan, theme="夏装上新", duration_s=3_600))
    living = wecom.livings.get(livingid)
    assert (living.theme, living.reserved_duration_s) == ("夏装上新", 3_600)
    wecom.livings.cancel(livingid)


def test_a_live_that_began_or_was_cancelled_is_not_changed(
    wecom: WeComApp, campaign: Campaign, plan: LivingPlan
):
    begun, cancelled = (wecom.livings.create(campaign.person(), plan) for _ in range(2))
    campaign.act(f"livings/{begun}", status=BEGIN)
    wecom.livings.cancel(cancelled)
    assert wecom.livings.get(cancelled).status is LivingStatus.CANCELLED
    for livingid in (begun, cancelled):
        with refused(92006):
            wecom.livings.modify(livingid, plan)
        with refused(92006):
            wecom.livings.cancel(livingid)


def test_a_live_nobody_began_expires_unheard(wecom: WeComApp, campaign: Campaign, plan: LivingPlan):
    livingid = wecom.livings.create(campaign.person(), plan)
    campaign.events()
    campaign.corp.travel(timedelta(hours=2))
    assert wecom.livings.get(livingid).status is LivingStatus.EXPIRED
    assert campaign.events() == []


def test_beginning_and_ending_are_told_to_the_app(wecom: WeComApp, campaign: Campaign, plan: LivingPlan):
    anchor = campaign.person()
    livingid = wecom.livings.create(anchor, plan)
    shown = campaign.corp.control("GET", "callbacks?after=0&limit=1000000")["callbacks"]
    campaign.act(f"livings/{livingid}", status=BEGIN)
    assert wecom.livings.get(livingid).status is LivingStatus.LIVE
    campaign.act(f"livings/{livingid}", status=END)
    last = shown[-1]["id"] if shown else 0
    told = campaign.corp.control("GET", f"callbacks?after={last}")["callbacks"]
    fields = [one["fields"] for one in told]
    assert [(one["Event"], one["FromUserName"], one["LivingId"], one["Status"]) for one in fields] == [
        ("living_status_change", anchor, livingid, 1),
        ("living_status_change", anchor, livingid, 2),
    ]
    assert {one["AgentID"] for one in fields} == {OURS.agent_id}


def test_the_replay_of_an_ended_live_is_deleted_once(wecom: WeComApp, campaign: Campaign, plan: LivingPlan):
    livingid = wecom.livings.create(campaign.person(), plan)
    with refused(92007):
        wecom.livings.delete_replay(livingid)
    for status in (BEGIN, END):
        campaign.act(f"livings/{livingid}", status=status)
    assert wecom.livings.get(livingid).replay is ReplayStatus.READY
    wecom.livings.delete_replay(livingid)
    assert wecom.livings.get(livingid).replay is ReplayStatus.DELETED
    with refused(92007):
        wecom.livings.delete_replay(livingid)


def test_viewers_are_followed_to_the_end_that_is_said(wecom: WeComApp, campaign: Campaign, plan: LivingPlan):
    anchor = campaign.person()
    customer = campaign.customer(anchor, name="晓雯")
    livingid = wecom.livings.create(anchor, plan)
    watched = [{"viewer": f"wm{number:03d}{anchor}", "seconds": 60} for number in range(119)]
    watched.append({"viewer": customer, "seconds": 90, "commented": True, "invitor": anchor})
    watched.append({"viewer": anchor, "seconds": 1_800, "spoke": True})
    campaign.act(f"livings/{livingid}", watch=watched)
    viewers = list(wecom.livings.viewers(livingid))
    assert len(viewers) == 121
    (one,) = (viewer for viewer in viewers if viewer.external_userid == customer)
    assert (one.name, one.watched_s, one.has_commented, one.has_spoken) == ("晓雯", 90, True, False)
    assert (one.invited_by_userid, one.invited_by_external_userid) == (anchor, "")
    (own,) = (viewer for viewer in viewers if viewer.wecom_userid)
    assert (own.wecom_userid, own.has_spoken) == (anchor, True)
    living = wecom.livings.get(livingid)
    assert (living.viewers, living.comments, living.speakers) == (121, 1, 1)


def test_a_code_leads_from_a_mini_program(wecom: WeComApp, place: Place, plan: LivingPlan):
    livingid = wecom.livings.create(place.userid, plan)
    first, second = (wecom.livings.code_for(livingid, "oSomebody") for _ in range(2))
    assert first != second
    wecom.livings.cancel(livingid)


def test_a_shared_live_tells_who_opened_it(wecom: WeComApp, campaign: Campaign, plan: LivingPlan):
    anchor = campaign.person()
    customer = campaign.customer(anchor)
    livingid = wecom.livings.create(anchor, plan)
    code = campaign.act(f"livings/{livingid}/share", viewer=customer, invitor=anchor)["ww_share_code"]
    assert wecom.livings.share_of(code) == LivingShare(livingid, "", customer, anchor, "")


def test_an_unknown_share_code_is_refused(wecom: WeComApp):
    with refused(40029):
        wecom.livings.share_of("made-up")


def test_an_unknown_live_is_refused(wecom: WeComApp):
    with refused(40058):
        wecom.livings.get("lvNobodyKnows")
    with refused(40058):
        wecom.livings.cancel("lvNobodyKnows")


def test_lives_of_an_anchor_are_followed_past_a_page(wecom: WeComApp, campaign: Campaign, plan: LivingPlan):
    anchor = campaign.person()
    made = [wecom.livings.create(anchor, plan) for _ in range(101)]
    assert list(wecom.livings.ids_of(anchor)) == made


def test_without_the_permission_lives_are_refused(
    corp: LocalSandbox, wecom: WeComApp, place: Place, plan: LivingPlan
):
    corp.set_rules(living_api=False)
    with refused(48002):
        wecom.livings.create(place.userid, plan)
