"""Handing customers over, on the job and after leaving (在职/离职继承; facts 3.10)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from app.wecom.apis.transfers import TransferBegun, TransferResult, TransferStatus
from app.wecom.app import WeComApp
from tests.contract.campaign import Campaign
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import LocalSandbox

A_DAY = timedelta(hours=24, minutes=1)


@pytest.fixture
def campaign(corp: LocalSandbox) -> Campaign:
    return Campaign(corp)


def status(wecom: WeComApp, old: str, new: str) -> list[TransferStatus]:
    return [result.status for result in wecom.transfers.results(old, new)]


def errcode(wecom: WeComApp, old: str, new: str, customer: str) -> int:
    (begun,) = wecom.transfers.begin(old, new, [customer])
    return begun.errcode


def followers(wecom: WeComApp, customer: str) -> list[str]:
    contact = wecom.contacts.get(customer)
    return [] if contact is None else [binding.wecom_userid for binding in contact.bindings]


def test_a_transfer_waits_a_day_and_then_is_done(wecom: WeComApp, campaign: Campaign):
    old, new = campaign.person(), campaign.person()
    customer = campaign.customer(old)
    assert wecom.transfers.begin(old, new, [customer], "以后由我服务您") == (TransferBegun(customer, 0),)
    assert list(wecom.transfers.results(old, new)) == [TransferResult(customer, TransferStatus.WAITING, None)]
    assert followers(wecom, customer) == [old]
    campaign.corp.travel(A_DAY)
    (result,) = wecom.transfers.results(old, new)
    assert result.status is TransferStatus.DONE
    assert result.taken_at_s is not None
    assert followers(wecom, customer) == [new]
    assert campaign.chat(new, customer)[0]["body"] == {"content": "以后由我服务您"}


def test_a_transfer_is_told_when_it_is_done_not_when_it_begins(wecom: WeComApp, campaign: Campaign):
    old, new = campaign.person(), campaign.person()
    customer = campaign.customer(old)
    campaign.events()
    wecom.transfers.begin(old, new, [customer])
    assert campaign.events() == []
    campaign.corp.travel(A_DAY)
    campaign.act("handovers/settle")
    both = {"Event": "change_external_contact", "ExternalUserID": customer}
    assert campaign.events() == [
        both | {"ChangeType": "del_external_contact", "UserID": old, "Source": "DELETE_BY_TRANSFER"},
        both | {"ChangeType": "add_external_contact", "UserID": new},
    ]


def test_a_customer_may_refuse(wecom: WeComApp, campaign: Campaign):
    old, new = campaign.person(), campaign.person()
    customer = campaign.customer(old)
    wecom.transfers.begin(old, new, [customer])
    campaign.events()
    campaign.act("handovers/refuse", external_userid=customer, takeover_userid=new)
    assert status(wecom, old, new) == [TransferStatus.REFUSED]
    assert campaign.events() == [
        {
            "Event": "change_external_contact",
            "ChangeType": "transfer_fail",
            "UserID": new,
            "ExternalUserID": customer,
            "FailReason": "customer_refused",
        }
    ]
    campaign.corp.travel(A_DAY)
    assert followers(wecom, customer) == [old]


def test_a_taker_who_fills_up_meanwhile_does_not_get_the_customer(wecom: WeComApp, campaign: Campaign):
    old, new = campaign.person(), campaign.person()
    customer = campaign.customer(old)
    wecom.transfers.begin(old, new, [customer])
    campaign.rules(customers_most={new: 0})
    campaign.events()
    campaign.corp.travel(A_DAY)
    assert status(wecom, old, new) == [TransferStatus.TAKER_FULL]
    assert [event["FailReason"] for event in campaign.events()] == ["customer_limit_exceed"]
    assert followers(wecom, customer) == [old]


def test_each_customer_has_an_answer_of_its_own(wecom: WeComApp, campaign: Campaign):
    old, new = campaign.person(), campaign.person()
    good, anothers = campaign.customer(old), campaign.customer(new)
    begun = wecom.transfers.begin(old, new, [good, anothers, "wmNobodyKnows"])
    assert {one.external_userid: one.errcode for one in begun} == {
        good: 0,
        anothers: 40131,
        "wmNobodyKnows": 40096,
    }


def test_a_transfer_under_way_is_not_begun_again(wecom: WeComApp, campaign: Campaign):
    old, new = campaign.person(), campaign.person()
    customer = campaign.customer(old)
    assert errcode(wecom, old, new, customer) == 0
    assert errcode(wecom, old, campaign.person(), customer) == 40129


def test_nobody_hands_over_to_themselves(wecom: WeComApp, place: Place):
    assert errcode(wecom, place.userid, place.userid, place.external_userid) == 40130


def test_a_full_taker_is_refused(wecom: WeComApp, campaign: Campaign):
    old, new = campaign.person(), campaign.person()
    campaign.rules(customers_most={new: 1})
    campaign.customer(new)
    assert errcode(wecom, old, new, campaign.customer(old)) == 40099


def test_a_customer_is_transferred_twice_in_ninety_days(wecom: WeComApp, campaign: Campaign):
    chain = [campaign.person() for _ in range(4)]
    customer = campaign.customer(chain[0])
    for day, (old, new) in enumerate(pairwise(chain[:3]), start=1):
        assert errcode(wecom, old, new, customer) == 0
        campaign.corp.travel(A_DAY * day)
        assert status(wecom, old, new) == [TransferStatus.DONE]
    assert errcode(wecom, chain[2], chain[3], customer) == 40128
    campaign.corp.travel(timedelta(days=95))
    assert errcode(wecom, chain[2], chain[3], customer) == 0


def test_a_taker_must_be_able_to_take(wecom: WeComApp, campaign: Campaign):
    old = campaign.person()
    customer = campaign.customer(old)
    with refused(41054):
        wecom.transfers.begin(old, campaign.person(status=4), [customer])
    with refused(84074):
        wecom.transfers.begin(old, campaign.person(contacts_enabled=False), [customer])


def test_unknown_accounts_are_refused(wecom: WeComApp, place: Place):
    with refused(60111):
        wecom.transfers.begin(place.unknown_userid, place.userid, [place.external_userid])
    with refused(60111):
        wecom.transfers.begin(place.userid, place.unknown_userid, [place.external_userid])


def test_more_than_a_hundred_customers_are_refused(wecom: WeComApp, place: Place):
    with refused(40058):
        wecom.transfers.begin(place.userid, place.other_userid, [f"wm{number}" for number in range(101)])


def test_results_are_followed_past_a_thousand(wecom: WeComApp, campaign: Campaign):
    old, new = campaign.person(), campaign.person()
    names = [f"wmover{number:05d}{old}" for number in range(1_050)]
    contacts = [{"external_userid": name, "name": "客户", "follow": [{"userid": old}]} for name in names]
    campaign.corp.control("PUT", "contacts", contacts)
    for start in range(0, len(names), 100):
        wecom.transfers.begin(old, new, names[start : start + 100])
    assert [result.external_userid for result in wecom.transfers.results(old, new)] == names


def test_who_is_left_behind_is_listed_until_given_to_another(wecom: WeComApp, campaign: Campaign):
    old, new = campaign.person(), campaign.person()
    customer = campaign.customer(old)
    campaign.leave(old)
    (found,) = (one for one in wecom.transfers.unassigned() if one.wecom_userid == old)
    assert found.external_userid == customer
    assert found.left_at_s > 0
    assert wecom.transfers.begin_of_left(old, new, [customer]) == (TransferBegun(customer, 0),)
    assert [one.errcode for one in wecom.transfers.begin_of_left(old, new, [customer])] == [40100]
    campaign.corp.travel(A_DAY)
    assert [one.status for one in wecom.transfers.results_of_left(old, new)] == [TransferStatus.DONE]
    assert followers(wecom, customer) == [new]
    assert old not in {one.wecom_userid for one in wecom.transfers.unassigned()}


def test_the_unassigned_are_followed_past_a_thousand(wecom: WeComApp, campaign: Campaign):
    old = campaign.person()
    names = [f"wmleft{number:05d}{old}" for number in range(1_050)]
    contacts = [{"external_userid": name, "name": "客户", "follow": [{"userid": old}]} for name in names]
    campaign.corp.control("PUT", "contacts", contacts)
    campaign.leave(old)
    found = [one.external_userid for one in wecom.transfers.unassigned() if one.wecom_userid == old]
    assert found == names


def test_who_still_works_here_has_not_left(wecom: WeComApp, place: Place):
    with refused(40097):
        wecom.transfers.begin_of_left(place.userid, place.other_userid, [place.external_userid])
    with refused(40097):
        list(wecom.transfers.results_of_left(place.userid, place.other_userid))


def test_far_pages_of_the_unassigned_are_refused(wecom: WeComApp):
    with refused(40058):
        wecom.transfers._post("externalcontact/get_unassigned_list", data={"page_id": 50, "page_size": 1_000})
