"""Customer groups (客户群): lists, members, events, owners, figures, ways to join (facts 3.10–3.12, 4.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.wecom.apis.group_chats import (
    GroupFailure,
    GroupStatus,
    JoinScene,
    JoinWay,
    MemberKind,
    StatisticOrder,
)
from app.wecom.app import WeComApp
from tests.contract.campaign import Campaign
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import LocalSandbox


@pytest.fixture
def campaign(corp: LocalSandbox) -> Campaign:
    return Campaign(corp)


def group_of(campaign: Campaign, owner: str, *members: str) -> str:
    return str(campaign.act("groups", owner=owner, name="老友群", members=list(members))["chat_id"])


def yesterday_s(campaign: Campaign, ahead: timedelta) -> int:
    """The second that was now when the clock stood at the machine's."""
    campaign.corp.travel(ahead)
    return int(datetime.now(UTC).timestamp())


def test_groups_of_an_owner_are_listed(wecom: WeComApp, campaign: Campaign):
    owner = campaign.person()
    groups = [group_of(campaign, owner) for _ in range(3)]
    group_of(campaign, campaign.person())
    listed = list(wecom.group_chats.list([owner]))
    assert [(one.chat_id, one.status) for one in listed] == [(one, GroupStatus.NORMAL) for one in groups]


def test_without_an_owner_all_groups_are_listed(wecom: WeComApp, campaign: Campaign):
    groups = {group_of(campaign, campaign.person()) for _ in range(2)}
    assert {one.chat_id for one in wecom.group_chats.list()} == groups


def test_too_many_members_need_an_owner_filter(wecom: WeComApp, campaign: Campaign):
    campaign.rules(visible_most=1)
    with refused(81017):
        list(wecom.group_chats.list())
    assert list(wecom.group_chats.list([campaign.person()])) == []


def test_many_owners_are_asked_for_a_hundred_at_a_time(wecom: WeComApp, campaign: Campaign):
    owner = campaign.person()
    chat_id = group_of(campaign, owner)
    strangers = [f"stranger{number}" for number in range(150)]
    assert [one.chat_id for one in wecom.group_chats.list([*strangers, owner])] == [chat_id]


def test_a_limit_is_needed(wecom: WeComApp):
    with refused(40058):
        wecom.group_chats._post("externalcontact/groupchat/list", data={})


def test_lists_of_groups_are_followed_past_a_page(wecom: WeComApp, campaign: Campaign):
    owner = campaign.person()
    groups = [group_of(campaign, owner) for _ in range(7)]
    pages = wecom.group_chats._pages(
        "externalcontact/groupchat/list", {"limit": 3, "owner_filter": {"userid_list": [owner]}}
    )
    found = [[one["chat_id"] for one in page["group_chat_list"]] for page in pages]
    assert found == [groups[:3], groups[3:6], groups[6:]]


def test_a_group_is_read_with_everybody_in_it(wecom: WeComApp, campaign: Campaign):
    owner = campaign.person(name="店长小何")
    customer = campaign.customer(owner, name="晓雯")
    chat_id = group_of(campaign, owner, customer)
    campaign.act(f"groups/{chat_id}", notice="周六到店有礼")
    group = wecom.group_chats.get(chat_id)
    assert (group.chat_id, group.name, group.owner, group.notice) == (
        chat_id,
        "老友群",
        owner,
        "周六到店有礼",
    )
    assert {(one.userid, one.kind, one.name) for one in group.members} == {
        (owner, MemberKind.INTERNAL, "店长小何"),
        (customer, MemberKind.EXTERNAL, "晓雯"),
    }


def test_a_group_that_is_none_is_refused(wecom: WeComApp):
    with refused(40050):
        wecom.group_chats.get("wrNobodyKnows")


def test_a_dismissed_group_is_gone(wecom: WeComApp, campaign: Campaign):
    owner = campaign.person()
    chat_id = group_of(campaign, owner)
    campaign.act(f"groups/{chat_id}", dismiss=True)
    assert list(wecom.group_chats.list([owner])) == []
    with refused(40050):
        wecom.group_chats.get(chat_id)


def test_an_opengid_is_a_chat_id(wecom: WeComApp, campaign: Campaign):
    made = campaign.act("groups", owner=campaign.person(), name="群")
    assert wecom.group_chats.chat_id_of(made["opengid"]) == made["chat_id"]
    with refused(40058):
        wecom.group_chats.chat_id_of("ogNobodyKnows")


def test_a_groups_life_is_told(wecom: WeComApp, campaign: Campaign):
    owner, colleague = campaign.person(), campaign.person()
    campaign.events()
    chat_id = group_of(campaign, owner, colleague)
    for change in ({"name": "新名"}, {"notice": "公告"}, {"owner": colleague}, {"dismiss": True}):
        campaign.act(f"groups/{chat_id}", **change)
    told = [(event["ChangeType"], event.get("UpdateDetail")) for event in campaign.events()]
    assert told == [
        ("create", None),
        ("update", "change_name"),
        ("update", "change_notice"),
        ("update", "change_owner"),
        ("dismiss", None),
    ]


def test_who_came_and_went_is_told_with_the_versions(wecom: WeComApp, campaign: Campaign):
    owner = campaign.person()
    customer, another = campaign.customer(owner), campaign.customer(owner)
    chat_id = group_of(campaign, owner)
    first = wecom.group_chats.get(chat_id).member_version
    campaign.events()
    campaign.act(f"groups/{chat_id}", add=[customer, another])
    second = wecom.group_chats.get(chat_id).member_version
    campaign.act(f"groups/{chat_id}", remove=[customer], quit_scene=1)
    came, went = campaign.events()
    common = {"Event": "change_external_chat", "ChangeType": "update", "ChatId": chat_id}
    assert came == common | {
        "UpdateDetail": "add_member",
        "JoinScene": 0,
        "MemChangeCnt": 2,
        "MemChangeList": {"Item": [customer, another]},
        "LastMemVer": first,
        "CurMemVer": second,
    }
    changed: dict[str, Any] = {name: went[name] for name in ("UpdateDetail", "QuitScene", "MemChangeList")}
    assert changed == {
        "UpdateDetail": "del_member",
        "QuitScene": 1,
        "MemChangeList": {"Item": [customer]},
    }
    assert went["LastMemVer"] == second != went["CurMemVer"]


def test_a_group_whose_owner_left_is_listed_by_that_owner_and_given_to_another(
    wecom: WeComApp, campaign: Campaign
):
    owner, new = campaign.person(), campaign.person()
    chat_id = group_of(campaign, owner)
    campaign.leave(owner)
    assert list(wecom.group_chats.list()) == []
    assert [one.status for one in wecom.group_chats.list([owner])] == [GroupStatus.OWNER_LEFT]
    assert wecom.group_chats.transfer([chat_id], new) == ()
    assert wecom.group_chats.get(chat_id).owner == new
    inherited = wecom.group_chats.list([new], GroupStatus.INHERITED)
    assert [one.chat_id for one in inherited] == [chat_id]
    assert wecom.group_chats.transfer([chat_id], campaign.person()) == (GroupFailure(chat_id, 90508),)


def test_groups_that_cannot_be_given_are_named(wecom: WeComApp, campaign: Campaign):
    owner, gone, new = campaign.person(), campaign.person(), campaign.person()
    owned, left, own = group_of(campaign, owner), group_of(campaign, gone), group_of(campaign, new)
    campaign.leave(gone)
    failed = wecom.group_chats.transfer([owned, own, "wrNobodyKnows"], new)
    assert {one.chat_id: one.errcode for one in failed} == {
        owned: 90500,
        own: 90504,
        "wrNobodyKnows": 90501,
    }
    assert wecom.group_chats.transfer_on_job([left], new) == (GroupFailure(left, 90502),)


def test_a_group_is_given_on_the_job_twice_in_ninety_days(wecom: WeComApp, campaign: Campaign):
    owners = [campaign.person() for _ in range(4)]
    chat_id = group_of(campaign, owners[0])
    assert wecom.group_chats.transfer_on_job([chat_id], owners[1]) == ()
    assert wecom.group_chats.transfer_on_job([chat_id], owners[2]) == ()
    assert wecom.group_chats.transfer_on_job([chat_id], owners[3]) == (GroupFailure(chat_id, 40128),)
    campaign.corp.travel(timedelta(days=91))
    assert wecom.group_chats.transfer_on_job([chat_id], owners[3]) == ()


def test_a_new_owner_must_be_able_to_own(wecom: WeComApp, campaign: Campaign):
    chat_id = group_of(campaign, campaign.person())
    with refused(84074):
        wecom.group_chats.transfer_on_job([chat_id], campaign.person(contacts_enabled=False))
    with refused(60111):
        wecom.group_chats.transfer([chat_id], "nobody")


def test_figures_are_told_by_owner(wecom: WeComApp, campaign: Campaign):
    busy, quiet = campaign.person(), campaign.person()
    customer = campaign.customer(busy)
    chat_id = group_of(campaign, busy, customer)
    group_of(campaign, busy)
    group_of(campaign, quiet)
    campaign.act(f"groups/{chat_id}", say={"from": customer, "content": "有货吗"})
    day = yesterday_s(campaign, timedelta(days=1))
    found = dict(wecom.group_chats.figures_by_owner(day, day, [busy, quiet]))
    figures = found[busy]
    assert (figures.new_groups, figures.groups, figures.groups_with_messages) == (2, 2, 1)
    assert (figures.new_members, figures.members, figures.members_with_messages) == (1, 1, 1)
    assert figures.messages == 1
    assert found[quiet].groups == 1
    by_members = wecom.group_chats.figures_by_owner(day, day, [busy, quiet], StatisticOrder.MEMBERS)
    assert [owner for owner, _ in by_members] == [busy, quiet]


def test_figures_are_told_by_day(wecom: WeComApp, campaign: Campaign):
    owner = campaign.person()
    group_of(campaign, owner)
    day = yesterday_s(campaign, timedelta(days=2))
    found = wecom.group_chats.figures_by_day(day, day + 86_400, [owner])
    assert [(figures.new_groups, figures.groups) for _, figures in found] == [(1, 1), (0, 1)]


@pytest.mark.parametrize("days", [0, -200], ids=["today", "too long ago"])
def test_figures_are_there_from_yesterday_to_half_a_year_back(wecom: WeComApp, place: Place, days: int):
    day = int(datetime.now(UTC).timestamp()) + days * 86_400
    with refused(40058):
        list(wecom.group_chats.figures_by_owner(day, day, [place.userid]))


def test_a_way_to_join_leads_into_its_group(wecom: WeComApp, campaign: Campaign):
    owner = campaign.person()
    customer = campaign.customer(owner)
    chat_id = group_of(campaign, owner)
    way = JoinWay((chat_id,), remark="收银台", state="till-1", room_name="老友群")
    config_id = wecom.group_chats.add_join_way(way)
    found = wecom.group_chats.join_way(config_id)
    assert (found.chat_ids, found.remark, found.state) == ((chat_id,), "收银台", "till-1")
    assert found.qr_url
    campaign.events()
    assert campaign.act(f"join-ways/{config_id}/scan", external_userid=customer) == {"chat_id": chat_id}
    assert [event["JoinScene"] for event in campaign.events()] == [3]
    (joined,) = (one for one in wecom.group_chats.get(chat_id).members if one.userid == customer)
    assert (joined.join_scene, joined.state) == (JoinScene.BY_QR, "till-1")


def test_a_way_to_join_is_changed_and_deleted(wecom: WeComApp, campaign: Campaign):
    owner = campaign.person()
    first, second = group_of(campaign, owner), group_of(campaign, owner)
    config_id = wecom.group_chats.add_join_way(JoinWay((first,)))
    wecom.group_chats.update_join_way(config_id, JoinWay((second,), state="new"))
    found = wecom.group_chats.join_way(config_id)
    assert (found.chat_ids, found.state) == ((second,), "new")
    wecom.group_chats.delete_join_way(config_id)
    with refused(41044):
        wecom.group_chats.join_way(config_id)


def test_a_way_to_join_has_five_groups_at_most(wecom: WeComApp, campaign: Campaign):
    owner = campaign.person()
    groups = tuple(group_of(campaign, owner) for _ in range(6))
    with refused(41091):
        wecom.group_chats.add_join_way(JoinWay(groups))


def test_a_way_to_join_is_checked(wecom: WeComApp, campaign: Campaign):
    chat_id = group_of(campaign, campaign.person())
    with refused(40058):
        wecom.group_chats.add_join_way(JoinWay(("wrNobodyKnows",)))
    with refused(40058):
        wecom.group_chats.add_join_way(JoinWay((chat_id,), state="x" * 31))
    with refused(41043):
        wecom.group_chats.join_way("")
