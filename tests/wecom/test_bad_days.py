"""What the port does when WeCom lies, limits or disappears: bounded calls, typed errors, nothing leaked."""

from __future__ import annotations

import socket

import pytest

from app.wecom.app import WeComApp
from app.wecom.bodies import Text, render
from app.wecom.breaker import PROBE_S
from app.wecom.client import ASKING_S, LONGEST_CALL_S, CorpClient
from app.wecom.errors import WeComMisconfigured, WeComPaused, WeComRetryable
from app.wecom.port import Credentials
from app.wecom.token_cache import LOCK_S, ProcessCache
from tests.servers.process import free_port
from tests.wecom.local_sandbox import OURS, Counted, LocalSandbox
from tests.wecom.scripted_server import raw_server

pytestmark = pytest.mark.process
UNANSWERED_S, PATIENCE_S = 0.3, 30.0
WRONG = Credentials(OURS.corp_id, OURS.agent_id, "wrong-secret-77aa")


@pytest.mark.parametrize("code", [-1, 45033])
def test_a_busy_wecom_is_asked_three_times(sandbox: LocalSandbox, counted: Counted, code: int):
    sandbox.plant("user/get", "errcode", times=2, value=code)
    assert sandbox.app().people.get("lina").wecom_userid == "lina"
    sandbox.plant("user/get", "errcode", times=None, value=code)
    with pytest.raises(WeComRetryable, match=str(code)):
        sandbox.app().people.get("lina")
    assert counted["user/get"] == 6


def test_an_api_over_its_limit_is_left_alone_and_the_others_are_not(sandbox: LocalSandbox, counted: Counted):
    sandbox.plant("user/get", "errcode", times=None, value=45009)
    app = sandbox.app()
    for _ in range(5):
        with pytest.raises(WeComPaused) as caught:
            app.people.get("lina")
        assert 0 < caught.value.wait_s <= 60
    assert app.contacts.ids_of("lina")
    assert counted["user/get"] == 1


def test_a_limit_on_buying_tokens_is_left_alone_too(sandbox: LocalSandbox, counted: Counted):
    sandbox.plant("gettoken", "errcode", times=None, value=45009)
    app = sandbox.app()
    for _ in range(5):
        with pytest.raises(WeComPaused):
            app.people.get("lina")
    assert (counted["gettoken"], counted["user/get"]) == (1, 0)


def test_a_broken_server_is_a_typed_error(sandbox: LocalSandbox, counted: Counted):
    sandbox.plant("message/send", "http500", times=None, value=502)
    with pytest.raises(WeComRetryable, match="HTTP 502") as caught:
        sandbox.app().send_app_message(render(OURS.agent_id, ("lina",), Text("您好")))
    assert caught.value.sent
    assert counted["message/send"] == 3


def test_an_answer_that_is_no_json_is_a_typed_error(sandbox: LocalSandbox, counted: Counted):
    sandbox.plant("message/send", "malformed")
    with pytest.raises(WeComRetryable, match="not a JSON object") as caught:
        sandbox.app().send_app_message(render(OURS.agent_id, ("lina",), Text("坏答复")))
    assert caught.value.sent
    assert counted["message/send"] == 1


def test_a_lost_answer_is_ambiguous_and_the_repeat_is_not_shown_twice(sandbox: LocalSandbox):
    body, before = render(OURS.agent_id, ("idle",), Text("答复丢了")), len(sandbox.messages("idle"))
    sandbox.plant("message/send", "drop_answer")
    with pytest.raises(WeComRetryable) as caught:
        sandbox.app().send_app_message(body)
    assert caught.value.sent
    assert sandbox.app().send_app_message(body).msgid == sandbox.messages("idle")[-1]["msgid"]
    assert len(sandbox.messages("idle")) == before + 1


@pytest.mark.parametrize("code", [45009, -1])
def test_what_an_earlier_try_may_have_done_is_not_forgotten(sandbox: LocalSandbox, code: int):
    sandbox.plant("message/send", "http500_after")
    sandbox.plant("message/send", "errcode", times=None, value=code)
    with pytest.raises(WeComRetryable, match=str(code)) as caught:
        sandbox.app().send_app_message(render(OURS.agent_id, ("idle",), Text(f"先发出去了{code}")))
    assert caught.value.sent


def test_a_lost_answer_to_a_question_is_asked_again(sandbox: LocalSandbox, counted: Counted):
    sandbox.plant("user/get", "drop_answer")
    assert sandbox.app().people.get("lina").name == "李娜"
    assert counted["user/get"] == 2


def test_a_silent_server_is_not_waited_for():
    with raw_server([], then_close=False) as url:
        client = CorpClient(OURS, url, ProcessCache())
        client._token._cache.put(client._token._key, "token", 3600)
        client.timeout = (120, 0.2)
        with pytest.raises(WeComRetryable, match="ReadTimeout") as caught:
            WeComApp(client).send_app_message(render(OURS.agent_id, ("lina",), Text("慢")))
    assert caught.value.sent


def test_buying_a_token_is_not_waited_for_either():
    with raw_server([], then_close=False) as url:
        client = CorpClient(OURS, url, ProcessCache())
        client.timeout = (120, 0.2)
        with pytest.raises(WeComRetryable, match="gettoken: ReadTimeout"):
            WeComApp(client).people.get("lina")


def test_nobody_listening_is_a_typed_error():
    app = WeComApp(CorpClient(OURS, f"http://127.0.0.1:{free_port()}", ProcessCache(), sleep=lambda _: None))
    with pytest.raises(WeComRetryable, match="ConnectionError"):
        app.people.get("lina")


def test_what_never_reached_wecom_is_not_taken_for_sent():
    client = CorpClient(OURS, f"http://127.0.0.1:{free_port()}", ProcessCache(), sleep=lambda _: None)
    client._token._cache.put(client._token._key, "token", 3600)
    with pytest.raises(WeComRetryable, match="NewConnectionError") as caught:
        WeComApp(client).send_app_message(render(OURS.agent_id, ("lina",), Text("没到")))
    assert not caught.value.sent


def test_a_wrong_address_is_a_typed_error(sandbox: LocalSandbox):
    app = WeComApp(CorpClient(OURS, f"{sandbox.url}/elsewhere", ProcessCache()))
    with pytest.raises(WeComMisconfigured) as caught:
        app.people.get("lina")
    assert caught.value.errcode == 404


def test_a_call_and_the_token_it_waits_for_end_in_time():
    """Every try is given what is left of one time, and a fetch is over before anybody takes its lock away."""
    assert min(LOCK_S, PROBE_S) > ASKING_S
    assert LONGEST_CALL_S == 2 * ASKING_S + LOCK_S


def test_tries_and_their_repeats_share_one_time():
    moments = iter([0.0, *[16.0] * 100])
    client = CorpClient(OURS, "http://127.0.0.1:9", ProcessCache(), monotonic=lambda: next(moments))
    client._token._cache.put(client._token._key, "token", 3600)
    with pytest.raises(WeComRetryable, match="no time is left") as caught:
        WeComApp(client).people.get("lina")
    assert not caught.value.sent


def test_a_request_is_read_before_anything_is_answered_and_its_connection_is_kept(sandbox: LocalSandbox):
    """As WeCom does: a server that answers without the body closes what it said it keeps, on the next request."""
    sandbox.plant("message/send", "http500", times=None, value=502)
    body = b'{"touser": "lina"}'
    head = f"POST /cgi-bin/message/send HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=UNANSWERED_S) as connection:
        for _ in range(3):
            connection.sendall(head)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.sendall(body)
            connection.settimeout(PATIENCE_S)
            with connection.makefile("rb") as answer:
                assert answer.readline().startswith(b"HTTP/1.1 502 ")
                length = next(
                    int(line[15:]) for line in answer if line.lower().startswith(b"content-length:")
                )
                while answer.readline().strip():
                    pass
                assert len(answer.read(length)) == length
            connection.settimeout(UNANSWERED_S)
