"""Group sends (企业群发): an order, its tasks, a member's confirmation (facts 3.8; checklist 8.11)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from app.wecom.apis.attachments import ImageAttachment, LinkAttachment
from app.wecom.apis.group_sends import (
    ChatType,
    Ordered,
    OrderSource,
    SendResult,
    SendStatus,
    SendTask,
    TaskStatus,
)
from app.wecom.apis.media import MediaKind
from app.wecom.app import WeComApp
from app.wecom.errors import WeComRejected
from tests.contract.campaign import PNG, Campaign
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import LocalSandbox

Found = TypeVar("Found")


@pytest.fixture
def campaign(corp: LocalSandbox) -> Campaign:
    campaign = Campaign(corp)
    campaign.rules(dispatch_us=0)
    return campaign


def once_dispatched(ask: Callable[[], Found]) -> Found:
    """The answer, once WeCom is done dispatching the order (41063)."""
    end = time.monotonic() + 60
    while True:
        try:
            return ask()
        except WeComRejected as error:
            if error.errcode != 41063 or time.monotonic() > end:
                raise
        time.sleep(0.2)


def order(wecom: WeComApp, *external_userids: str, **more: object) -> Ordered:
    return wecom.group_sends.to_contacts("新品到店", external_userids=external_userids, **more)  # type: ignore[arg-type]


def statuses(wecom: WeComApp, msgid: str, userid: str) -> dict[str, SendStatus]:
    return {result.target: result.status for result in wecom.group_sends.results(msgid, userid)}


def test_an_order_waits_for_the_member(wecom: WeComApp, place: Place):
    ordered = order(wecom, place.external_userid, sender=place.userid)
    tasks = once_dispatched(lambda: list(wecom.group_sends.tasks(ordered.msgid)))
    assert tasks == [SendTask(place.userid, TaskStatus.UNSENT, None)]
    assert list(wecom.group_sends.results(ordered.msgid, place.userid)) == [
        SendResult(place.external_userid, SendStatus.UNSENT, None)
    ]


def test_confirming_sends_it_and_it_is_in_the_chat(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    customer = campaign.customer(seller)
    link = LinkAttachment("春装", "https://shop.example/spring")
    msgid = order(wecom, customer, attachments=[link]).msgid
    assert [one["msgid"] for one in campaign.pending(seller)["group_sends"]] == [msgid]
    assert campaign.act(f"group-sends/{msgid}/confirm", userid=seller) == {"sent": 1, "failed": 0}
    (task,) = wecom.group_sends.tasks(msgid)
    assert task.status is TaskStatus.SENT
    assert task.sent_at_s is not None
    assert statuses(wecom, msgid, seller) == {customer: SendStatus.SENT}
    assert [one["msgtype"] for one in campaign.chat(seller, customer)] == ["text", "news"]
    assert campaign.pending(seller)["group_sends"] == []


def test_only_the_last_to_chat_gets_the_task(wecom: WeComApp, campaign: Campaign):
    first, second = campaign.person(), campaign.person()
    customer = campaign.customer(first, second)
    campaign.say(second, customer)
    campaign.say(first, customer)
    msgid = order(wecom, customer).msgid
    assert [task.wecom_userid for task in wecom.group_sends.tasks(msgid)] == [first]


def test_without_any_chat_the_last_to_be_added_gets_it(wecom: WeComApp, campaign: Campaign):
    old, new = campaign.person(), campaign.person()
    follow = [{"userid": old, "createtime": 1_700_000_000}, {"userid": new, "createtime": 1_700_000_001}]
    customer = campaign.customer(follow=follow)
    msgid = order(wecom, customer).msgid
    assert [task.wecom_userid for task in wecom.group_sends.tasks(msgid)] == [new]


def test_a_sender_alone_means_all_their_customers(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    customers = {campaign.customer(seller) for _ in range(3)}
    msgid = order(wecom, sender=seller).msgid
    assert statuses(wecom, msgid, seller).keys() == customers


def test_tags_choose_and_between_lists_or_within(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    both, one = campaign.customer(seller), campaign.customer(seller)
    group = wecom.tags.add(["甲", "乙", "丙"], group_name="群发测试")
    first, second, third = (tag.tag_id for tag in group.tags)
    wecom.tags.mark(seller, both, add=[first, third])
    wecom.tags.mark(seller, one, add=[second])
    msgid = order(wecom, tag_lists=[[first, second], [third]]).msgid
    assert statuses(wecom, msgid, seller) == {both: SendStatus.UNSENT}


def test_those_nobody_can_reach_are_named(wecom: WeComApp, campaign: Campaign):
    customer = campaign.customer(campaign.person())
    assert order(wecom, customer, "wmNobodyKnows").unreached == ("wmNobodyKnows",)


def test_nobody_to_reach_is_refused(wecom: WeComApp, place: Place):
    with refused(41048):
        order(wecom, place.unknown_external_userid)


def test_an_order_for_no_one_in_particular_is_refused(wecom: WeComApp):
    with refused(40058):
        order(wecom)


def test_an_order_without_content_is_refused(wecom: WeComApp, place: Place):
    with refused(40058):
        wecom.group_sends.to_contacts("", external_userids=[place.external_userid])


def test_more_than_ten_thousand_customers_are_refused(wecom: WeComApp):
    with refused(40058):
        order(wecom, *(f"wm{number}" for number in range(10_001)))


def test_more_than_nine_attachments_are_refused(wecom: WeComApp, place: Place):
    with refused(41064):
        order(wecom, place.external_userid, attachments=[LinkAttachment("页", "https://x.example")] * 10)


def test_an_unknown_kind_of_attachment_is_refused(wecom: WeComApp, place: Place):
    body = {"external_userid": [place.external_userid], "attachments": [{"msgtype": "voice", "voice": {}}]}
    with refused(41065):
        wecom.group_sends._post("externalcontact/add_msg_template", data=body)


def test_pictures_are_uploaded_ones(wecom: WeComApp, place: Place):
    with refused(40007):
        order(wecom, place.external_userid, attachments=[ImageAttachment(media_id="no-such-media")])
    media_id = wecom.media.upload(MediaKind.IMAGE, "a.png", PNG).media_id
    assert order(wecom, place.external_userid, attachments=[ImageAttachment(media_id=media_id)]).msgid


def test_questions_come_too_early_just_after_the_order(wecom: WeComApp, campaign: Campaign):
    campaign.rules(dispatch_us=3_600_000_000)
    seller = campaign.person()
    msgid = order(wecom, campaign.customer(seller)).msgid
    with refused(41063):
        list(wecom.group_sends.tasks(msgid))
    with refused(41063):
        wecom.group_sends.remind(msgid)
    campaign.corp.travel(timedelta(hours=2))
    assert len(list(wecom.group_sends.tasks(msgid))) == 1


def test_an_unknown_order_is_refused(wecom: WeComApp):
    with refused(41047):
        list(wecom.group_sends.tasks("msgNobodyKnows"))
    with refused(41046):
        wecom.group_sends.remind("")


def test_a_lost_friend_is_not_reached(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    stays, goes = campaign.customer(seller), campaign.customer(seller)
    msgid = order(wecom, stays, goes).msgid
    campaign.corp.control("PUT", "contacts", [{"external_userid": goes, "name": "客户", "follow": []}])
    assert campaign.act(f"group-sends/{msgid}/confirm", userid=seller) == {"sent": 1, "failed": 1}
    assert statuses(wecom, msgid, seller) == {stays: SendStatus.SENT, goes: SendStatus.NOT_A_CONTACT}


@pytest.mark.parametrize(("quota", "most"), [("day", 1), ("week", 7)])
def test_a_customer_has_enough(wecom: WeComApp, campaign: Campaign, quota: str, most: int):
    campaign.rules(dispatch_us=0, quota=quota)
    seller = campaign.person()
    customer = campaign.customer(seller)
    for _ in range(most):
        campaign.act("group-sends", userid=seller, external_userids=[customer], text={"content": "早"})
    msgid = order(wecom, customer).msgid
    assert campaign.act(f"group-sends/{msgid}/confirm", userid=seller) == {"sent": 0, "failed": 1}
    assert statuses(wecom, msgid, seller) == {customer: SendStatus.OVER_QUOTA}


def test_by_default_a_customer_may_get_one_for_each_day_of_the_month(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    customer = campaign.customer(seller)
    for _ in range(31):
        campaign.act("group-sends", userid=seller, external_userids=[customer], text={"content": "早"})
    msgid = order(wecom, customer).msgid
    campaign.act(f"group-sends/{msgid}/confirm", userid=seller)
    assert statuses(wecom, msgid, seller) == {customer: SendStatus.OVER_QUOTA}
    campaign.corp.travel(timedelta(days=32))
    later = order(wecom, customer).msgid
    campaign.act(f"group-sends/{later}/confirm", userid=seller)
    assert statuses(wecom, later, seller) == {customer: SendStatus.SENT}


def test_a_member_may_leave_some_out_where_the_order_allows_it(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    chosen, other = campaign.customer(seller), campaign.customer(seller)
    msgid = order(wecom, chosen, other, may_choose=True).msgid
    campaign.act(f"group-sends/{msgid}/confirm", userid=seller, external_userids=[chosen])
    assert statuses(wecom, msgid, seller) == {chosen: SendStatus.SENT, other: SendStatus.UNSENT}


def test_three_reminders_a_day(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    msgid = order(wecom, campaign.customer(seller)).msgid
    for _ in range(3):
        wecom.group_sends.remind(msgid)
    with refused(41094):
        wecom.group_sends.remind(msgid)
    assert campaign.pending(seller)["group_sends"][0]["reminded"] == 3
    campaign.corp.travel(timedelta(hours=25))
    wecom.group_sends.remind(msgid)


def test_a_cancelled_order_is_no_longer_on_the_phone(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    msgid = order(wecom, campaign.customer(seller)).msgid
    wecom.group_sends.cancel(msgid)
    assert campaign.pending(seller)["group_sends"] == []
    with refused(41093):
        wecom.group_sends.cancel(msgid)
    with refused(41093):
        wecom.group_sends.remind(msgid)


def test_orders_are_listed_by_source(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    customer = campaign.customer(seller)
    begin = int(time.time()) - 60
    corps = order(wecom, customer).msgid
    own = campaign.act("group-sends", userid=seller, external_userids=[customer], text={"content": "早"})
    listed = list(wecom.group_sends.orders(ChatType.SINGLE, begin, begin + 600))
    assert [(one.msgid, one.source, one.creator) for one in listed] == [
        (corps, OrderSource.CORP, ""),
        (own["msgid"], OrderSource.PERSONAL, seller),
    ]
    of_corp = wecom.group_sends.orders(ChatType.SINGLE, begin, begin + 600, source=OrderSource.CORP)
    assert [one.text for one in of_corp] == ["新品到店"]


def test_orders_of_more_than_a_month_are_refused(wecom: WeComApp):
    now = int(time.time())
    with refused(40058):
        list(wecom.group_sends.orders(ChatType.SINGLE, now - 40 * 86_400, now))


def test_long_lists_are_followed_to_their_end(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    names = [f"wmlong{number:05d}{seller}" for number in range(1_200)]
    contacts = [{"external_userid": name, "name": "客户", "follow": [{"userid": seller}]} for name in names]
    campaign.corp.control("PUT", "contacts", contacts)
    msgid = order(wecom, sender=seller).msgid
    assert sorted(statuses(wecom, msgid, seller)) == names


def test_a_group_order_goes_to_the_senders_groups(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    group = campaign.act("groups", owner=seller, name="老友群")["chat_id"]
    ordered = wecom.group_sends.to_groups("群里说", seller, chat_ids=[group, "wrNobodyKnows"])
    assert ordered.unreached == ("wrNobodyKnows",)
    campaign.act(f"group-sends/{ordered.msgid}/confirm", userid=seller)
    assert statuses(wecom, ordered.msgid, seller) == {group: SendStatus.SENT}


def test_a_group_order_needs_a_sender(wecom: WeComApp):
    with refused(40058):
        wecom.group_sends.to_groups("群里说", "")
