"""Who is logged in: OAuth with and without private details, the mini program (facts 3.2, 7.4)."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from app.wecom.apis.logins import PersonalDetail
from app.wecom.app import WeComApp
from app.wecom.errors import WeComMisconfigured
from app.wecom.oauth import LoginPages
from app.wecom.port import Login
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import OURS, LocalSandbox

BACK = "http://localhost:8000/h5/signed-in"


def pages(corp: LocalSandbox) -> LoginPages:
    return LoginPages(OURS.corp_id, OURS.agent_id, corp.url, corp.url)


def code_of(corp: LocalSandbox, name: str, *, private: bool = False, agreed: str | None = None) -> str:
    """The code that comes back when this member, or this customer in WeChat, opens the login page."""
    url = pages(corp).authorize_url(BACK, "state1", private=private).partition("#")[0]
    answer = "" if agreed is None else f"&agreed={agreed}"
    location = corp.scan(url + answer, name)
    query = parse_qs(urlsplit(location).query)
    assert query["state"] == ["state1"]
    return query["code"][0]


def mini_program_code(corp: LocalSandbox, userid: str) -> str:
    return str(corp.control("POST", "mini-program/code", {"userid": userid})["code"])


@pytest.fixture
def linked(corp: LocalSandbox) -> LocalSandbox:
    """A corp whose app is linked to a mini program."""
    corp.set_rules(mini_program="wx123")
    return corp


def test_a_member_is_known_by_the_code(corp: LocalSandbox):
    assert corp.app().login_of(code_of(corp, "LiNa")) == Login("lina", None, None)


def test_a_code_of_the_qr_page_is_as_good(corp: LocalSandbox):
    location = corp.scan(pages(corp).qr_login_url(BACK, "state1"), "wangwei")
    code = parse_qs(urlsplit(location).query)["code"][0]
    assert corp.app().login_of(code).wecom_userid == "wangwei"


def test_a_customer_is_known_where_a_follower_is_seen(corp: LocalSandbox):
    login = corp.app().login_of(code_of(corp, "wmA"))
    assert (login.wecom_userid, login.external_userid) == (None, "wmA")
    assert login.openid
    ids = {row["name"]: row["id"] for row in corp.control("GET", "organisation")["departments"]}
    corp.set_rules(scope=[ids["总部"]])
    login = corp.app().login_of(code_of(corp, "wmA"))
    assert (login.external_userid, bool(login.openid)) == (None, True)


def test_an_unknown_code_is_40029_and_none_41008(wecom: WeComApp):
    with refused(40029):
        wecom.login_of("made-up")
    with refused(41008):
        wecom.login_of("")


def test_a_code_is_used_once_and_within_five_minutes(corp: LocalSandbox):
    used, late = (code_of(corp, "lina") for _ in range(2))
    corp.app().login_of(used)
    with refused(42022):
        corp.app().login_of(used)
    corp.travel(timedelta(minutes=6))
    with refused(42003):
        corp.app().login_of(late)


def test_a_member_out_of_scope_gets_no_code(corp: LocalSandbox):
    ids = {row["name"]: row["id"] for row in corp.control("GET", "organisation")["departments"]}
    corp.set_rules(scope=[ids["总部"]])
    url = pages(corp).authorize_url(BACK, "state1").partition("#")[0]
    answer = requests.get(f"{url}&as=lina", allow_redirects=False, timeout=30)
    assert (answer.status_code, "50002" in answer.text) == (400, True)


def test_private_details_are_asked_for_once(corp: LocalSandbox):
    corp.control("PUT", "people", [{"userid": "shy", "name": "羞", "department": "总部"}])
    url = pages(corp).authorize_url(BACK, "state1", private=True).partition("#")[0]
    asked = requests.get(f"{url}&as=shy", allow_redirects=False, timeout=30)
    assert (asked.status_code, "只问这一次" in asked.text) == (200, True)
    wecom = corp.app()
    first = wecom.login_of(code_of(corp, "shy", private=True, agreed="mobile,avatar"))
    again = wecom.login_of(code_of(corp, "shy", private=True))
    for login in (first, again):
        assert login.user_ticket
        detail = wecom.logins.detail(login.user_ticket)
        assert detail.wecom_userid == "shy"
        assert (bool(detail.mobile), bool(detail.avatar), detail.email) == (True, True, "")


def test_who_does_not_agree_is_known_by_name_only(corp: LocalSandbox):
    wecom = corp.app()
    login = wecom.login_of(code_of(corp, "idle", private=True, agreed=""))
    assert login.user_ticket
    assert wecom.logins.detail(login.user_ticket) == PersonalDetail("idle", "", "", "", "")


def test_a_silent_login_has_no_ticket(corp: LocalSandbox):
    assert corp.app().login_of(code_of(corp, "lina")).user_ticket is None


def test_a_ticket_lives_half_an_hour(corp: LocalSandbox):
    wecom = corp.app()
    ticket = wecom.login_of(code_of(corp, "wangwei", private=True, agreed="email")).user_ticket
    assert ticket
    corp.travel(timedelta(seconds=1_740))
    assert wecom.logins.detail(ticket).email
    corp.travel(timedelta(seconds=1_860))
    with refused(84014):
        wecom.logins.detail(ticket)


def test_an_unknown_ticket_is_84015(wecom: WeComApp):
    with refused(84015):
        wecom.logins.detail("made-up")


def test_the_mini_program_tells_who_opened_it(linked: LocalSandbox):
    login = linked.app().logins.mini_program(mini_program_code(linked, "LiNa"))
    assert (login.corp_id, login.wecom_userid) == (OURS.corp_id, "lina")


def test_a_mini_program_code_is_used_once_and_within_five_minutes(linked: LocalSandbox):
    logins = linked.app().logins
    used, late = (mini_program_code(linked, "lina") for _ in range(2))
    logins.mini_program(used)
    with refused(40029):
        logins.mini_program(used)
    linked.travel(timedelta(minutes=6))
    with refused(40029):
        logins.mini_program(late)


def test_a_made_up_mini_program_code_is_40029(linked: LocalSandbox):
    with refused(40029):
        linked.app().logins.mini_program("made-up")


def test_an_app_without_a_linked_mini_program_is_48002(corp: LocalSandbox):
    with pytest.raises(WeComMisconfigured) as caught:
        corp.app().logins.mini_program(mini_program_code(corp, "lina"))
    assert caught.value.errcode == 48002


def test_the_grant_type_is_fixed(linked: LocalSandbox):
    code = mini_program_code(linked, "lina")
    with refused(40058):
        linked.client().get("miniprogram/jscode2session", params={"js_code": code, "grant_type": "other"})


def test_a_launch_code_opens_a_chat(wecom: WeComApp, place: Place):
    assert wecom.logins.launch_code(place.userid, place.other_userid)


def test_a_launch_code_for_nobody_is_40003(wecom: WeComApp, place: Place):
    with refused(40003):
        wecom.logins.launch_code(place.userid, place.unknown_userid)
