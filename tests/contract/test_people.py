"""Accounts of the corp (facts 3.3): user/get, list, simplelist, list_id, getuserid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.wecom.apis.people import AccountStatus
from app.wecom.app import WeComApp
from app.wecom.errors import WeComRetryable
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import CONTACTS_SECRET, OURS, LocalSandbox

CROWD = [{"userid": f"crew{n}", "name": f"店员{n}", "department": "华东/静安店"} for n in range(12)]


@pytest.fixture
def crew(corp: LocalSandbox) -> Iterator[LocalSandbox]:
    """A corp with a store of twelve, one of whom leads it, works in two departments and has a mobile number."""
    lead = {
        **CROWD[0],
        "department": ["华东/静安店", "华东"],
        "leader": True,
        "position": "店长",
        "alias": "老大",
        "mobile": "13900000001",
        "direct_leader": "lina",
    }
    corp.control("PUT", "people", [lead, *CROWD[1:]])
    corp.control("DELETE", "organisation/wrong-mobiles")
    yield corp
    corp.control("DELETE", "organisation/wrong-mobiles")
    corp.set_rules()


def ids_by_name(corp: LocalSandbox) -> dict[str, int]:
    return {row["name"]: row["id"] for row in corp.control("GET", "organisation")["departments"]}


@pytest.fixture
def sync(corp: LocalSandbox) -> WeComApp:
    """The same corp by its contacts-sync secret."""
    return corp.app(replace(OURS, agent_id=0, secret=CONTACTS_SECRET))


def test_an_account_is_read_whatever_the_case(wecom: WeComApp, place: Place):
    account = wecom.people.get(place.userid.upper())
    assert account.wecom_userid == place.userid
    assert account.name
    assert account.status is AccountStatus.ACTIVE
    assert account.is_active
    assert account.main_department_id in account.department_ids


def test_an_unknown_account_is_60111_and_nobody(wecom: WeComApp, place: Place):
    with refused(60111):
        wecom.people.get(place.unknown_userid)
    assert wecom.people.find(place.unknown_userid) is None


def test_a_name_no_account_has_is_40003_and_nobody_too(crew: LocalSandbox):
    crew.plant("user/get", "errcode", value=40003)
    assert crew.app().people.find("zhangsan") is None


def test_no_userid_is_41009(wecom: WeComApp):
    with refused(41009):
        wecom.people.get("")


def test_departments_leadership_and_leader_are_told(crew: LocalSandbox):
    account, ids = crew.app().people.get("crew0"), ids_by_name(crew)
    assert account.department_ids == (ids["静安店"], ids["华东"])
    assert (account.main_department_id, account.leads) == (ids["静安店"], frozenset({ids["静安店"]}))
    assert (account.alias, account.position, account.direct_leaders) == ("老大", "店长", ("lina",))


@pytest.mark.parametrize("status", [2, 4, 5])
def test_disabled_not_activated_and_left_accounts_are_told_apart(crew: LocalSandbox, status: int):
    crew.control("PATCH", "organisation/people/crew1", {"status": status})
    account = crew.app().people.get("crew1")
    assert (account.status, account.is_active) == (AccountStatus(status), False)


def test_a_deleted_account_is_nobody(crew: LocalSandbox):
    crew.control("DELETE", "organisation/people/crew2")
    assert crew.app().people.find("crew2") is None


def test_a_department_lists_its_direct_members(wecom: WeComApp, place: Place):
    department_id = int(place.department_id)
    accounts = wecom.people.of_department(department_id)
    assert accounts
    assert all(department_id in account.department_ids for account in accounts)
    names = wecom.people.names_of_department(department_id)
    assert {(each.wecom_userid, each.name) for each in names} == {
        (account.wecom_userid, account.name) for account in accounts
    }


def test_members_below_a_department_are_not_its_own(crew: LocalSandbox):
    ids, people = ids_by_name(crew), crew.app().people
    assert [account.wecom_userid for account in people.of_department(ids["华东"])] == ["crew0"]
    assert {f"crew{n}" for n in range(12) if n != 2} <= {
        account.wecom_userid for account in people.of_department(ids["静安店"])
    }


LISTS: list[Callable[[WeComApp, Any], object]] = [
    lambda wecom, department: wecom.people.of_department(department),
    lambda wecom, department: wecom.people.names_of_department(department),
]


@pytest.mark.parametrize("ask", LISTS, ids=["list", "simplelist"])
@pytest.mark.parametrize(("department", "errcode"), [(9_999_999, 60003), ("x", 60123), ("", 60123)])
def test_members_of_no_department_are_refused(
    wecom: WeComApp, ask: Callable[[WeComApp, Any], object], department: Any, errcode: int
):
    with refused(errcode):
        ask(wecom, department)


@pytest.mark.parametrize("ask", LISTS, ids=["list", "simplelist"])
def test_members_of_a_department_out_of_scope_are_60011(
    crew: LocalSandbox, ask: Callable[[WeComApp, Any], object]
):
    ids = ids_by_name(crew)
    crew.set_rules(scope=[ids["总部"]])
    with refused(60011):
        ask(crew.app(), ids["静安店"])


def test_an_account_out_of_scope_is_60111(crew: LocalSandbox):
    ids = ids_by_name(crew)
    crew.set_rules(scope=[ids["总部"]])
    assert crew.app().people.find("crew3") is None
    crew.set_rules(scope=[ids["华东"]])
    assert crew.app().people.find("crew3") is not None


def test_the_contacts_sync_secret_lists_every_id_page_by_page(crew: LocalSandbox, sync: WeComApp):
    ids = ids_by_name(crew)
    whole = set(sync.people.ids())
    assert {("crew0", ids["静安店"]), ("crew0", ids["华东"]), ("idle", ids["总部"])} <= whole
    assert set(sync.people.ids(limit=3)) == whole
    with refused(40058):
        list(sync.people.ids(limit=10_001))


def test_an_ordinary_app_may_not_list_ids(wecom: WeComApp):
    with refused(48002):
        list(wecom.people.ids())


def test_the_contacts_sync_secret_gets_no_details(sync: WeComApp):
    for ask in (
        lambda: sync.people.get("lina"),
        lambda: sync.people.of_department(2),
        lambda: sync.people.names_of_department(2),
    ):
        with refused(48009):
            ask()


def test_the_contacts_sync_secret_sends_nothing(sync: WeComApp):
    with refused(48002):
        sync.send_app_message('{"touser":"lina","agentid":0,"msgtype":"text","text":{"content":"x"}}')


def test_a_mobile_leads_to_its_account(crew: LocalSandbox):
    assert crew.app().people.userid_of("13900000001") == "crew0"
    assert crew.app().people.userid_of("13900000009") is None


def wrong_mobiles_answered(wecom: WeComApp, most: int) -> int:
    """How many numbers nobody has are answered before the block; `most` where it does not come."""
    for asked in range(most):
        try:
            assert wecom.people.userid_of(f"1380000{asked:04d}") is None
        except WeComRetryable:
            return asked
    return most


def test_too_many_wrong_mobiles_block_the_question_for_a_day(crew: LocalSandbox):
    heads = crew.state()["people"]
    assert 1 <= wrong_mobiles_answered(crew.app(), heads) <= heads / 5 + 1
    with pytest.raises(WeComRetryable):
        crew.app().people.userid_of("13900000001")
    crew.travel(timedelta(days=1, minutes=1))
    assert crew.app().people.userid_of("13900000001") == "crew0"


def test_a_list_too_large_for_one_answer_is_45029(crew: LocalSandbox):
    crew.plant("user/list", "errcode", value=45029)
    with refused(45029):
        crew.app().people.of_department(2)
