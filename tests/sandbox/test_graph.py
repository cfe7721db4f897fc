"""What members and customers do on their phones (facts 3.4, 3.7, 4.2), where only the sandbox's inside shows it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask

from app.sandbox.busy import WELCOME as WELCOME_CODE
from app.sandbox.calls import World
from tests.sandbox.corp import OTHER_SECRET, SECOND, Api, Machine, answer_of
from tests.sandbox.receiver import wait_until

WELCOME = "externalcontact/send_welcome_msg"


def do(api: Api, what: str, **sent: Any) -> dict[str, Any]:
    """Something that works on a phone or in the console."""
    return answer_of(api.client.post(f"/sandbox/graph/{what}", json=sent))


def cannot(api: Api, what: str, **sent: Any) -> None:
    answer = api.client.post(f"/sandbox/graph/{what}", json=sent)
    assert answer.status_code == 409, answer.text


def told(api: Api) -> list[dict[str, Any]]:
    """The events WeCom has sent or would have sent."""
    listed = answer_of(api.client.get("/sandbox/callbacks"))["callbacks"]
    return [event["fields"] for event in listed]


def welcome(api: Api, code: str, **changes: Any) -> int:
    return int(api.post(WELCOME, {"welcome_code": code, "text": {"content": "您好"}, **changes})["errcode"])


@pytest.fixture
def other_app(api: Api) -> Api:
    """The other app of the corp, on the same sandbox."""
    app = Api(api.client)
    app.token = app.fresh_token(OTHER_SECRET)
    return app


def test_a_welcome_code_is_good_for_twenty_seconds_of_the_machines_clock(api: Api, machine: Machine):
    early = do(api, "add", userid="idle", customer="甲")["welcome_code"]
    late = do(api, "add", userid="idle", customer="乙")["welcome_code"]
    machine.now += 20 * SECOND
    assert welcome(api, early) == 0
    machine.now += 1
    assert welcome(api, late) == 41050


def test_both_apps_have_the_code_and_the_first_one_wins(api: Api, other_app: Api):
    code = do(api, "add", userid="idle", customer="甲")["welcome_code"]
    assert welcome(other_app, code) == 0
    assert welcome(api, code) == 41051


def test_two_apps_that_send_one_welcome_at_once_do_not_both_pass(sandbox: Flask, api: Api, other_app: Api):
    """The second is told so while the first is at it, and afterwards that it is done."""
    world: World = sandbox.extensions["sandbox"]
    code = do(api, "add", userid="idle", customer="甲")["welcome_code"]
    rival, first = Api(sandbox.test_client()), []

    def send() -> None:
        first.append(welcome(rival, code))

    with world.store.writing():  # the first call has the code and waits for the file
        sending = threading.Thread(target=send)
        sending.start()
        wait_until(lambda: world.busy.is_held(WELCOME_CODE, code))
        second = welcome(other_app, code)
    sending.join()
    assert (first, second) == ([0], 41096)
    assert welcome(other_app, code) == 41051


def test_a_welcome_refused_for_its_content_can_be_sent_again(api: Api):
    code = do(api, "add", userid="idle", customer="甲")["welcome_code"]
    assert welcome(api, code, text={"content": ""}) == 40058
    assert welcome(api, code) == 0


def test_what_another_app_made_is_not_to_be_changed(api: Api, other_app: Api):
    tag = api.post("externalcontact/add_corp_tag", {"group_name": "组", "tag": [{"name": "甲"}]})
    tag_id = tag["tag_group"]["tag"][0]["id"]
    way = api.post("externalcontact/add_contact_way", {"type": 1, "scene": 2, "user": ["lina"]})
    template = api.post("externalcontact/group_welcome_template/add", {"text": {"content": "欢迎"}})
    refused = {
        "edit_corp_tag": ({"id": tag_id, "name": "乙"}, 81011),
        "del_corp_tag": ({"tag_id": [tag_id]}, 81011),
        "get_contact_way": ({"config_id": way["config_id"]}, 41044),
        "del_contact_way": ({"config_id": way["config_id"]}, 41044),
        "group_welcome_template/edit": (
            {"template_id": template["template_id"], "text": {"content": "乙"}},
            41058,
        ),
        "group_welcome_template/del": ({"template_id": template["template_id"]}, 41058),
    }
    found = {
        path: other_app.post(f"externalcontact/{path}", sent)["errcode"]
        for path, (sent, _) in refused.items()
    }
    assert found == {path: errcode for path, (_, errcode) in refused.items()}


def test_what_members_see_nothing_of_is_not_told(api: Api):
    api.client.put("/sandbox/rules", json={"scope": [999_999]})
    do(api, "add", userid="idle", customer="甲")
    assert told(api) == []


def test_the_customer_deletes_and_the_member_keeps_a_one_way_relation(api: Api):
    added = do(api, "add", userid="idle", customer="甲")["external_userid"]
    do(api, "delete-by-customer", userid="idle", external_userid=added)
    assert api.get("externalcontact/list", userid="idle")["external_userid"] == [added]
    cannot(api, "delete-by-customer", userid="idle", external_userid=added)
    do(api, "delete-by-associate", userid="idle", external_userid=added, source="DELETE_BY_TRANSFER")
    assert api.get("externalcontact/list", userid="idle")["errcode"] == 84061
    events = [(event["ChangeType"], event.get("Source")) for event in told(api)]
    assert events == [
        ("add_external_contact", None),
        ("del_follow_user", None),
        ("del_external_contact", "DELETE_BY_TRANSFER"),
    ]


def test_a_customer_who_leaves_half_way_leaves_nothing(api: Api):
    added = do(api, "add", userid="idle", customer="甲", half=True)["external_userid"]
    do(api, "delete-by-customer", userid="idle", external_userid=added)
    cannot(api, "accept", userid="idle", external_userid=added)


@pytest.mark.parametrize(
    ("what", "sent"),
    [
        ("accept", {"userid": "idle", "external_userid": "wmA"}),
        ("delete-by-associate", {"userid": "idle", "external_userid": "wmA"}),
        ("delete-by-customer", {"userid": "idle", "external_userid": "wmA"}),
        ("remark", {"userid": "idle", "external_userid": "wmA", "remark": "谁"}),
        ("mark", {"userid": "lina", "external_userid": "wmA", "add": ["etNone"]}),
        ("add", {"userid": "nobody", "customer": "甲"}),
        ("scan", {"code": "no-such-code", "customer": "甲"}),
    ],
)
def test_what_cannot_happen_on_a_phone_is_said(api: Api, what: str, sent: dict[str, Any]):
    cannot(api, what, **sent)
    assert told(api) == []


def test_a_member_who_notes_something_is_told(api: Api):
    do(api, "remark", userid="lina", external_userid="wmA", remark="雯雯", remark_mobiles=["13800000000"])
    (follower,) = api.get("externalcontact/get", external_userid="wmA")["follow_user"]
    assert (follower["remark"], follower["remark_mobiles"]) == ("雯雯", ["13800000000"])
    (event,) = told(api)
    assert (event["ChangeType"], event["UserID"], event["ExternalUserID"]) == (
        "edit_external_contact",
        "LiNa",
        "wmA",
    )


def test_nobody_is_connected_when_the_event_cannot_be_kept(api: Api):
    assert api.client.post("/sandbox/graph/add", json={"userid": "idle"}).status_code == 400
    assert api.get("externalcontact/list", userid="idle")["errcode"] == 84061


def test_a_seeded_follow_has_its_stage(api: Api):
    half = {"external_userid": "wmHalf", "name": "半个", "follow": [{"userid": "idle", "stage": "half"}]}
    api.client.put("/sandbox/contacts", json=[half])
    assert api.get("externalcontact/get", external_userid="wmHalf")["errcode"] == 84061
    half["follow"] = [{"userid": "idle", "stage": "quarter"}]
    assert api.client.put("/sandbox/contacts", json=[half]).status_code == 400


@pytest.mark.parametrize("path", ["rules", "members/idle"])
def test_an_unknown_switch_is_refused(api: Api, path: str):
    assert api.client.put(f"/sandbox/graph/{path}", json={"no_such_switch": 1}).status_code == 400
