"""What the port gives, against the running sandbox: every operation, its success and the refusals we handle."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from app.wecom.bodies import NoticeCard, Text, TextCard, render
from app.wecom.errors import WeComRejected
from app.wecom.jssdk import sign
from app.wecom.oauth import LoginPages
from app.wecom.sandbox_control import SandboxControl
from tests.wecom.local_sandbox import OURS, LocalSandbox

pytestmark = pytest.mark.process
BACK = "http://lina.localhost:8000/h5/login"
PAGE = "http://lina.localhost:8000/h5/"


def pages(sandbox: LocalSandbox) -> LoginPages:
    return LoginPages(OURS.corp_id, OURS.agent_id, sandbox.url, sandbox.url)


def card(title: str) -> TextCard:
    return TextCard(
        title, ("林晓雯 · 30 分钟回访", "陈先生 · <b>生日</b>"), f"{PAGE}worklist#{title}", "去联系"
    )


def test_a_card_arrives_as_it_was_rendered(sandbox: LocalSandbox):
    sent = sandbox.app().send_app_message(render(OURS.agent_id, ("LiNa",), card("2 位会员等您联系")))
    message = sandbox.messages("lina")[-1]
    assert (message["msgid"], message["msgtype"]) == (sent.msgid, "textcard")
    assert sent.invalid_userids == frozenset()
    assert message["body"]["title"] == "2 位会员等您联系"
    assert "＜b＞生日＜/b＞" in message["body"]["description"]
    assert message["body"]["btntxt"] == "去联系"


@pytest.mark.parametrize(
    "content", [Text("您好"), NoticeCard("标题", "说明", (("会员", "林晓雯"),), PAGE)], ids=["text", "notice"]
)
def test_other_kinds_of_message_arrive(sandbox: LocalSandbox, content: Text | NoticeCard):
    sandbox.app().send_app_message(render(OURS.agent_id, ("wangwei",), content))
    assert sandbox.messages("wangwei")[-1]["msgtype"] == content.as_dict()["msgtype"]


def test_the_same_body_twice_is_shown_once(sandbox: LocalSandbox):
    body, before = render(OURS.agent_id, ("wangwei",), card("一次")), len(sandbox.messages("wangwei"))
    first, second = sandbox.app().send_app_message(body), sandbox.app().send_app_message(body)
    assert first == second
    assert len(sandbox.messages("wangwei")) == before + 1


def test_unknown_receivers_are_named_in_lower_case(sandbox: LocalSandbox):
    body = render(OURS.agent_id, ("LiNa", "Nobody"), card("部分"))
    assert sandbox.app().send_app_message(body).invalid_userids == {"nobody"}


def test_nobody_but_unknown_receivers_is_a_refusal(sandbox: LocalSandbox):
    with pytest.raises(WeComRejected) as caught:
        sandbox.app().send_app_message(render(OURS.agent_id, ("nobody",), card("无人")))
    assert caught.value.errcode == 81013


def test_long_contents_stay_within_the_limits():
    content = json.loads(render(1, ("a",), TextCard("题" * 200, ("行" * 60,) * 20, PAGE, "一二三四五")))[
        "textcard"
    ]
    assert len(content["title"]) == 128
    assert len(content["description"]) <= 512
    assert content["description"].endswith("</div>")
    assert content["btntxt"] == "一二三四"
    text = json.loads(render(1, ("a",), Text("字" * 2000)))["text"]["content"]
    assert len(text.encode()) <= 2048


@pytest.mark.parametrize("receivers", [(), tuple(f"u{n}" for n in range(1001))], ids=["none", "too many"])
def test_a_body_has_receivers_but_not_too_many(receivers: tuple[str, ...]):
    with pytest.raises(ValueError, match="receivers"):
        render(1, receivers, Text("您好"))


@pytest.mark.parametrize("page", ["authorize_url", "qr_login_url"])
def test_a_code_names_its_person_once(sandbox: LocalSandbox, page: str):
    back = urlsplit(sandbox.scan(getattr(pages(sandbox), page)(BACK, "state123"), "LiNa"))
    query = parse_qs(back.query)
    assert query["state"] == ["state123"]
    app = sandbox.app()
    assert app.login_of(query["code"][0]).wecom_userid == "lina"
    with pytest.raises(WeComRejected) as caught:
        app.login_of(query["code"][0])
    assert caught.value.errcode == 42022


def test_an_unknown_code_is_refused(sandbox: LocalSandbox):
    with pytest.raises(WeComRejected) as caught:
        sandbox.app().login_of("made-up")
    assert caught.value.errcode == 40029


@pytest.mark.parametrize("state", ["", "a b", "a" * 129, "状态"])
def test_a_state_wecom_would_not_return_is_refused(sandbox: LocalSandbox, state: str):
    with pytest.raises(ValueError, match="state"):
        pages(sandbox).authorize_url(BACK, state)


def test_signatures_match_the_official_sample():
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    url = "http://mp.weixin.qq.com?params=value"
    signed = sign(ticket, f"{url}#part", 1414587457, "Wm3WZYTPz0wzccnW")
    assert signed.signature == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_the_corp_ticket_and_the_agent_ticket_sign_for_themselves_only(sandbox: LocalSandbox):
    app = sandbox.app()
    for kind, ticket in (("corp", app.corp_ticket()), ("agent", app.agent_ticket())):
        signed = sign(ticket, PAGE, 1_760_000_000)
        other = {"corp": "agent", "agent": "corp"}[kind]
        given = (PAGE, signed.timestamp, signed.nonce, signed.signature)
        assert sandbox.verify_signature(kind, *given) == 0
        assert sandbox.verify_signature(other, *given) == 40093


def test_tickets_are_fetched_once(sandbox: LocalSandbox):
    app, before = sandbox.app(), sandbox.calls()
    for _ in range(5):
        app.corp_ticket()
        app.agent_ticket()
    after = sandbox.calls()
    assert after["get_jsapi_ticket"] - before.get("get_jsapi_ticket", 0) == 1
    assert after["ticket/get"] - before.get("ticket/get", 0) == 1


def test_an_account_is_read(sandbox: LocalSandbox):
    account = sandbox.app().people.get("lina")
    assert (account.wecom_userid, account.name, account.position, account.is_active) == (
        "lina",
        "李娜",
        "导购",
        True,
    )
    assert account.department_ids == (account.main_department_id,)
    with pytest.raises(WeComRejected) as caught:
        sandbox.app().people.get("nobody")
    assert caught.value.errcode == 60111


def test_the_sandbox_takes_our_clock_and_any_number_of_people(sandbox: LocalSandbox):
    control = SandboxControl(sandbox.url)
    control.set_clock(timedelta(seconds=1))
    assert sandbox.state()["offset_us"] == 1_000_000
    assert control.put_people({"userid": f"crowd{n}", "name": "群众"} for n in range(2500)) == 2500
    assert control.put_people([]) == 0
    assert sandbox.state()["people"] >= 2500
