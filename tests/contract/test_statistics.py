"""What accounts did with customers, day by day (facts 3.11)."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from app.wecom.apis.statistics import Behavior
from app.wecom.app import WeComApp
from tests.contract.campaign import Campaign
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import LocalSandbox

DAY_S = 86_400
CHINA_S = 8 * 3_600


@pytest.fixture
def campaign(corp: LocalSandbox) -> Campaign:
    return Campaign(corp)


@pytest.fixture
def noon(campaign: Campaign) -> int:
    """The sandbox's clock goes on from tomorrow's noon in China: a test does not live over midnight."""
    now = int(time.time())
    noon = (now + CHINA_S) // DAY_S * DAY_S - CHINA_S + DAY_S + DAY_S // 2
    campaign.corp.travel(timedelta(seconds=noon - now))
    return noon


def today(wecom: WeComApp, noon: int, *userids: str) -> Behavior:
    (day,) = wecom.statistics.behavior(noon, noon, wecom_userids=userids)
    return day


def test_a_day_is_told_from_its_first_second(wecom: WeComApp, place: Place):
    now = int(time.time())
    day, _ = wecom.statistics.behavior(now - 2 * DAY_S, now - DAY_S, wecom_userids=[place.userid])
    assert (day.day_s + CHINA_S) % DAY_S == 0
    assert day.day_s <= now - 2 * DAY_S < day.day_s + DAY_S


def test_chats_and_messages_are_counted(wecom: WeComApp, campaign: Campaign, noon: int):
    seller = campaign.person()
    first, second = campaign.customer(seller), campaign.customer(seller)
    for customer in (first, first, second):
        campaign.say(seller, customer)
    day = today(wecom, noon, seller)
    assert (day.chats, day.messages, day.new_contacts) == (2, 3, 2)
    assert (day.reply_percentage, day.reply_after_s) == (None, None)


def test_answers_are_counted_where_the_customer_began(wecom: WeComApp, campaign: Campaign, noon: int):
    seller = campaign.person()
    answered, ignored = campaign.customer(seller), campaign.customer(seller)
    for customer in (answered, ignored):
        campaign.say(seller, customer, "在吗", sender="customer")
    ahead = timedelta(seconds=noon - int(time.time()))
    campaign.corp.travel(ahead + timedelta(minutes=10, seconds=50))
    campaign.say(seller, answered)
    day = today(wecom, noon, seller)
    assert (day.reply_percentage, day.reply_after_s) == (50.0, 600)


def test_several_accounts_are_summed(wecom: WeComApp, campaign: Campaign, noon: int):
    one, two = campaign.person(), campaign.person()
    for seller in (one, two):
        campaign.say(seller, campaign.customer(seller))
    assert today(wecom, noon, one, two).messages == 2
    assert today(wecom, noon, one).messages == 1


def test_a_department_is_all_its_members(wecom: WeComApp, campaign: Campaign, noon: int):
    seller = campaign.person(department=f"店{time.monotonic_ns()}")
    campaign.say(seller, campaign.customer(seller))
    department_id = wecom.people.get(seller).main_department_id
    assert department_id is not None
    (day,) = wecom.statistics.behavior(noon, noon, department_ids=[department_id])
    assert day.messages == 1


def test_customers_who_went_away_are_counted(wecom: WeComApp, campaign: Campaign, noon: int):
    seller = campaign.person()
    customer = campaign.customer(seller)
    left = {"Event": "change_external_contact", "ChangeType": "del_follow_user", "UserID": seller}
    campaign.corp.control("POST", "callbacks", [{"fields": {**left, "ExternalUserID": customer}}])
    assert today(wecom, noon, seller).lost == 1


def test_nobody_named_is_refused(wecom: WeComApp):
    now = int(time.time())
    with refused(40058):
        wecom.statistics.behavior(now, now)


@pytest.mark.parametrize(
    ("begin", "end"), [(-35, -1), (-200, -190), (-1, -3)], ids=["too long", "too early", "backwards"]
)
def test_wrong_days_are_refused(wecom: WeComApp, place: Place, begin: int, end: int):
    now = int(time.time())
    with refused(40058):
        wecom.statistics.behavior(now + begin * DAY_S, now + end * DAY_S, wecom_userids=[place.userid])


def test_an_unknown_account_is_refused(wecom: WeComApp, place: Place):
    now = int(time.time())
    with refused(60111):
        wecom.statistics.behavior(now, now, wecom_userids=[place.unknown_userid])
