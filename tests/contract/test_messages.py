"""App messages: message/send and message/recall (facts 3.14, 5.1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.wecom.apis.media import MediaKind
from app.wecom.app import WeComApp
from app.wecom.bodies import Content, File, Markdown, Text, TextCard, render
from app.wecom.errors import WeComMisconfigured, WeComRejected, WeComRetryable
from app.wecom.port import Credentials, SentMessage
from tests.contract import samples
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import OURS, LocalSandbox

URL = "http://localhost:8000/h5/worklist"
Send = Callable[..., dict[str, Any]]


@pytest.fixture
def reader(corp: LocalSandbox) -> str:
    return samples.new_member(corp)


@pytest.fixture
def send(corp: LocalSandbox, reader: str) -> Send:
    """message/send with any body at all, to `reader` unless said otherwise."""
    client = corp.client()

    def send(**changes: Any) -> dict[str, Any]:
        body = {"touser": reader, "agentid": OURS.agent_id, "msgtype": "text", "text": {"content": "您好"}}
        body |= changes
        sent = {name: value for name, value in body.items() if value is not None}
        answer: dict[str, Any] = client.post("message/send", data=sent)
        return answer

    return send


def port_send(wecom: WeComApp, userids: tuple[str, ...], content: Content) -> SentMessage:
    return wecom.send_app_message(render(OURS.agent_id, userids, content))


def test_a_message_is_sent(wecom: WeComApp, place: Place, credentials: Credentials):
    sent = wecom.send_app_message(render(credentials.agent_id, (place.userid.upper(),), Text("契约测试")))
    assert sent.msgid
    assert sent.invalid_userids == frozenset()


def test_part_of_the_receivers_may_be_nobody(wecom: WeComApp, place: Place, credentials: Credentials):
    named = (place.userid, place.unknown_userid.upper())
    sent = wecom.send_app_message(render(credentials.agent_id, named, Text("契约测试")))
    assert sent.invalid_userids == {place.unknown_userid.lower()}


def test_no_receiver_at_all_is_81013(wecom: WeComApp, place: Place, credentials: Credentials):
    with refused(81013):
        wecom.send_app_message(render(credentials.agent_id, (place.unknown_userid,), Text("契约测试")))


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (Text("字" * 1000), {"content": "字" * 682}),
        (Markdown("**字**"), {"content": "**字**"}),
        (
            TextCard("标题", ("一<行>",), URL, "去看看吧朋友"),
            {
                "title": "标题",
                "description": '<div class="normal">一＜行＞</div>',
                "url": URL,
                "btntxt": "去看看吧",
            },
        ),
    ],
)
def test_texts_arrive_as_wecom_shows_them(
    corp: LocalSandbox, reader: str, content: Content, shown: dict[str, Any]
):
    port_send(corp.app(), (reader,), content)
    assert [message["body"] for message in corp.messages(reader)] == [shown]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (MediaKind.IMAGE, samples.png()),
        (MediaKind.VOICE, samples.AMR),
        (MediaKind.VIDEO, samples.mp4(3)),
        (MediaKind.FILE, b"a,b,c\n1,2,3\n"),
    ],
)
def test_media_are_sent_by_their_id(corp: LocalSandbox, reader: str, kind: MediaKind, content: bytes):
    wecom = corp.app()
    uploaded = wecom.media.upload(kind, "附件", content)
    port_send(wecom, (reader,), File(kind.value, uploaded.media_id))
    [message] = corp.messages(reader)
    assert (message["msgtype"], message["body"]["media_id"]) == (kind.value, uploaded.media_id)


@pytest.mark.parametrize("kind", ["image", "voice", "video", "file"])
def test_a_media_id_of_another_kind_or_none_is_40007(corp: LocalSandbox, send: Send, kind: str):
    other = MediaKind.FILE if kind != "file" else MediaKind.IMAGE
    media_id = corp.app().media.upload(other, "别的", samples.png()).media_id
    for wrong in (media_id, "made-up"):
        with refused(40007):
            send(msgtype=kind, **{kind: {"media_id": wrong}})


def test_a_media_id_is_good_for_three_days(corp: LocalSandbox, send: Send):
    media_id = corp.app().media.upload(MediaKind.FILE, "表.csv", b"a,b,c\n1").media_id
    message = {"msgtype": "file", "file": {"media_id": media_id}}
    corp.travel(timedelta(days=3) - timedelta(minutes=5))
    send(**message)
    corp.travel(timedelta(days=3, minutes=5))
    with refused(40007):
        send(**message)


def test_articles_are_sent(corp: LocalSandbox, reader: str, send: Send):
    send(msgtype="news", news={"articles": [{"title": "新品", "url": URL}] * 8})
    thumb = corp.app().media.upload(MediaKind.IMAGE, "图.png", samples.png()).media_id
    article = {"title": "周报", "thumb_media_id": thumb, "content": "<p>正文</p>"}
    send(msgtype="mpnews", mpnews={"articles": [article]}, safe=2)
    assert [message["msgtype"] for message in corp.messages(reader)] == ["news", "mpnews"]


def test_a_mini_program_notice_needs_a_linked_mini_program(corp: LocalSandbox, send: Send):
    notice = {"appid": "wx123", "title": "会员日提醒", "content_item": [{"key": "门店", "value": "万象城"}]}
    message = {"msgtype": "miniprogram_notice", "miniprogram_notice": notice}
    with pytest.raises(WeComMisconfigured) as caught:
        send(**message)
    assert caught.value.errcode == 48002
    corp.set_rules(mini_program="wx123")
    assert send(**message)["msgid"]
    with refused(40031):
        send(touser="@all", **message)
    wrongs: list[tuple[dict[str, Any], int]] = [
        ({"appid": ""}, 90200),
        ({"appid": "wx999"}, 90207),
        ({"content_item": [{"key": "k", "value": "v"}] * 11}, 90201),
        ({"content_item": [{"key": "一" * 11, "value": "v"}]}, 90202),
        ({"content_item": [{"key": "k", "value": "一" * 31}]}, 90203),
        ({"title": "短"}, 40058),
    ]
    for wrong, errcode in wrongs:
        with refused(errcode):
            send(msgtype="miniprogram_notice", miniprogram_notice={**notice, **wrong})


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"touser": ""}, 82001),
        ({"touser": "|".join(f"u{n}" for n in range(1001))}, 40032),
        ({"toparty": "|".join(map(str, range(101)))}, 82002),
        ({"totag": "|".join(map(str, range(101)))}, 82003),
        ({"agentid": None}, 41011),
        ({"msgtype": "shout"}, 40008),
        ({"text": {"content": ""}}, 44004),
        ({"msgtype": "textcard", "textcard": {"title": "t", "url": URL}}, 41033),
        ({"msgtype": "textcard", "textcard": {"title": "t", "description": "d", "url": "x.cn"}}, 45034),
        ({"msgtype": "news", "news": {"articles": [{"title": "t", "url": URL}] * 9}}, 45008),
        ({"msgtype": "news", "news": {"articles": [{"url": URL}]}}, 41016),
        ({"msgtype": "news", "news": {"articles": [{"title": "t", "url": URL}]}, "safe": 1}, 40074),
        ({"safe": 2}, 40058),
    ],
)
def test_a_wrong_message_is_refused(corp: LocalSandbox, reader: str, send: Send, changes: Any, errcode: int):
    with refused(errcode):
        send(**changes)
    assert corp.messages(reader) == []


@pytest.mark.parametrize(("agent_id", "errcode"), [(1, 40056), ("1000002", 40056)])
def test_an_agent_id_that_is_none_of_the_corps_is_our_mistake(send: Send, agent_id: object, errcode: int):
    with pytest.raises(WeComMisconfigured) as caught:
        send(agentid=agent_id)
    assert caught.value.errcode == errcode


def test_a_department_and_everybody_can_be_addressed(corp: LocalSandbox, send: Send):
    first, second = (samples.new_member(corp, "信箱/分信箱") for _ in range(2))
    ids = {row["name"]: row["id"] for row in corp.control("GET", "organisation")["departments"]}
    answer = send(touser=None, toparty=f"{ids['信箱']}|9999", totag="7")
    assert (answer["invalidparty"], answer["invalidtag"]) == ("9999", "7")
    assert [len(corp.messages(userid)) for userid in (first, second)] == [1, 1]
    send(touser="@all")
    assert [len(corp.messages(userid)) for userid in (first, second)] == [2, 2]


def test_ids_become_names_where_wanted(corp: LocalSandbox, reader: str, send: Send):
    text = {
        "content": "$userName=lina$ 与 $userAliasOrName=WangWei$ 在 $departmentName=1$，$userName=nobody$"
    }
    send(text=text)
    send(text=text, enable_id_trans=1)
    plain, named = (message["body"]["content"] for message in corp.messages(reader))
    assert plain == text["content"]
    assert named == "李娜 与 王伟 在 企业，$userName=nobody$"


def test_whom_the_app_may_not_see_it_cannot_reach(corp: LocalSandbox, reader: str, send: Send):
    outside = samples.new_member(corp, "范围外")
    ids = {row["name"]: row["id"] for row in corp.control("GET", "organisation")["departments"]}
    corp.set_rules(scope=[ids["收件部"]])
    assert send(touser=f"{reader}|{outside}")["invaliduser"] == outside
    with refused(81013):
        send(touser=outside)
    with refused(81013):
        send(touser=None, toparty=str(ids["范围外"]))
    send(touser="@all")
    assert (len(corp.messages(reader)), corp.messages(outside)) == (2, [])


def test_members_without_a_licence_are_named(corp: LocalSandbox, reader: str, send: Send):
    without = samples.new_member(corp)
    corp.set_rules(unlicensed=[without])
    assert send(touser=f"{reader}|{without}")["unlicenseduser"] == without
    with refused(701008):
        send(touser=without)
    assert corp.messages(without) == []


def test_the_same_body_is_delivered_once_within_four_hours(corp: LocalSandbox, reader: str):
    wecom = corp.app()
    first = port_send(wecom, (reader,), Text("只说一次"))
    assert port_send(wecom, (reader,), Text("只说一次")) == first
    corp.travel(timedelta(hours=4, minutes=1))
    assert port_send(wecom, (reader,), Text("只说一次")).msgid != first.msgid
    assert len(corp.messages(reader)) == 2


def test_the_surplus_of_a_minute_vanishes_without_a_word(corp: LocalSandbox, reader: str, send: Send):
    for number in range(31):
        send(text={"content": str(number)})
    states = [message["state"] for message in corp.messages(reader)]
    assert (states.count("delivered"), states.count("dropped")) == (30, 1)


def test_an_app_may_send_so_much_a_day(corp: LocalSandbox, send: Send):
    corp.travel(samples.to_noon(400))  # a day on which nothing was sent yet
    corp.set_rules(account_limit=0)
    with pytest.raises(WeComRetryable, match="45009"):
        send()
    corp.set_rules()
    assert corp.app().send_app_message(render(OURS.agent_id, ("lina",), Text("明天"))).msgid


def test_a_message_is_recalled_within_a_day(wecom: WeComApp, place: Place, credentials: Credentials):
    sent = wecom.send_app_message(render(credentials.agent_id, (place.userid,), Text("撤回我")))
    wecom.messages.recall(sent.msgid)


def test_a_recalled_message_is_off_the_phone(corp: LocalSandbox, reader: str):
    wecom = corp.app()
    sent = port_send(wecom, (reader,), Text("撤回我"))
    wecom.messages.recall(sent.msgid)
    assert [message["state"] for message in corp.messages(reader)] == ["recalled"]


def test_a_message_older_than_a_day_stays(corp: LocalSandbox, reader: str):
    wecom = corp.app()
    sent = port_send(wecom, (reader,), Text("太晚了"))
    corp.travel(timedelta(hours=24, minutes=1))
    with refused(42052):
        wecom.messages.recall(sent.msgid)
    assert [message["state"] for message in corp.messages(reader)] == ["delivered"]


def test_a_message_nobody_sent_is_not_recalled(wecom: WeComApp):
    with refused(40058):
        wecom.messages.recall("made-up")


def test_a_refusal_is_final_and_names_the_path(send: Send):
    with pytest.raises(WeComRejected) as caught:
        send(touser="")
    assert caught.value.path == "message/send"
