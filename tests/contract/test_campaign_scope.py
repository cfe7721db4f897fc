"""What the app may not see (可见范围) it neither sends through, nor hands over, nor counts (facts 2, scope rule)."""

from __future__ import annotations

import time

import pytest

from app.wecom.apis.livings import LivingPlan
from app.wecom.apis.moments import MomentContent
from app.wecom.app import WeComApp
from tests.contract.campaign import Campaign
from tests.contract.conftest import refused
from tests.wecom.local_sandbox import LocalSandbox


@pytest.fixture
def campaign(corp: LocalSandbox) -> Campaign:
    campaign = Campaign(corp)
    campaign.rules(dispatch_us=0)
    return campaign


@pytest.fixture
def hidden(campaign: Campaign, wecom: WeComApp) -> str:
    """A member the app may not see, because it sees one other department alone."""
    hidden, seen = campaign.person(department="看不见的店"), campaign.person(department="看得见的店")
    campaign.corp.set_rules(scope=[wecom.people.get(seen).main_department_id])
    return hidden


def test_a_hidden_member_sends_nothing(wecom: WeComApp, campaign: Campaign, hidden: str):
    customer = campaign.customer(hidden)
    with refused(60111):
        wecom.group_sends.to_contacts("早", sender=hidden)
    with refused(41048):
        wecom.group_sends.to_contacts("早", external_userids=[customer])


def test_a_hidden_member_publishes_nothing(wecom: WeComApp, campaign: Campaign, hidden: str):
    campaign.customer(hidden)
    job_id = wecom.moments.begin(MomentContent(text="早"), wecom_userids=[hidden])
    jobs = [wecom.moments.job(job_id) for _ in range(3)]
    assert (jobs[-1].errcode, jobs[-1].invalid_userids) == (41048, frozenset({hidden}))


def test_a_hidden_member_neither_gives_nor_takes(wecom: WeComApp, campaign: Campaign, hidden: str):
    seen = campaign.person(department="看得见的店")
    with refused(60111):
        wecom.transfers.begin(hidden, seen, [campaign.customer(hidden)])
    with refused(60111):
        wecom.transfers.begin(seen, hidden, [campaign.customer(seen)])


def test_the_groups_of_a_hidden_owner_are_not_listed(wecom: WeComApp, campaign: Campaign, hidden: str):
    campaign.act("groups", owner=hidden, name="群")
    assert list(wecom.group_chats.list()) == []
    assert list(wecom.group_chats.list([hidden])) == []


def test_a_hidden_member_holds_no_live(wecom: WeComApp, hidden: str):
    with refused(92000):
        wecom.livings.create(hidden, LivingPlan("上新", int(time.time()) + 3_600, 600))


def test_a_hidden_member_is_not_counted(wecom: WeComApp, hidden: str):
    now = int(time.time())
    with refused(60111):
        wecom.statistics.behavior(now, now, wecom_userids=[hidden])


def test_a_hidden_payees_bills_are_not_shown(wecom: WeComApp, campaign: Campaign, hidden: str):
    now = int(time.time())
    bill = {"transaction_id": "t-hidden", "payee_userid": hidden, "pay_time": now - 60, "total_fee": 1}
    campaign.act("bills", bills=[bill])
    assert list(wecom.pay.bills(now - 3_600, now)) == []
    with refused(660003):
        list(wecom.pay.bills(now - 3_600, now, hidden))
