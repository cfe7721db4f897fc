"""What the sandbox sends to the app's callback address (facts 4.1), read by wechatpy."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.sandbox.callback_http import post_event
from app.sandbox.callbacks import Address
from app.sandbox.factory import create_sandbox
from tests.sandbox.corp import AGENT, CORP, HOUR, answer_of
from tests.sandbox.receiver import AES_KEY, TOKEN, Receiver, wait_until

ADDED = {
    "Event": "change_external_contact",
    "ChangeType": "add_external_contact",
    "UserID": "LiNa",
    "ExternalUserID": "wmA",
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def sandbox(settings, machine):
    app = create_sandbox(settings, machine)
    yield app
    app.extensions["sandbox_callbacks"].close()
    app.extensions["sandbox"].store.close()


@pytest.fixture
def addressed(client, receiver):
    """The client of a sandbox whose administrator has saved the receiver's address; it retries at once."""
    switch(client)
    save_address(client, receiver)
    return client


def save_address(client, receiver: Receiver) -> None:
    """As often as it takes: a busy machine may need longer than the second WeCom gives."""
    wait_until(lambda: answer_of(client.put("/sandbox/callback", json=receiver.address))["errcode"] == 0)


def switch(client, **switches: Any) -> None:
    wanted = {"retry_after_s": 0, "answer_s": 60, **switches}
    answer_of(client.put("/sandbox/callbacks/switches", json=wanted))


def emit(client, *events: dict[str, Any], agent_id: int | None = None) -> None:
    sent = [{"fields": event, "agent_id": agent_id} for event in events]
    assert answer_of(client.post("/sandbox/callbacks", json=sent)) == {"emitted": len(events)}


def emit_numbered(client, most: int) -> None:
    emit(client, *({**ADDED, "ExternalUserID": f"wm{number}"} for number in range(1, most + 1)))


def states(client) -> dict[str, int]:
    found: dict[str, int] = answer_of(client.get("/sandbox/callbacks"))["states"]
    return {state: count for state, count in found.items() if count}


def await_states(client, **wanted: int) -> None:
    wait_until(lambda: states(client) == wanted)


def listed(client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer_of(client.get("/sandbox/callbacks"))["callbacks"]
    return found


def test_an_event_arrives_signed_now_and_says_when_it_happened(addressed, receiver, machine):
    addressed.post("/sandbox/clock", json={"offset_us": HOUR})
    emit(addressed, {**ADDED, "State": "门店"})
    [event] = receiver.await_events(1)
    assert event == {
        "ToUserName": CORP,
        "FromUserName": "sys",
        "CreateTime": str((machine.now + HOUR) // 1_000_000),
        "MsgType": "event",
        **ADDED,
        "State": "门店",
    }
    assert abs(int(receiver.queries[0]["timestamp"]) - time.time()) < 600
    assert set(receiver.wrappers[0]) == {"ToUserName", "Encrypt"}
    await_states(addressed, delivered=1)


def test_an_apps_event_names_the_app_inside_and_outside(addressed, receiver):
    pressed = {
        "FromUserName": "lina",
        "Event": "template_card_event",
        "SelectedItems": {"SelectedItem": [{"QuestionKey": "q", "OptionIds": {"OptionId": ["a", "b"]}}]},
    }
    emit(addressed, pressed, agent_id=AGENT)
    [event] = receiver.await_events(1)
    assert (event["AgentID"], event["FromUserName"]) == (str(AGENT), "lina")
    assert event["SelectedItems"]["SelectedItem"]["OptionIds"]["OptionId"] == ["a", "b"]
    assert receiver.wrappers[0]["AgentID"] == str(AGENT)


def test_a_passive_reply_is_kept_in_plain_text(addressed, receiver):
    receiver.reply = receiver.crypto.encrypt_message("<xml>reply</xml>", "nonce", "1").encode()
    emit(addressed, ADDED)
    await_states(addressed, delivered=1)
    assert listed(addressed)[0]["attempts"][0]["reply"] == "<xml>reply</xml>"


@pytest.mark.parametrize("status", [204, 302, 400, 500, 503])
def test_whatever_is_not_200_is_tried_again(addressed, receiver, status):
    receiver.statuses = [status, status]
    emit(addressed, ADDED)
    await_states(addressed, delivered=1)
    assert [attempt["status"] for attempt in listed(addressed)[0]["attempts"]] == [status, status, 200]
    assert len({query["nonce"] for query in receiver.queries}) == 3


def test_after_three_retries_it_gives_up(addressed, receiver):
    receiver.statuses = [500] * 10
    emit(addressed, ADDED)
    await_states(addressed, given_up=1)
    assert len(receiver.events) == len(listed(addressed)[0]["attempts"]) == 4
    switch(addressed, retries=1)
    emit(addressed, ADDED)
    await_states(addressed, given_up=2)
    assert len(receiver.events) == 6


def test_an_answer_after_the_window_is_none(addressed, receiver):
    """The event was read, but WeCom does not know: it comes again."""
    late = threading.Event()
    receiver.before_answer = lambda event: None if receiver.events else bool(late.wait(30))
    switch(addressed, answer_s=0.2, retries=10_000)
    emit(addressed, ADDED)
    wait_until(lambda: bool(listed(addressed)[0]["attempts"]))
    first = listed(addressed)[0]["attempts"][0]
    assert (first["status"], first["error"]) == (None, "no whole answer in time")
    late.set()
    switch(addressed, retries=10_000)
    await_states(addressed, delivered=1)


def test_an_answer_that_drips_is_cut():
    """Each byte comes in time, the whole never does: it is cut when the window is over, not when it ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def drip() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        while not stop.wait(0.02):
                            connection.sendall(b"H")
                    except OSError:
                        continue

        threading.Thread(target=drip, daemon=True).start()
        address = Address(f"http://127.0.0.1:{server.getsockname()[1]}/", TOKEN, AES_KEY)
        attempt = post_event(address, CORP, ADDED, None, 0.3)
        stop.set()
    assert (attempt.status, attempt.error) == (None, "no whole answer in time")


def test_nobody_listening_is_a_failed_attempt(addressed, receiver):
    receiver.close()
    emit(addressed, ADDED)
    await_states(addressed, given_up=1)
    assert "ConnectionRefusedError" in listed(addressed)[0]["attempts"][0]["error"]


def test_one_slow_answer_does_not_hold_up_the_rest(addressed, receiver):
    go_on = threading.Event()
    receiver.before_answer = lambda event: go_on.wait(60) if event["ExternalUserID"] == "wm1" else None
    emit_numbered(addressed, 20)
    await_states(addressed, sending=1, delivered=19)
    go_on.set()
    await_states(addressed, delivered=20)


def test_events_come_as_often_as_the_test_wants(addressed, receiver):
    switch(addressed, copies=3)
    emit_numbered(addressed, 4)
    await_states(addressed, delivered=12)
    assert Counter(event["ExternalUserID"] for event in receiver.events) == dict.fromkeys(
        ("wm1", "wm2", "wm3", "wm4"), 3
    )
    assert [event["copy_of"] for event in listed(addressed)][:4] == [None, 1, 1, None]


def test_an_event_is_sent_again_on_demand(addressed, receiver):
    emit_numbered(addressed, 2)
    await_states(addressed, delivered=2)
    assert answer_of(addressed.post("/sandbox/callbacks/replay", json={"ids": [2, 99], "times": 3})) == {
        "queued": 3
    }
    await_states(addressed, delivered=5)
    assert Counter(event["ExternalUserID"] for event in receiver.events) == {"wm1": 1, "wm2": 4}
    assert len({event["CreateTime"] for event in receiver.events}) == 1


def test_held_events_leave_when_they_are_let_go_in_any_order(addressed, receiver):
    switch(addressed, hold=True, shuffle_s=0.05)
    emit_numbered(addressed, 60)
    assert states(addressed) == {"waiting": 60}
    switch(addressed, shuffle_s=0.05)
    came = [event["ExternalUserID"] for event in receiver.await_events(60)]
    assert sorted(came) == sorted(f"wm{number}" for number in range(1, 61))
    assert came != [f"wm{number}" for number in range(1, 61)]


def test_events_get_lost_on_demand(addressed, receiver):
    switch(addressed, drop_every=3)
    emit_numbered(addressed, 7)
    await_states(addressed, delivered=5, dropped=2)
    assert {event["ExternalUserID"] for event in receiver.events} == {"wm1", "wm2", "wm4", "wm5", "wm7"}
    switch(addressed, drop_everything=True)
    emit_numbered(addressed, 2)
    switch(addressed)
    emit(addressed, {**ADDED, "ExternalUserID": "wmLast"})
    await_states(addressed, delivered=6, dropped=4)
    assert receiver.events[-1]["ExternalUserID"] == "wmLast"


def test_without_an_address_what_happens_is_never_sent(client, receiver):
    emit(client, ADDED)
    assert states(client) == {"unaddressed": 1}
    save_address(client, receiver)
    emit(client, {**ADDED, "ExternalUserID": "wmB"})
    await_states(client, unaddressed=1, delivered=1)
    assert [event["ExternalUserID"] for event in receiver.events] == ["wmB"]
    answer_of(client.delete("/sandbox/callback"))
    emit(client, ADDED)
    assert states(client) == {"unaddressed": 2, "delivered": 1}


@pytest.mark.parametrize(
    "echo",
    [lambda text: f'"{text}"'.encode(), lambda text: f"{text}\n".encode(), lambda text: b""],
    ids=["quoted", "with a newline", "empty"],
)
def test_an_address_that_does_not_say_the_plaintext_is_not_saved(
    client, receiver, echo: Callable[[str], bytes]
):
    receiver.echo = echo
    assert answer_of(client.put("/sandbox/callback", json=receiver.address))["errcode"] == 40057
    assert answer_of(client.get("/sandbox/callback")) == {"url": "", "verified": False}


def test_an_address_that_thinks_too_long_is_not_saved(client, receiver):
    go_on = threading.Event()

    def think(text: str) -> bytes:
        go_on.wait(30)
        return text.encode()

    receiver.echo = think
    assert answer_of(client.put("/sandbox/callback", json=receiver.address))["errcode"] == 40057
    go_on.set()


def test_a_failed_save_keeps_the_old_address(addressed, receiver):
    nowhere = {**receiver.address, "url": "http://127.0.0.1:1/"}
    assert answer_of(addressed.put("/sandbox/callback", json=nowhere))["errcode"] == 40057
    assert answer_of(addressed.get("/sandbox/callback")) == {"url": receiver.url, "verified": True}


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://x/"},
        {"url": "http://"},
        {"token": "a-b"},
        {"token": "x" * 33},
        {"aes_key": "k"},
        {"url": 7},
    ],
)
def test_a_malformed_address_is_refused(client, receiver, wrong):
    assert client.put("/sandbox/callback", json={**receiver.address, **wrong}).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [{"copies": -1}, {"copies": 1.5}, {"hold": 1}, {"retries": True}, {"speed": 1}, {"answer_s": "5"}],
)
def test_a_wrong_switch_is_refused(client, wrong):
    assert client.put("/sandbox/callbacks/switches", json=wrong).status_code == 400


@pytest.mark.parametrize("wrong", [{"fields": 7}, {"fields": {}, "agent_id": "7"}, {}])
def test_a_malformed_event_is_refused(client, wrong):
    assert client.post("/sandbox/callbacks", json=[wrong]).status_code == 400
    assert listed(client) == []


def test_a_saved_address_lets_the_app_send_callback_cards(api, receiver):
    card = {
        "card_type": "button_interaction",
        "main_title": {"title": "收到了吗"},
        "task_id": "t1",
        "button_list": [{"text": "收到", "key": "ok"}],
    }
    assert api.send(msgtype="template_card", template_card=card)["errcode"] == 43012
    save_address(api.client, receiver)
    assert api.send(msgtype="template_card", template_card=card)["errcode"] == 0


def test_an_address_from_the_environment_is_asked_until_it_answers(settings, machine, receiver):
    receiver.echo = lambda text: b"not yet"
    given = replace(settings, callback_url=receiver.url, callback_token=TOKEN, callback_aes_key=AES_KEY)
    app = create_sandbox(given, machine)
    client = app.test_client()
    emit(client, ADDED)
    assert states(client) == {"waiting": 1}
    receiver.echo = str.encode
    await_states(client, delivered=1)
    app.extensions["sandbox_callbacks"].close()
    app.extensions["sandbox"].store.close()


def test_what_waits_when_the_process_ends_leaves_after_the_next_start(
    settings, machine, addressed, receiver, sandbox
):
    switch(addressed, hold=True)
    emit_numbered(addressed, 3)
    sandbox.extensions["sandbox_callbacks"].close()
    switch(addressed)
    assert states(addressed) == {"waiting": 3}
    again = create_sandbox(settings, machine)
    await_states(addressed, delivered=3)
    again.extensions["sandbox_callbacks"].close()
    again.extensions["sandbox"].store.close()
