"""What a member's and a customer's phone do beside talking: adding, parting, scanning, cards, sends, moments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.sandbox.hosts import customer_label_of, customer_of, is_together, userid_of
from tests.sandbox.corp import AGENT, DAY, answer_of

LINA = {"Host": "lina.localhost:8001"}
WANGWEI = {"Host": "wangwei.localhost:8001"}


def phone_of(external_userid: str) -> dict[str, str]:
    return {"Host": f"{customer_label_of(external_userid)}.localhost:8001"}


def events(client) -> list[dict[str, Any]]:
    """What WeCom would tell the app, oldest first."""
    return [event["fields"] for event in answer_of(client.get("/sandbox/callbacks"))["callbacks"]]


def changes(client) -> list[tuple[str, str]]:
    return [(event["ChangeType"], event["ExternalUserID"]) for event in events(client)]


@pytest.fixture
def way(api) -> Callable[..., str]:
    """Makes a contact way; gives the address its code says."""

    def make(**fields: Any) -> str:
        body = {"type": 1, "scene": 2, "user": ["lina"], **fields}
        return str(api.post("externalcontact/add_contact_way", body)["qr_code"])

    return make


def test_a_customers_phone_is_a_host_that_keeps_the_case_of_the_id():
    for external_userid in ("wmA", "wma", "wm" + "x" * 30, "wo_-1"):
        label = customer_label_of(external_userid)
        assert customer_of(f"{label}.localhost:8001") == external_userid
        assert customer_of(f"{label}.phones.localhost") == external_userid
        assert userid_of(f"{label}.localhost") is None
    assert customer_of("lina.localhost") is None
    assert customer_of("c--!.localhost") is None


def test_phones_side_by_side_are_below_one_name():
    assert userid_of("lina.phones.localhost:8001") == "lina"
    assert [is_together(host) for host in ("phones.localhost:8001", "a.phones.localhost", "a.localhost")] == [
        True,
        True,
        False,
    ]
    assert userid_of("phones.localhost") is None
    assert userid_of("a.b.phones.localhost") is None


def test_side_by_side_frames_up_to_four_phones(seeded):
    led = seeded.get("/phones?ids=lina,wmA", headers={"Host": "localhost:8001"})
    assert led.location == "http://phones.localhost:8001/phones?ids=lina,wmA"
    shown = seeded.get(
        "/phones?ids=lina,wmA,nobody,lina&ids=wangwei&ids=wmB&ids=idle",
        headers={"Host": "phones.localhost:8001"},
    )
    assert shown.text.count("<iframe") == 4
    assert "还有 1 部没有打开" in shown.text
    assert 'src="http://lina.phones.localhost:8001/phone"' in shown.text
    assert f'src="http://{customer_label_of("wmA")}.phones.localhost:8001/customer"' in shown.text
    framed = seeded.get("/phone", headers={"Host": "lina.phones.localhost:8001"}).text
    assert 'data-toolbar-url="http://lina.phones.localhost:8000/h5/"' in framed
    nobody = seeded.get("/phones?ids=nobody", headers={"Host": "phones.localhost:8001"})
    assert "没有找到要打开的手机" in nobody.text


def test_a_new_person_gets_a_phone(seeded):
    made = answer_of(seeded.post("/customers", json={"name": "孙悦"}))
    page = seeded.get("/customer", headers={"Host": f"{made['label']}.localhost:8001"})
    assert "顾客孙悦的手机" in page.text
    [found] = answer_of(seeded.get("/customers?q=孙悦"))["customers"]
    assert (found["external_userid"], found["members"]) == (made["external_userid"], "")
    assert seeded.post("/customers", json={"name": " "}).status_code == 409


def test_hosts_lead_to_their_phones(seeded):
    assert seeded.get("/", headers=phone_of("wmA")).location == "/phone"
    assert seeded.get("/phone", headers=phone_of("wmA")).location == "/customer"
    assert seeded.get("/customer", headers=LINA).location == "http://localhost:8001/"
    assert seeded.get("/customer/feed", headers=LINA).status_code == 404
    assert seeded.get("/phone/sends", headers=phone_of("wmA")).status_code == 404


def test_customers_are_found_by_name_remark_and_id(seeded):
    def ids(search: str) -> list[str]:
        found = answer_of(seeded.get("/customers", query_string={"q": search}))["customers"]
        return [customer["external_userid"] for customer in found]

    assert ids("林晓") == ids("晓雯") == ids("wmA") == ["wmA"]
    assert set(ids("")) == {"wmA", "wmB", "wmC"}
    said = {"from": "customer", "msgtype": "text", "text": {"content": "在吗"}}
    seeded.post("/sandbox/chats/lina/wmB", json=said)
    assert ids("")[0] == "wmB"


def test_a_new_person_scans_and_is_a_customer(api, way):
    sent = {"customer": "孙悦", "code": way(state="poster")}
    done = answer_of(api.client.post("/phone/scan", json=sent, headers=LINA))
    assert (done["outcome"], done["userid"], done["said"]) == ("added", "LiNa", "已添加李娜，可以聊天了")
    [event] = events(api.client)
    assert (event["ChangeType"], event["State"], event["UserID"]) == (
        "add_external_contact",
        "poster",
        "LiNa",
    )
    assert event["WelcomeCode"]
    again = answer_of(
        api.client.post("/phone/scan", json={**sent, "customer": done["external_userid"]}, headers=LINA)
    )
    assert again["outcome"] == "known"


def test_a_welcome_stands_in_the_chat_on_both_phones(api, way):
    done = answer_of(api.client.post("/customer/scan", json={"code": way()}, headers=phone_of("wmC")))
    code = events(api.client)[0]["WelcomeCode"]
    welcome = {"welcome_code": code, "text": {"content": "您好，我是李娜"}}
    assert api.post("externalcontact/send_welcome_msg", welcome)["errcode"] == 0
    theirs = answer_of(api.client.get("/customer/feed?chat=LiNa", headers=phone_of("wmC")))
    ours = answer_of(api.client.get("/phone/feed?chat=wmC", headers=LINA))
    assert [said["body"]["content"] for said in theirs["chat"]] == ["您好，我是李娜"]
    assert [said["from"] for said in ours["chat"]] == ["associate"]
    assert [(chat["name"], chat["last"]) for chat in theirs["chats"]] == [("李娜", "您好，我是李娜")]
    assert done["said"] == "已添加李娜，可以聊天了"


def test_half_added_waits_for_the_member(api, way):
    answer_of(api.client.post("/customer/scan", json={"code": way(), "half": True}, headers=phone_of("wmC")))
    assert answer_of(api.client.get("/phone/feed", headers=LINA))["waiting"]["newcomers"] == 1
    assert answer_of(api.client.get("/phone/newcomers", headers=LINA))["newcomers"] == [
        {"external_userid": "wmC", "name": "没人跟进", "half": True}
    ]
    assert answer_of(api.client.get("/phone/chats/wmC", headers=LINA))["stage"] == "half"
    answer_of(api.client.post("/phone/newcomers/wmC/accept", json={}, headers=LINA))
    assert [change for change, _ in changes(api.client)] == [
        "add_half_external_contact",
        "add_external_contact",
    ]
    assert api.client.post("/phone/newcomers/wmC/accept", json={}, headers=LINA).status_code == 409


def test_a_request_waits_for_the_member(api, way):
    asked = answer_of(
        api.client.post("/customer/scan", json={"code": way(skip_verify=False)}, headers=phone_of("wmC"))
    )
    assert asked["outcome"] == "asked"
    assert events(api.client) == []
    [newcomer] = answer_of(api.client.get("/phone/newcomers", headers=LINA))["newcomers"]
    assert (newcomer["external_userid"], newcomer["half"]) == ("wmC", False)
    answer_of(api.client.post("/phone/newcomers/wmC/accept", json={}, headers=LINA))
    assert changes(api.client) == [("add_external_contact", "wmC")]


def test_a_dead_code_is_said_in_chinese(api, way):
    code = way()
    api.post("externalcontact/del_contact_way", {"config_id": code.rpartition("/")[2]})
    refused = api.client.post("/customer/scan", json={"code": code}, headers=phone_of("wmC"))
    assert (refused.status_code, refused.json["error"]) == (409, "这个二维码已失效")
    assert answer_of(api.client.get("/ways"))["ways"] == []


def test_contact_ways_are_listed_with_their_codes(api, way):
    code = way(remark="海报", state="store:12", skip_verify=False)
    [listed] = answer_of(api.client.get("/ways?q=海报"))["ways"]
    assert (listed["remark"], listed["state"], listed["members"], listed["asks_first"]) == (
        "海报",
        "store:12",
        "李娜",
        True,
    )
    picture = api.client.get(f"/qr/{listed['config_id']}", headers={"Accept": "image/*"})
    assert picture.mimetype == "image/svg+xml"
    assert code.endswith(f"/qr/{listed['config_id']}")
    assert answer_of(api.client.get("/ways?q=没有这个"))["ways"] == []


def test_a_member_adds_a_customer_directly_and_deletes_them(api):
    added = answer_of(api.client.post("/phone/customers", json={"customer": "wmC"}, headers=LINA))
    assert added == {"external_userid": "wmC"}
    assert api.client.post("/phone/customers", json={"customer": "wmC"}, headers=LINA).status_code == 409
    answer_of(api.client.post("/phone/customers/wmC/delete", json={}, headers=LINA))
    assert changes(api.client) == [("add_external_contact", "wmC"), ("del_external_contact", "wmC")]
    assert api.client.get("/phone/chats/wmC", headers=LINA).status_code == 404
    assert api.client.post("/phone/customers/wmC/delete", json={}, headers=LINA).status_code == 409


def test_a_customer_deletes_a_member_from_either_phone(api):
    answer_of(api.client.post("/phone/customers/wmA/leave", json={}, headers=LINA))
    answer_of(api.client.post("/customer/chats/wangwei/delete", json={}, headers=phone_of("wmB")))
    assert changes(api.client) == [("del_follow_user", "wmA"), ("del_follow_user", "wmB")]
    assert answer_of(api.client.get("/phone/chats/wmA", headers=LINA))["stage"] == "one_way"
    mine = answer_of(api.client.get("/customer/feed", headers=phone_of("wmB")))["chats"]
    assert [chat["userid"] for chat in mine] == ["LiNa"]


def test_a_customer_adds_a_member_by_name(api):
    [found] = answer_of(api.client.get("/customer/members?q=王", headers=phone_of("wmA")))["members"]
    added = api.client.post(f"/customer/members/{found['userid']}", json={}, headers=phone_of("wmA"))
    assert answer_of(added) == {"userid": "wangwei"}
    again = api.client.post("/customer/members/wangwei", json={}, headers=phone_of("wmA"))
    assert (again.status_code, again.json["error"]) == (409, "你们已经是好友")
    assert api.client.post("/customer/members/nobody", json={}, headers=phone_of("wmA")).status_code == 409


def test_a_customer_talks_to_those_they_have(api):
    said = {"msgtype": "text", "text": {"content": "周六来"}}
    answer_of(api.client.post("/customer/chats/lina", json=said, headers=phone_of("wmA")))
    [chat] = answer_of(api.client.get("/phone/feed", headers=LINA))["chats"]
    assert (chat["last"], chat["unread"]) == ("周六来", 1)
    refused = api.client.post("/customer/chats/wangwei", json=said, headers=phone_of("wmA"))
    assert (refused.status_code, refused.json["error"]) == (404, "你们还不是好友")
    assert api.client.post("/customer/chats/lina", json={}, headers=phone_of("wmA")).status_code == 400


VOTE = {
    "card_type": "vote_interaction",
    "main_title": {"title": "周末谁值班"},
    "task_id": "t1",
    "checkbox": {
        "question_key": "who",
        "option_list": [{"id": "a", "text": "李娜"}, {"id": "b", "text": "王伟"}],
        "mode": 1,
    },
    "submit_button": {"text": "提交", "key": "go"},
}


@pytest.fixture
def interactive(api):
    api.client.put("/sandbox/rules", json={"callback_url_set": True})
    return api


def messages(client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer_of(client.get("/phone/feed", headers=LINA))["messages"]
    return found


def press(client, message: dict[str, Any], key: str, **selected: Any) -> Any:
    sent = {"event_key": key, "selected": selected}
    return client.post(f"/phone/messages/{message['id']}/press", json=sent, headers=LINA)


def test_a_pressed_card_tells_the_app_what_was_chosen(interactive):
    interactive.send(msgtype="template_card", template_card=VOTE)
    [card] = messages(interactive.client)
    answer_of(press(interactive.client, card, "go", who=["a", "b"]))
    [event] = events(interactive.client)
    assert (event["Event"], event["EventKey"], event["TaskId"], event["AgentID"]) == (
        "template_card_event",
        "go",
        "t1",
        AGENT,
    )
    assert event["SelectedItems"] == {
        "SelectedItem": [{"QuestionKey": "who", "OptionIds": {"OptionId": ["a", "b"]}}]
    }
    assert "点不了" in press(interactive.client, card, "no-such-key").json["error"]
    assert press(interactive.client, card, "go", who="a").status_code == 400


def test_an_updated_card_and_a_recalled_message_are_told_in_place(interactive):
    interactive.send(msgtype="template_card", template_card=VOTE)
    recalled = interactive.send(text={"content": "发错了"})["msgid"]
    [card, wrong] = messages(interactive.client)
    press(interactive.client, card, "go", who=["a"])
    update = {
        "userids": ["lina"],
        "agentid": AGENT,
        "response_code": events(interactive.client)[0]["ResponseCode"],
    }
    update |= {"button": {"replace_name": "李娜值班"}}
    assert interactive.post("message/update_template_card", update)["errcode"] == 0
    interactive.post("message/recall", {"msgid": recalled})
    feed = answer_of(interactive.client.get(f"/phone/feed?after={wrong['id']}", headers=LINA))
    revised = {message["id"]: message for message in feed["revised"]}
    assert revised[card["id"]]["body"]["replace_text"] == "李娜值班"
    assert revised[card["id"]]["version"] != card["version"]
    assert (revised[wrong["id"]]["msgtype"], revised[wrong["id"]]["body"]) == ("recalled", {})
    assert (feed["messages"], feed["unread"]) == ([], 1)


def order(api, **fields: Any) -> str:
    body = {"chat_type": "single", "external_userid": ["wmA", "wmB"], "sender": "lina", **fields}
    return str(api.post("externalcontact/add_msg_template", {"text": {"content": "会员日"}, **body})["msgid"])


def test_a_group_send_waits_for_the_member_who_chooses(api):
    msgid = order(api, allow_select=True)
    assert answer_of(api.client.get("/phone/feed", headers=LINA))["waiting"]["sends"] == 1
    [send] = answer_of(api.client.get("/phone/sends", headers=LINA))["sends"]
    assert [target["name"] for target in send["targets"]] == ["晓雯", "陈先生"]
    assert send["text"] == {"content": "会员日"}
    assert answer_of(api.client.get("/customer/feed?chat=lina", headers=phone_of("wmA")))["chat"] == []
    sent = api.client.post(f"/phone/sends/{msgid}", json={"chosen": ["wmA"]}, headers=LINA)
    assert answer_of(sent) == {"sent": 1, "failed": 0}
    [said] = answer_of(api.client.get("/customer/feed?chat=lina", headers=phone_of("wmA")))["chat"]
    assert said["body"]["content"] == "会员日"
    assert answer_of(api.client.get("/customer/feed?chat=lina", headers=phone_of("wmB")))["chat"] == []
    again = api.client.post(f"/phone/sends/{msgid}", json={}, headers=LINA)
    assert (again.status_code, again.json["error"]) == (409, "这一条已经发过或被取消了")


def test_a_choice_the_order_does_not_allow_is_refused(api):
    msgid = order(api)
    refused = api.client.post(f"/phone/sends/{msgid}", json={"chosen": ["wmA"]}, headers=LINA)
    assert refused.status_code == 400
    assert api.client.post(f"/phone/sends/{msgid}", json={"chosen": "wmA"}, headers=LINA).status_code == 400
    assert answer_of(api.client.post(f"/phone/sends/{msgid}", json={}, headers=LINA))["sent"] == 2


def test_a_moment_waits_for_the_member_and_is_seen_by_customers(api):
    moment = {"text": {"content": "新品"}, "visible_range": {"sender_list": {"user_list": ["lina"]}}}
    assert api.post("externalcontact/add_moment_task", moment)["errcode"] == 0
    [waiting] = answer_of(api.client.get("/phone/moments", headers=LINA))["moments"]
    assert (waiting["text"]["content"], waiting["viewers"]) == ("新品", 2)
    assert answer_of(api.client.get("/customer/moments", headers=phone_of("wmA")))["moments"] == []
    published = api.client.post(f"/phone/moments/{waiting['moment_id']}", json={}, headers=LINA)
    assert answer_of(published) == {"published": True}
    assert answer_of(api.client.get("/phone/feed", headers=LINA))["waiting"]["moments"] == 0
    [seen] = answer_of(api.client.get("/customer/moments", headers=phone_of("wmA")))["moments"]
    assert (seen["name"], seen["text"]["content"], seen["liked"]) == ("李娜", "新品", False)
    path = f"/customer/moments/{seen['moment_id']}/{seen['userid']}"
    answer_of(api.client.post(path, json={"kind": "like"}, headers=phone_of("wmA")))
    answer_of(api.client.post(path, json={"kind": "comment"}, headers=phone_of("wmA")))
    [liked] = answer_of(api.client.get("/customer/moments", headers=phone_of("wmA")))["moments"]
    assert (liked["liked"], liked["comments"]) == (True, 1)
    assert api.client.post(path, json={"kind": "share"}, headers=phone_of("wmA")).status_code == 400
    assert api.client.post(path, json={"kind": "like"}, headers=phone_of("wmC")).status_code == 400
    assert answer_of(api.client.get("/customer/moments", headers=phone_of("wmC")))["moments"] == []


def test_a_customer_refuses_another_member(api, travel_to):
    handover = {"handover_userid": "lina", "takeover_userid": "wangwei", "external_userid": ["wmA"]}
    answer = api.post("externalcontact/transfer_customer", handover)
    assert answer["customer"] == [{"external_userid": "wmA", "errcode": 0}]
    [offer] = answer_of(api.client.get("/customer/feed", headers=phone_of("wmA")))["offers"]
    assert (offer["takeover"], offer["takeover_name"]) == ("wangwei", "王伟")
    refused = api.client.post("/customer/offers/wangwei/refuse", json={}, headers=phone_of("wmA"))
    assert answer_of(refused) == {"refused": True}
    [event] = events(api.client)
    assert (event["ChangeType"], event["UserID"], event["FailReason"]) == (
        "transfer_fail",
        "wangwei",
        "customer_refused",
    )
    again = api.client.post("/customer/offers/wangwei/refuse", json={}, headers=phone_of("wmA"))
    assert again.status_code == 409
    travel_to(2 * DAY)
    assert answer_of(api.client.get("/customer/feed", headers=phone_of("wmA")))["offers"] == []


def test_a_strange_page_may_do_nothing_here(seeded):
    """Neither another origin nor another machine scans, adds or presses."""
    for path in ("/phone/scan", "/customer/scan", "/customers"):
        headers = {**LINA, "Origin": "http://evil.example"}
        assert seeded.post(path, json={}, headers=headers).status_code == 403
    assert seeded.get("/ways", headers={"Host": "evil.example"}).status_code == 403
