"""The control API: seeding, clock, chats, faults; and who may use it."""

from __future__ import annotations

import json

import pytest

from tests.sandbox.corp import AGENT, HOUR, PEOPLE, SECOND, answer_of

LOCAL = {"Host": "localhost:8001"}


@pytest.mark.parametrize(
    ("path", "items", "place"),
    [
        ("people", {"userid": "a"}, "a JSON array is expected"),
        ("people", [7], "[0]: not an object"),
        ("people", [*PEOPLE, {"userid": "a b", "name": "n"}], "[4].userid"),
        ("people", [{"userid": "a"}], "[0].name"),
        ("people", [{"userid": "a", "name": "n", "shoe": 43}], "[0].shoe: not a field"),
        ("people", [{"userid": "a", "name": "n", "status": 9}], "[0].status"),
        ("contacts", [{"external_userid": "x1", "name": "n"}], "[0].external_userid"),
        ("contacts", [{"external_userid": "wm1"}], "[0].name"),
        ("contacts", [{"external_userid": "wm1", "name": "n", "follow": {}}], "[0].follow"),
        (
            "contacts",
            [{"external_userid": "wm1", "name": "n", "follow": [{"userid": "x"}]}],
            "[0].follow[0].userid",
        ),
        (
            "contacts",
            [{"external_userid": "wm1", "name": "n", "follow": [{"userid": "idle", "createtime": "now"}]}],
            "[0].follow[0].createtime",
        ),
    ],
)
def test_wrong_input_names_its_place_and_nothing_is_kept(seeded, path, items, place):
    before = answer_of(seeded.get("/sandbox/state"))
    response = seeded.put(f"/sandbox/{path}", json=items)
    assert response.status_code == 400
    assert place in response.json["error"]
    after = answer_of(seeded.get("/sandbox/state"))
    assert (after["people"], after["contacts"]) == (before["people"], before["contacts"])


def test_what_is_no_json_is_400(client):
    assert client.put("/sandbox/people", data=b"{not json").status_code == 400
    assert client.post("/sandbox/clock", data=b"later").status_code == 400
    assert client.post("/sandbox/clock", json={"offset_us": "1"}).status_code == 400


def test_lines_are_taken_too(client):
    lines = b"\n".join(json.dumps(person).encode() for person in PEOPLE)
    assert client.put("/sandbox/people", data=lines, content_type="application/x-ndjson").json == {
        "people": 4
    }


def test_a_follow_list_is_replaced_and_the_rest_stays(api):
    contact = {"external_userid": "wmB", "name": "陈先生", "follow": [{"userid": "wangwei"}]}
    api.client.put("/sandbox/contacts", json=[contact])
    assert api.get("externalcontact/list", userid="lina")["external_userid"] == ["wmA"]
    assert api.get("externalcontact/list", userid="wangwei")["external_userid"] == ["wmB"]


def test_the_clock_follows_an_offset(client, machine):
    answer = answer_of(client.post("/sandbox/clock", json={"offset_us": 2 * HOUR}))
    assert answer == {"now": "2025-10-09T10:53:20.000000+00:00", "offset_us": 2 * HOUR}
    machine.now += SECOND
    assert answer_of(client.get("/sandbox/state"))["now"] == "2025-10-09T10:53:21.000000+00:00"


def test_messages_can_be_listed_from_where_one_was(api):
    api.send(text={"content": "一"})
    api.send(text={"content": "二"})
    first, second = api.received("lina")
    assert first["agentid"] == AGENT
    later = answer_of(api.client.get(f"/sandbox/messages?userid=lina&after={first['id']}"))
    assert later["messages"] == [second]


def test_a_chat_grows_from_both_sides(seeded):
    for sender, content in (("customer", "在吗"), ("associate", "在的")):
        said = {"from": sender, "msgtype": "text", "text": {"content": content}}
        assert seeded.post("/sandbox/chats/LINA/wmA", json=said).status_code == 200
    messages = answer_of(seeded.get("/sandbox/chats/lina/wmA"))["messages"]
    assert [(message["from"], message["body"]["content"]) for message in messages] == [
        ("customer", "在吗"),
        ("associate", "在的"),
    ]


@pytest.mark.parametrize(
    ("chat", "said", "status"),
    [
        ("lina/wmC", {"msgtype": "text", "text": {"content": "x"}}, 404),
        ("lina/wmA", {"msgtype": "text", "text": {"content": " "}}, 400),
        ("lina/wmA", {"msgtype": "voice", "voice": {"mediaid": "m"}}, 400),
        ("lina/wmA", {"msgtype": "text", "text": {"content": "x"}, "from": "boss"}, 400),
    ],
)
def test_a_wrong_word_is_not_said(seeded, chat, said, status):
    assert seeded.post(f"/sandbox/chats/{chat}", json=said).status_code == status


def plant(client, *planted):
    return answer_of(client.post("/sandbox/faults", json=list(planted)))


def test_an_error_code_comes_as_often_as_asked_and_has_no_effect(api):
    plant(api.client, {"path": "message/send", "kind": "errcode", "value": 45009, "times": 2})
    assert [api.send()["errcode"] for _ in range(3)] == [45009, 45009, 0]
    assert len(api.received("lina")) == 1
    assert answer_of(api.client.get("/sandbox/faults")) == {"faults": []}


def test_a_fault_may_last_for_ever_and_meet_every_path(api):
    plant(api.client, {"path": "*", "kind": "errcode", "value": 40014, "times": None})
    assert {api.send()["errcode"] for _ in range(5)} == {40014}
    answer_of(api.client.delete("/sandbox/faults"))
    assert api.send()["errcode"] == 0


def test_an_http_error(api):
    plant(api.client, {"path": "/cgi-bin/user/get", "kind": "http500", "value": 502})
    assert api.client.get(f"/cgi-bin/user/get?access_token={api.token}&userid=lina").status_code == 502
    assert api.get("user/get", userid="lina")["errcode"] == 0


def test_a_delayed_call_does_what_was_asked(api):
    plant(api.client, {"path": "message/send", "kind": "delay", "value": 0})
    assert api.send()["errcode"] == 0


def test_a_malformed_answer_comes_after_the_effect(api):
    plant(api.client, {"path": "message/send", "kind": "malformed"})
    body = {"touser": "lina", "agentid": AGENT, "msgtype": "text", "text": {"content": "您好"}}
    answer = api.client.post(f"/cgi-bin/message/send?access_token={api.token}", json=body)
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)
    assert len(api.received("lina")) == 1


def test_a_bad_gateway_comes_after_the_effect(api):
    plant(api.client, {"path": "message/send", "kind": "http500_after"})
    body = {"touser": "lina", "agentid": AGENT, "msgtype": "text", "text": {"content": "您好"}}
    answer = api.client.post(f"/cgi-bin/message/send?access_token={api.token}", json=body)
    assert (answer.status_code, answer.mimetype) == (502, "text/html")
    assert len(api.received("lina")) == 1


def test_a_dropped_answer_comes_after_the_effect(api):
    """The length announced is longer than what comes, so no client can take it for whole."""
    plant(api.client, {"path": "message/send", "kind": "drop_answer"})
    body = {"touser": "lina", "agentid": AGENT, "msgtype": "text", "text": {"content": "您好"}}
    answer = api.client.post(f"/cgi-bin/message/send?access_token={api.token}", json=body)
    assert int(answer.headers["Content-Length"]) > len(b'{"errcode":')
    with pytest.raises(ConnectionAbortedError):
        answer.get_data()
    assert len(api.received("lina")) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"path": "x"},
        {"path": "x", "kind": "fire"},
        {"kind": "delay"},
        {"path": "x", "kind": "delay", "times": 0},
        {"path": "x", "kind": "delay", "value": "long"},
        {"path": "x", "kind": "delay", "colour": "red"},
    ],
)
def test_a_wrong_fault_is_refused(client, fault):
    assert client.post("/sandbox/faults", json=[fault]).status_code == 400


def test_put_replaces_the_faults(client):
    plant(client, {"path": "a", "kind": "errcode"})
    client.put("/sandbox/faults", json=[{"path": "b", "kind": "http500"}])
    [fault] = answer_of(client.get("/sandbox/faults"))["faults"]
    assert fault == {"path": "b", "kind": "http500", "times": 1, "value": 500}


def test_wrong_rules_are_refused(client):
    assert client.put("/sandbox/rules", json={"moon": True}).status_code == 400


def test_state_counts_calls(api):
    api.send()
    state = answer_of(api.client.get("/sandbox/state"))
    assert state["calls"] == {"gettoken": 1, "message/send": 1}
    assert (state["people"], state["contacts"], state["follows"], state["delivered"]) == (4, 3, 3, 1)


@pytest.mark.parametrize("path", ["/sandbox/state", "/", "/phone"])
def test_another_machine_a_foreign_name_and_a_foreign_page_are_403(client, path):
    assert client.get(path, environ_base={"REMOTE_ADDR": "10.1.2.3"}).status_code == 403
    assert client.get(path, headers={"Host": "evil.example"}).status_code == 403
    assert client.get(path, headers={**LOCAL, "Origin": "http://evil.example"}).status_code == 403
    assert client.get(path, headers={**LOCAL, "Origin": "http://localhost:8001"}).status_code in (200, 302)
