"""message/send (facts 3.14, 5.1)."""

from __future__ import annotations

import pytest

from tests.sandbox.corp import DAY, HOUR, MINUTE, OTHER_AGENT, SECOND

URL = "http://localhost:8000/h5/worklist"


def card(**changes):
    whole = {
        "card_type": "text_notice",
        "main_title": {"title": "3 位会员要跟进"},
        "card_action": {"type": 1, "url": URL},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def send_card(api, **changes):
    return api.send(msgtype="template_card", template_card=card(**changes))


def test_a_message_reaches_the_phone_whatever_the_case_of_the_id(api):
    answer = api.send("LINA|lina")
    assert (answer["errcode"], "invaliduser" in answer) == (0, False)
    [message] = api.received("LiNa")
    assert (message["msgid"], message["body"]) == (answer["msgid"], {"content": "您好"})


def test_part_of_the_receivers_may_be_nobody(api):
    answer = api.send("lina|NoBody|Gone")
    assert (answer["errcode"], answer["invaliduser"]) == (0, "nobody|gone")
    assert len(api.received("LiNa")) == 1


def test_no_receiver_at_all_is_81013_and_keeps_nothing(api):
    answer = api.send("Nobody")
    assert (answer["errcode"], answer["invaliduser"]) == (81013, "nobody")
    assert api.send("lina")["errcode"] == 0
    assert len(api.received("")) == 1


def test_all_means_everybody_still_here(api):
    api.send("@all", toparty="77")
    assert {message["userid"] for message in api.received("")} == {"LiNa", "idle", "wangwei"}


def test_a_department_can_be_addressed(api):
    department = api.get("user/get", userid="lina")["department"][0]
    answer = api.send(None, toparty=f"{department}|99", totag="7")
    assert (answer["errcode"], answer["invalidparty"], answer["invalidtag"]) == (0, "99", "7")
    assert {message["userid"] for message in api.received("")} == {"LiNa", "wangwei"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"touser": ""}, 82001),
        ({"touser": ["lina"]}, 40058),
        ({"touser": "|".join(f"u{n}" for n in range(1001))}, 40032),
        ({"toparty": "|".join(map(str, range(101)))}, 82002),
        ({"totag": "|".join(map(str, range(101)))}, 82003),
        ({"agentid": None}, 41011),
        ({"agentid": "1000002"}, 40056),
        ({"agentid": 1}, 40056),
        ({"agentid": OTHER_AGENT}, 301002),
        ({"msgtype": None}, 40008),
        ({"msgtype": "shout"}, 40008),
        ({"msgtype": "text", "text": None}, 40058),
        ({"msgtype": "text", "text": {"content": ""}}, 44004),
        ({"msgtype": "textcard", "textcard": {"title": "t", "url": URL}}, 41033),
        ({"msgtype": "textcard", "textcard": {"title": "t", "description": "d", "url": "localhost"}}, 45034),
        ({"msgtype": "textcard", "textcard": {"title": "t", "description": "d"}}, 40058),
        (
            {"msgtype": "textcard", "textcard": {"title": "t", "description": "d", "url": URL + "x" * 2048}},
            40094,
        ),
        ({"msgtype": "news", "news": {"articles": []}}, 45008),
        ({"msgtype": "news", "news": {"articles": [{"title": "t", "url": URL}] * 9}}, 45008),
        ({"msgtype": "image", "image": {"media_id": "m"}}, 40007),
        ({"msgtype": "miniprogram_notice", "miniprogram_notice": {"appid": "wx"}}, 48002),
    ],
)
def test_a_wrong_message_is_refused_with_its_code(api, changes, code):
    assert api.send(**changes)["errcode"] == code
    assert api.received("") == []


def test_a_long_text_is_cut_at_2048_bytes_not_refused(api):
    assert api.send(text={"content": "字" * 1000})["errcode"] == 0
    assert api.received("LiNa")[0]["body"]["content"] == "字" * 682


def test_a_text_card_gets_its_default_button(api):
    api.send(msgtype="textcard", textcard={"title": "t" * 200, "description": "d", "url": URL})
    body = api.received("LiNa")[0]["body"]
    assert (body["btntxt"], len(body["title"])) == ("详情", 128)


def test_a_text_notice_card_is_delivered_as_it_is(api):
    changes = {
        "main_title": {"title": "很" * 60},
        "horizontal_content_list": [{"keyname": "门店", "value": "万象城"}],
    }
    assert send_card(api, **changes)["errcode"] == 0
    assert api.received("LiNa")[0]["body"] == card(**changes)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"card_type": "poster"}, 42031),
        ({"card_type": "button_interaction"}, 43012),
        ({"action_menu": {"action_list": [{"text": "拒收", "key": "no"}]}}, 43012),
        ({"main_title": None}, 40058),
        ({"card_action": None}, 42045),
        ({"card_action": {"type": 0}}, 42045),
        ({"card_action": {"type": 1}}, 42028),
        ({"card_action": {"type": 1, "url": "localhost"}}, 45034),
        ({"card_action": {"type": 2, "appid": "wx1"}}, 42030),
        ({"task_id": "有空 格"}, 42014),
        ({"horizontal_content_list": [{"keyname": "k"}] * 7}, 42035),
        ({"horizontal_content_list": [{"value": "v"}]}, 42027),
        ({"horizontal_content_list": [{"keyname": "k", "type": 1}]}, 42028),
        ({"horizontal_content_list": [{"keyname": "k", "type": 2}]}, 42029),
        ({"horizontal_content_list": [{"keyname": "k", "type": 3}]}, 42050),
        ({"jump_list": [{"type": 0, "title": "t"}] * 4}, 42042),
        ({"jump_list": [{"type": 0}]}, 42033),
        ({"card_type": "news_notice", "card_image": {"url": URL, "aspect_ratio": 3}}, 42044),
        ({"card_type": "news_notice", "vertical_content_list": [{"title": "t"}] * 5}, 42036),
    ],
)
def test_a_wrong_card_is_refused_with_its_code(api, changes, code):
    assert send_card(api, **changes)["errcode"] == code


def test_a_card_with_a_menu_needs_a_callback_url_and_a_task_id(api):
    menu = {"action_list": [{"text": "拒收", "key": "no"}]}
    api.client.put("/sandbox/rules", json={"callback_url_set": True})
    assert send_card(api, action_menu=menu)["errcode"] == 42014
    assert send_card(api, action_menu=menu, task_id="t1")["errcode"] == 0
    twice = {"action_list": [{"text": "a", "key": "k"}, {"text": "b", "key": "k"}]}
    assert send_card(api, action_menu=twice, task_id="t2")["errcode"] == 42051


def test_a_task_id_is_used_once(api):
    assert send_card(api, task_id="digest-1")["errcode"] == 0
    assert send_card(api, task_id="digest-1")["errcode"] == 42014


def test_the_surplus_of_a_minute_is_dropped_and_the_answer_is_ok(api, travel_to):
    answers = [api.send("lina|wangwei")["errcode"] for _ in range(31)]
    assert set(answers) == {0}
    assert len(api.received("LiNa")) == len(api.received("wangwei")) == 30
    assert len(api.received("LiNa", "dropped")) == 1
    travel_to(MINUTE)
    api.send()
    assert len(api.received("LiNa")) == 31


def test_the_limit_counts_any_sixty_seconds(api, travel_to):
    for _ in range(20):
        api.send()
    travel_to(59 * SECOND)
    for _ in range(20):
        api.send()
    assert (len(api.received("LiNa")), len(api.received("LiNa", "dropped"))) == (30, 10)


def test_an_hour_holds_a_thousand(api, travel_to):
    for minute in range(35):
        travel_to(minute * MINUTE)
        for _ in range(30):
            api.send("@all")
    counts = api.client.get("/sandbox/state").json
    assert counts["delivered"] == 3 * 1000
    travel_to(HOUR + MINUTE)
    api.send("idle")
    assert api.client.get("/sandbox/state").json["delivered"] == 3 * 1000 + 1


def test_the_same_request_is_delivered_once_within_the_interval(api, travel_to):
    first = api.send(enable_duplicate_check=1)
    travel_to(1799 * SECOND)
    assert api.send(enable_duplicate_check=1) == first
    assert len(api.received("LiNa")) == 1
    travel_to(1800 * SECOND)
    assert api.send(enable_duplicate_check=1)["msgid"] != first["msgid"]
    assert len(api.received("LiNa")) == 2


def test_an_interval_reaches_four_hours_at_most(api, travel_to):
    asked = {"enable_duplicate_check": 1, "duplicate_check_interval": DAY // SECOND}
    api.send(**asked)
    travel_to(4 * HOUR - SECOND)
    api.token = api.fresh_token()
    api.send(**asked)
    assert len(api.received("LiNa")) == 1
    travel_to(4 * HOUR)
    api.send(**asked)
    assert len(api.received("LiNa")) == 2


def test_without_the_check_or_with_another_text_nothing_is_held_back(api):
    api.send()
    api.send()
    api.send(enable_duplicate_check=1, text={"content": "一"})
    api.send(enable_duplicate_check=1, text={"content": "二"})
    assert len(api.received("LiNa")) == 4


def test_unknown_fields_are_ignored(api):
    assert api.send(shiny="new")["errcode"] == 0
