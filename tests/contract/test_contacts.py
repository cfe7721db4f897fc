"""External contacts (facts 3.4): get_follow_user_list, list, get, batch/get_by_user, remark, convert_to_openid."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.wecom.app import WeComApp
from app.wecom.errors import WeComRejected
from tests.contract.conftest import Place, refused
from tests.contract.customers import Customers
from tests.wecom.local_sandbox import BOUND_AT_S, LocalSandbox


@pytest.fixture
def customers(corp: LocalSandbox) -> Customers:
    return Customers(corp)


def test_who_may_have_customers_is_listed(wecom: WeComApp, place: Place):
    assert place.userid in wecom.contacts.follow_users()


def test_contacts_of_an_account_are_listed(wecom: WeComApp, place: Place):
    assert {place.external_userid, place.shared_external_userid} <= set(wecom.contacts.ids_of(place.userid))


def test_an_account_without_contacts_has_an_empty_list(wecom: WeComApp, place: Place):
    assert wecom.contacts.ids_of(place.idle_userid) == ()


def test_a_list_of_nobody_is_refused(wecom: WeComApp, place: Place):
    with refused(60111):
        wecom.contacts.ids_of(place.unknown_userid)


def test_a_contact_comes_with_every_binding(wecom: WeComApp, place: Place):
    contact = wecom.contacts.get(place.shared_external_userid)
    assert contact is not None
    assert contact.profile.external_userid == place.shared_external_userid
    assert {place.userid, place.other_userid} <= {binding.wecom_userid for binding in contact.bindings}


def test_a_binding_says_when_and_how_it_began(corp: LocalSandbox, wecom: WeComApp):
    contact = wecom.contacts.get("wmA")
    assert contact is not None
    assert (contact.profile.name, contact.profile.is_wechat, contact.profile.unionid) == (
        "林晓雯",
        True,
        None,
    )
    (binding,) = contact.bindings
    assert (binding.wecom_userid, binding.remark, binding.bound_at_s) == ("lina", "晓雯姐", BOUND_AT_S)
    assert (binding.add_way, binding.state, binding.added_by) == (1, "", "wmA")


def test_five_hundred_followers_are_a_page_and_all_are_read(corp: LocalSandbox, wecom: WeComApp):
    crowd = [{"userid": f"many{n}", "name": "同事"} for n in range(501)]
    follow = [{"userid": person["userid"]} for person in crowd]
    corp.control("PUT", "people", crowd)
    corp.control("PUT", "contacts", [{"external_userid": "wmMany", "name": "大客户", "follow": follow}])
    contact = wecom.contacts.get("wmMany")
    assert contact is not None
    assert {binding.wecom_userid for binding in contact.bindings} == {person["userid"] for person in crowd}


def test_an_unknown_contact_is_refused(wecom: WeComApp, place: Place):
    with refused(40096):
        wecom.contacts.get(place.unknown_external_userid)


def test_a_contact_nobody_has_any_more_is_none(corp: LocalSandbox, wecom: WeComApp):
    corp.control("PUT", "contacts", [{"external_userid": "wmLeft", "name": "走了", "follow": []}])
    assert wecom.contacts.get("wmLeft") is None


def test_a_contact_whose_followers_are_out_of_scope_is_refused(corp: LocalSandbox, wecom: WeComApp):
    corp.set_rules(scope=[999_999])
    with refused(40096):
        wecom.contacts.get("wmA")
    with refused(60111):
        wecom.contacts.ids_of("lina")
    with refused(60111):
        list(wecom.contacts.of_users(["lina"]))
    with refused(60111):
        wecom.contacts.remark("lina", "wmA", remark="雯雯")
    with refused(60111):
        wecom.tags.mark("lina", "wmA", add=["et"])
    with refused(60111):
        wecom.contact_ways.close_temp_chat("lina", "wmA")
    assert wecom.contacts.follow_users() == ()


def test_without_the_permission_no_contact_is_read(corp: LocalSandbox, wecom: WeComApp):
    corp.set_rules(contact_api=False)
    with refused(48002):
        wecom.contacts.get("wmA")


def test_the_unionid_is_there_once_a_developer_account_is_bound(wecom: WeComApp, customers: Customers):
    added = customers.add("lina")
    bound = wecom.contacts.get(added["external_userid"])
    with customers.rules(unionid_bound=False):
        unbound = wecom.contacts.get(added["external_userid"])
    assert bound is not None
    assert bound.profile.unionid
    assert unbound is not None
    assert unbound.profile.unionid is None


def test_a_contact_of_another_corp_has_that_corps_fields_and_no_unionid(corp: LocalSandbox, wecom: WeComApp):
    colleague = {
        "external_userid": "woPartner",
        "name": "渠道王总",
        "type": 2,
        "unionid": "oNever",
        "corp_name": "某商场",
        "position": "经理",
        "follow": [{"userid": "lina"}],
    }
    corp.control("PUT", "contacts", [colleague])
    contact = wecom.contacts.get("woPartner")
    assert contact is not None
    profile = contact.profile
    assert (profile.is_wechat, profile.unionid, profile.corp_name, profile.position) == (
        False,
        None,
        "某商场",
        "经理",
    )


def test_a_customer_who_deleted_the_associate_is_still_there(wecom: WeComApp, customers: Customers):
    added = customers.add("lina")["external_userid"]
    customers.do("delete-by-customer", "lina", added)
    contact = wecom.contacts.get(added)
    assert contact is not None
    assert [binding.wecom_userid for binding in contact.bindings] == ["lina"]
    assert added in wecom.contacts.ids_of("lina")
    wecom.contacts.remark("lina", added, remark="流失")


def test_a_customer_the_associate_deleted_is_gone(wecom: WeComApp, customers: Customers):
    added = customers.add("lina")["external_userid"]
    customers.do("delete-by-associate", "lina", added)
    assert wecom.contacts.get(added) is None
    assert added not in wecom.contacts.ids_of("lina")
    with refused(84061):
        wecom.contacts.remark("lina", added, remark="还在吗")


def test_a_half_added_customer_is_no_contact_until_the_associate_confirms(
    wecom: WeComApp, customers: Customers
):
    added = customers.add("lina", half=True)["external_userid"]
    assert wecom.contacts.get(added) is None
    assert added not in wecom.contacts.ids_of("lina")
    with refused(84061):
        wecom.contacts.remark("lina", added, remark="新客")
    customers.do("accept", "lina", added)
    assert wecom.contacts.get(added) is not None


def test_a_customer_added_again_is_bound_from_then_on(
    corp: LocalSandbox, wecom: WeComApp, customers: Customers
):
    added = customers.add("lina", add_way=2)["external_userid"]
    first = wecom.contacts.get(added)
    customers.do("delete-by-customer", "lina", added)
    corp.travel(timedelta(days=3))
    corp.control(
        "POST", "graph/add", {"userid": "lina", "customer": added, "add_way": 3, "by_associate": True}
    )
    again = wecom.contacts.get(added)
    assert first is not None
    assert again is not None
    assert again.bindings[0].bound_at_s - first.bindings[0].bound_at_s >= 3 * 86_400
    assert (again.bindings[0].add_way, again.bindings[0].added_by.lower()) == (3, "lina")


def test_all_bindings_of_some_accounts_are_read_page_by_page(wecom: WeComApp, customers: Customers):
    added = {customers.add("idle")["external_userid"] for _ in range(101)}
    try:
        followed = list(wecom.contacts.of_users(["idle", "wangwei"]))
        mine = [entry for entry in followed if entry.binding.wecom_userid == "idle"]
        assert {entry.profile.external_userid for entry in mine} == added
        assert "wmB" in {entry.profile.external_userid for entry in followed}
    finally:
        for external_userid in added:
            customers.do("delete-by-associate", "idle", external_userid)


def test_more_than_a_hundred_accounts_are_asked_for_a_hundred_at_a_time(corp: LocalSandbox, wecom: WeComApp):
    crowd = [{"userid": f"batch{n}", "name": "同事"} for n in range(101)]
    corp.control("PUT", "people", crowd)
    before = corp.calls().get("externalcontact/batch/get_by_user", 0)
    found = list(wecom.contacts.of_users([person["userid"] for person in crowd] + ["lina"]))
    assert {entry.profile.external_userid for entry in found} >= {"wmA", "wmB"}
    assert corp.calls()["externalcontact/batch/get_by_user"] - before == 2


def test_no_accounts_are_no_call(corp: LocalSandbox, wecom: WeComApp):
    before = corp.calls().get("externalcontact/batch/get_by_user", 0)
    assert list(wecom.contacts.of_users([])) == []
    assert corp.calls().get("externalcontact/batch/get_by_user", 0) == before


def test_accounts_without_a_licence_have_no_bindings_to_read(corp: LocalSandbox, wecom: WeComApp):
    corp.set_rules(unlicensed=["lina"])
    both = list(wecom.contacts.of_users(["lina", "wangwei"]))
    assert {entry.binding.wecom_userid for entry in both} == {"wangwei"}
    with refused(701008):
        list(wecom.contacts.of_users(["lina"]))


def test_a_batch_with_nobody_in_it_is_refused(wecom: WeComApp, place: Place):
    with refused(60111):
        list(wecom.contacts.of_users([place.unknown_userid]))


def test_notes_are_kept_one_by_one(corp: LocalSandbox, wecom: WeComApp, customers: Customers):
    added = customers.add("lina")["external_userid"]
    wecom.contacts.remark("lina", added, remark="陈哥", mobiles=["13800000000"])
    wecom.contacts.remark("lina", added, description="喜欢深色", company="某公司")
    contact = wecom.contacts.get(added)
    assert contact is not None
    (binding,) = contact.bindings
    assert (binding.remark, binding.description, binding.remark_company) == ("陈哥", "喜欢深色", "某公司")
    assert binding.remark_mobiles == ("13800000000",)
    wecom.contacts.remark("lina", added, mobiles=[])
    cleared = wecom.contacts.get(added)
    assert cleared is not None
    assert (cleared.bindings[0].remark, cleared.bindings[0].remark_mobiles) == ("陈哥", ())


def test_a_remark_through_the_api_is_not_told(wecom: WeComApp, customers: Customers):
    added = customers.add("lina")["external_userid"]
    wecom.contacts.remark("lina", added, remark="陈哥")
    assert customers.changes() == ["add_external_contact"]


@pytest.mark.parametrize(
    "notes", [{}, {"remark": "长" * 21}, {"description": "长" * 151}, {"mobiles": [str(n) for n in range(6)]}]
)
def test_notes_too_long_or_none_are_refused(wecom: WeComApp, place: Place, notes: dict[str, str]):
    with refused(40058):
        wecom.contacts.remark(place.userid, place.external_userid, **notes)


def test_a_note_of_somebody_elses_contact_is_refused(wecom: WeComApp, place: Place):
    with refused(84061):
        wecom.contacts.remark(place.idle_userid, place.external_userid, remark="不是我的")
    with refused(60111):
        wecom.contacts.remark(place.unknown_userid, place.external_userid, remark="谁")
    with refused(40096):
        wecom.contacts.remark(place.userid, place.unknown_external_userid, remark="谁")


def test_a_wechat_contact_has_an_openid(wecom: WeComApp, place: Place):
    openid = wecom.contacts.openid_of(place.external_userid)
    assert openid
    assert openid == wecom.contacts.openid_of(place.external_userid)


def test_an_unknown_contact_has_no_openid(wecom: WeComApp, place: Place):
    with refused(40096):
        wecom.contacts.openid_of(place.unknown_external_userid)


def test_a_self_built_app_may_not_convert_a_unionid(corp: LocalSandbox):
    with pytest.raises(WeComRejected) as caught:
        corp.client().post(
            "externalcontact/unionid_to_external_userid", data={"unionid": "oU", "openid": "oO"}
        )
    assert caught.value.errcode == 48002
