"""Contact ways (facts 3.6): add, get, list, update, del_contact_way, close_temp_chat; and what a scan of one does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from app.wecom.apis.contact_ways import MadeWay, NewWay
from app.wecom.app import WeComApp
from tests.contract.conftest import Place, refused
from tests.contract.customers import Customers
from tests.wecom.local_sandbox import LocalSandbox

UNKNOWN = "no-such-config-id"
BROWSER = {"Accept": "text/html"}
ADD = "externalcontact/add_contact_way"


@pytest.fixture
def customers(corp: LocalSandbox) -> Customers:
    return Customers(corp)


@pytest.fixture
def way(wecom: WeComApp, place: Place) -> Iterator[MadeWay]:
    """A QR code of one account."""
    made = wecom.contact_ways.add(NewWay(userids=[place.userid], state="store-7", remark="门口"))
    yield made
    if made.config_id in set(wecom.contact_ways.ids()):
        wecom.contact_ways.delete(made.config_id)


def made_raw(corp: LocalSandbox, **fields: Any) -> dict[str, Any]:
    """An add_contact_way with these fields and a valid rest; None leaves one out."""
    whole = {"type": 1, "scene": 2, "user": ["lina"], **fields}
    sent = {name: value for name, value in whole.items() if value is not None}
    answer: dict[str, Any] = corp.client().post(ADD, data=sent)
    return answer


def test_a_way_is_read_as_it_was_made(wecom: WeComApp, place: Place, way: MadeWay):
    found = wecom.contact_ways.get(way.config_id)
    assert (found.userids, found.state, found.remark) == ((place.userid,), "store-7", "门口")
    assert (found.is_multi, found.in_mini_program, found.skip_verify, found.is_exclusive) == (
        False,
        False,
        True,
        False,
    )
    assert way.qr_code
    assert found.qr_code == way.qr_code


def test_a_control_in_a_mini_program_has_no_qr_code(corp: LocalSandbox, wecom: WeComApp):
    made = wecom.contact_ways.add(NewWay(userids=["lina"], in_mini_program=True, style=2))
    assert made.qr_code == ""
    assert wecom.contact_ways.get(made.config_id).in_mini_program


def test_the_qr_code_is_a_picture_that_leads_to_a_page_until_it_is_deleted(
    wecom: WeComApp, customers: Customers, way: MadeWay
):
    assert requests.get(way.qr_code, timeout=30).headers["Content-Type"].startswith("image/")
    assert requests.get(way.qr_code, headers=BROWSER, timeout=30).status_code == 200
    wecom.contact_ways.delete(way.config_id)
    assert requests.get(way.qr_code, headers=BROWSER, timeout=30).status_code == 404
    with pytest.raises(requests.HTTPError, match="409"):
        customers.scan(way.qr_code)


def test_a_new_way_is_listed_and_a_deleted_one_is_unknown(wecom: WeComApp, way: MadeWay):
    assert way.config_id in set(wecom.contact_ways.ids())
    wecom.contact_ways.delete(way.config_id)
    assert way.config_id not in set(wecom.contact_ways.ids())
    with refused(41044):
        wecom.contact_ways.get(way.config_id)


def test_ways_are_listed_by_time_of_making(corp: LocalSandbox, wecom: WeComApp, way: MadeWay):
    corp.travel(timedelta(days=91))
    later = wecom.contact_ways.add(NewWay(userids=["lina"]))
    assert way.config_id not in set(wecom.contact_ways.ids())
    assert later.config_id in set(wecom.contact_ways.ids())
    assert {way.config_id, later.config_id} <= set(wecom.contact_ways.ids(start_s=0))
    assert later.config_id not in set(wecom.contact_ways.ids(start_s=0, end_s=1))


def test_a_list_is_paged(corp: LocalSandbox, wecom: WeComApp):
    made = {wecom.contact_ways.add(NewWay(userids=["lina"])).config_id for _ in range(3)}
    client, seen, cursor = corp.client(), set(), ""
    while True:
        query = {"limit": 1, "cursor": cursor} if cursor else {"limit": 1}
        answer = client.post("externalcontact/list_contact_way", data=query)
        assert len(answer["contact_way"]) == 1
        seen |= {one["config_id"] for one in answer["contact_way"]}
        cursor = answer.get("next_cursor", "")
        if not cursor:
            break
    assert made <= seen


def test_an_update_replaces_accounts_and_leaves_the_rest(wecom: WeComApp, place: Place):
    made = wecom.contact_ways.add(NewWay([place.userid], is_multi=True, state="a", remark="旧"))
    try:
        wecom.contact_ways.update(made.config_id, userids=[place.userid, place.other_userid], remark="新")
        found = wecom.contact_ways.get(made.config_id)
        assert set(found.userids) == {place.userid, place.other_userid}
        assert (found.remark, found.state, found.skip_verify) == ("新", "a", True)
        wecom.contact_ways.update(made.config_id, skip_verify=False, state="b")
        found = wecom.contact_ways.get(made.config_id)
        assert (found.state, found.skip_verify, len(found.userids)) == ("b", False, 2)
    finally:
        wecom.contact_ways.delete(made.config_id)


def test_a_single_way_stays_single(wecom: WeComApp, place: Place, way: MadeWay):
    with refused(41041):
        wecom.contact_ways.update(way.config_id, userids=[place.userid, place.other_userid])


def test_an_unknown_way_is_refused_everywhere(wecom: WeComApp):
    with refused(41044):
        wecom.contact_ways.get(UNKNOWN)
    with refused(41044):
        wecom.contact_ways.update(UNKNOWN, remark="谁")
    with refused(41044):
        wecom.contact_ways.delete(UNKNOWN)
    with refused(41043):
        wecom.contact_ways.get("")


@pytest.mark.parametrize(
    ("fields", "errcode"),
    [
        ({"type": None}, 41037),
        ({"scene": None}, 41038),
        ({"type": 3}, 41039),
        ({"scene": 3}, 41040),
        ({"user": ["lina", "wangwei"]}, 41041),
        ({"user": None}, 40058),
        ({"scene": 1, "style": 9}, 41042),
        ({"state": "长" * 31}, 40058),
        ({"remark": "长" * 31}, 40058),
        ({"skip_verify": "yes"}, 40058),
        ({"user": ["nobody"]}, 60111),
        ({"is_temp": True}, 48002),
    ],
)
def test_a_wrong_way_is_refused(corp: LocalSandbox, fields: dict[str, Any], errcode: int):
    with refused(errcode):
        made_raw(corp, **fields)


def test_a_way_has_at_most_a_hundred_members_departments_included(corp: LocalSandbox, wecom: WeComApp):
    crowd = [{"userid": f"waycrew{n}", "name": "店员", "department": "大店"} for n in range(101)]
    corp.control("PUT", "people", crowd)
    department_id = wecom.people.get("waycrew0").main_department_id
    assert department_id is not None
    with refused(41041):
        wecom.contact_ways.add(NewWay(department_ids=[int(department_id)], is_multi=True))


def test_members_must_be_active_real_named_and_in_scope(
    corp: LocalSandbox, wecom: WeComApp, customers: Customers
):
    corp.control("PUT", "people", [{"userid": "notyet", "name": "没激活", "status": 4}])
    with refused(41054):
        wecom.contact_ways.add(NewWay(userids=["notyet"]))
    with customers.member("idle", real_named=False), refused(40098):
        wecom.contact_ways.add(NewWay(userids=["idle"]))
    corp.set_rules(scope=[999_999])
    with refused(60011):
        wecom.contact_ways.add(NewWay(userids=["idle"]))


def test_the_corp_has_so_many_ways_and_no_more(wecom: WeComApp, customers: Customers, way: MadeWay):
    with customers.rules(way_cap=1), refused(41045):
        wecom.contact_ways.add(NewWay(userids=["lina"]))


def test_a_scan_connects_the_two_with_state_and_welcome_code(
    wecom: WeComApp, customers: Customers, way: MadeWay
):
    met = customers.scan(way.qr_code)
    (event,) = customers.events()
    assert (met["outcome"], met["userid"]) == ("added", "LiNa")
    assert (event["Event"], event["ChangeType"]) == ("change_external_contact", "add_external_contact")
    assert (event["UserID"], event["ExternalUserID"]) == ("LiNa", met["external_userid"])
    assert (event["State"], event["WelcomeCode"]) == ("store-7", met["welcome_code"])
    contact = wecom.contacts.get(met["external_userid"])
    assert contact is not None
    assert (contact.bindings[0].state, contact.bindings[0].add_way) == ("store-7", 1)


def test_a_scan_of_somebody_known_does_nothing(customers: Customers, way: MadeWay):
    met = customers.scan(way.qr_code)
    again = customers.scan(way.config_id, met["external_userid"])
    assert (again["outcome"], again["welcome_code"]) == ("known", "")
    assert customers.changes() == ["add_external_contact"]


def test_a_half_added_customer_is_told_twice(customers: Customers, way: MadeWay):
    met = customers.scan(way.qr_code, half=True)
    customers.do("accept", "lina", met["external_userid"])
    half, whole = customers.events()
    assert (half["ChangeType"], half["State"]) == ("add_half_external_contact", "store-7")
    assert (whole["ChangeType"], whole["State"]) == ("add_external_contact", "store-7")
    assert half["WelcomeCode"]
    assert whole["WelcomeCode"] != half["WelcomeCode"]


def test_without_skip_verify_the_associate_is_asked(wecom: WeComApp, customers: Customers):
    made = wecom.contact_ways.add(NewWay(userids=["lina"], skip_verify=False, state="ask"))
    met = customers.scan(made.qr_code)
    assert met["outcome"] == "asked"
    assert customers.events() == []
    assert wecom.contacts.get(met["external_userid"]) is None
    customers.do("accept", "lina", met["external_userid"])
    (event,) = customers.events()
    assert (event["ChangeType"], event["State"]) == ("add_external_contact", "ask")


def test_a_way_of_many_leads_to_each_in_turn(wecom: WeComApp, customers: Customers):
    made = wecom.contact_ways.add(NewWay(["lina", "wangwei"], is_multi=True))
    met = [customers.scan(made.qr_code) for _ in range(4)]
    assert [one["userid"] for one in met] == ["LiNa", "wangwei", "LiNa", "wangwei"]
    again = customers.scan(made.qr_code, met[1]["external_userid"])
    assert (again["outcome"], again["userid"]) == ("known", "wangwei")


def test_an_exclusive_way_adds_nobody_who_has_an_associate(wecom: WeComApp, customers: Customers):
    made = wecom.contact_ways.add(replace(NewWay(["wangwei"]), is_exclusive=True))
    mine = customers.add("lina")["external_userid"]
    met = customers.scan(made.qr_code, mine)
    assert (met["outcome"], met["userid"]) == ("known", "LiNa")


def test_a_customer_who_had_deleted_the_associate_is_added_again(customers: Customers, way: MadeWay):
    met = customers.scan(way.qr_code)
    customers.do("delete-by-customer", "lina", met["external_userid"])
    again = customers.scan(way.qr_code, met["external_userid"])
    assert again["outcome"] == "added"
    assert customers.changes() == ["add_external_contact", "del_follow_user", "add_external_contact"]


def test_a_temporary_chat_is_no_contact_and_ends_with_its_conclusions(
    corp: LocalSandbox, wecom: WeComApp, customers: Customers
):
    with customers.rules(temp_chats=True):
        conclusions = {"text": {"content": "祝您早日康复"}}
        made = made_raw(corp, is_temp=True, conclusions=conclusions)
        assert made["config_id"] not in set(wecom.contact_ways.ids())
        met = customers.scan(made["config_id"])
        assert met["outcome"] == "temporary"
        assert wecom.contacts.get(met["external_userid"]) is None
        wecom.contact_ways.close_temp_chat("lina", met["external_userid"])
        said = customers.chat("lina", met["external_userid"])
        assert [message["body"]["content"] for message in said] == ["祝您早日康复"]
        with refused(84061):
            wecom.contact_ways.close_temp_chat("lina", met["external_userid"])


def test_a_temporary_code_runs_out(corp: LocalSandbox, customers: Customers):
    with customers.rules(temp_chats=True):
        made = made_raw(corp, is_temp=True, expires_in=3600)
        corp.travel(timedelta(hours=2))
        with pytest.raises(requests.HTTPError, match="409"):
            customers.scan(made["config_id"])
        with refused(40058):
            made_raw(corp, is_temp=True, expires_in=15 * 86_400)


def test_a_temporary_chat_that_never_was_cannot_be_closed(wecom: WeComApp, place: Place):
    with refused(84061):
        wecom.contact_ways.close_temp_chat(place.userid, place.external_userid)
