"""What the port does when WeCom lies, limits or disappears: bounded calls, typed errors, nothing leaked."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import traceback

import pytest
import structlog
from structlog.testing import capture_logs

from app.wecom.app import WeComApp
from app.wecom.bodies import Text, render
from app.wecom.client import CorpClient
from app.wecom.errors import WeComError, WeComMisconfigured, WeComRetryable
from app.wecom.port import Credentials
from app.wecom.token_cache import ProcessCache, RedisCache
from tests.servers.process import free_port
from tests.wecom.local_sandbox import OURS, LocalSandbox

pytestmark = pytest.mark.process
WRONG = Credentials(OURS.corp_id, OURS.agent_id, "wrong-secret-77aa")


class Counted:
    """How many calls each path got since this was made."""

    def __init__(self, sandbox: LocalSandbox) -> None:
        self._sandbox, self._before = sandbox, sandbox.calls()

    def __getitem__(self, path: str) -> int:
        return self._sandbox.calls().get(path, 0) - self._before.get(path, 0)


@pytest.fixture
def counted(sandbox: LocalSandbox) -> Counted:
    return Counted(sandbox)


def test_twenty_cold_threads_buy_one_token(sandbox: LocalSandbox, counted: Counted):
    app, start = sandbox.app(), threading.Barrier(20)
    found: list[str] = []

    def ask() -> None:
        start.wait()
        found.append(app.people.get("lina").wecom_userid)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["lina"] * 20
    assert counted["gettoken"] == 1


ASKING = """
import sys
from app.wecom.app import open_app
from app.wecom.port import Credentials
corp, agent, secret, url, redis = sys.argv[1:]
app = open_app(Credentials(corp, int(agent), secret), url, redis)
print("ready", flush=True)
sys.stdin.readline()
print(app.people.get("lina").wecom_userid)
"""


def test_four_processes_with_redis_buy_one_token(sandbox: LocalSandbox, counted: Counted, redis_url: str):
    given = [OURS.corp_id, str(OURS.agent_id), OURS.secret, sandbox.url, redis_url]
    asking = [
        subprocess.Popen([sys.executable, "-c", ASKING, *given], stdin=-1, stdout=-1, text=True)
        for _ in range(4)
    ]
    for process in asking:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = [process.communicate("go\n", timeout=30)[0] for process in asking]
    assert answers == ["lina\n"] * 4
    assert counted["gettoken"] == 1


def test_a_dead_redis_costs_a_token_and_no_more(sandbox: LocalSandbox, counted: Counted):
    app = sandbox.app(cache=RedisCache(f"redis://127.0.0.1:{free_port()}/0"))
    assert app.people.get("lina").wecom_userid == app.people.get("LINA").wecom_userid == "lina"
    assert counted["gettoken"] == 1


def test_a_flushed_redis_costs_nothing(sandbox: LocalSandbox, counted: Counted, redis_url: str):
    cache = RedisCache(redis_url)
    app = sandbox.app(cache=cache)
    app.people.get("lina")
    cache._redis.flushdb()
    app.people.get("lina")
    assert counted["gettoken"] == 1


def test_a_token_withdrawn_early_is_renewed_once(sandbox: LocalSandbox, counted: Counted):
    app = sandbox.app()
    app.people.get("lina")
    sandbox.revoke_tokens()
    assert app.people.get("lina").wecom_userid == "lina"
    assert (counted["gettoken"], counted["user/get"]) == (2, 3)


def test_an_expired_token_is_renewed_once(sandbox: LocalSandbox, counted: Counted):
    app = sandbox.app()
    app.people.get("lina")
    sandbox.plant("user/get", "errcode", value=42001)
    assert app.people.get("lina").wecom_userid == "lina"
    assert (counted["gettoken"], counted["user/get"]) == (2, 3)


def test_another_process_that_renewed_is_believed(sandbox: LocalSandbox, counted: Counted, redis_url: str):
    ours, theirs = sandbox.app(cache=RedisCache(redis_url)), sandbox.app(cache=RedisCache(redis_url))
    ours.people.get("lina")
    theirs.people.get("lina")
    sandbox.revoke_tokens()
    ours.people.get("lina")
    theirs.people.get("lina")
    assert counted["gettoken"] == 2


def test_a_token_refused_for_ever_stops_at_once(sandbox: LocalSandbox, counted: Counted):
    sandbox.plant("user/get", "errcode", times=None, value=40014)
    app = sandbox.app()
    for _ in range(10):
        with pytest.raises(WeComMisconfigured):
            app.people.get("lina")
    assert counted["gettoken"] == 2
    assert counted["user/get"] <= 2 + 9


def test_a_wrong_secret_is_tried_once(sandbox: LocalSandbox, counted: Counted):
    app = sandbox.app(WRONG)
    for _ in range(10):
        with pytest.raises(WeComMisconfigured) as caught:
            app.people.get("lina")
        assert caught.value.errcode == 40001
    assert counted["gettoken"] == 1


def test_apps_do_not_share_tokens_or_tickets_by_a_common_prefix(sandbox: LocalSandbox):
    cache = ProcessCache()
    clients = [
        CorpClient(Credentials(OURS.corp_id, agent, f"0123456789{agent}"), url, cache)
        for agent in (1, 2)
        for url in (sandbox.url, "http://other")
    ]
    assert len({client._token._key for client in clients}) == 4
    assert len({client._tickets["agent"]._key for client in clients}) == 4
    assert len({client._tickets["corp"]._key for client in clients}) == 2


@pytest.mark.parametrize("code", [-1, 45033])
def test_a_busy_wecom_is_asked_three_times(sandbox: LocalSandbox, counted: Counted, code: int):
    sandbox.plant("user/get", "errcode", times=2, value=code)
    assert sandbox.app().people.get("lina").wecom_userid == "lina"
    sandbox.plant("user/get", "errcode", times=None, value=code)
    with pytest.raises(WeComRetryable, match=str(code)):
        sandbox.app().people.get("lina")
    assert counted["user/get"] == 6


def test_a_frequency_limit_is_left_alone_for_its_minute(sandbox: LocalSandbox, counted: Counted):
    sandbox.plant("user/get", "errcode", times=None, value=45009)
    with pytest.raises(WeComRetryable) as caught:
        sandbox.app().people.get("lina")
    assert caught.value.wait_s == 60
    assert counted["user/get"] == 1


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


def test_a_lost_answer_to_a_question_is_asked_again(sandbox: LocalSandbox, counted: Counted):
    sandbox.plant("user/get", "drop_answer")
    assert sandbox.app().people.get("lina").name == "李娜"
    assert counted["user/get"] == 2


def test_a_slow_server_is_not_waited_for(sandbox: LocalSandbox):
    client = sandbox.client()
    client.access_token  # noqa: B018 - bought before the time-out shrinks
    client.timeout = (1, 0.2)
    sandbox.plant("message/send", "delay", value=1)
    with pytest.raises(WeComRetryable, match="ReadTimeout") as caught:
        WeComApp(client).send_app_message(render(OURS.agent_id, ("lina",), Text("慢")))
    assert caught.value.sent


def test_buying_a_token_is_not_waited_for_either(sandbox: LocalSandbox):
    client = sandbox.client()
    client.timeout = (1, 0.2)
    sandbox.plant("gettoken", "delay", value=1)
    with pytest.raises(WeComRetryable, match="gettoken: ReadTimeout"):
        WeComApp(client).people.get("lina")


def test_nobody_listening_is_a_typed_error():
    app = WeComApp(CorpClient(OURS, f"http://127.0.0.1:{free_port()}", ProcessCache(), sleep=lambda _: None))
    with pytest.raises(WeComRetryable, match="ConnectionError"):
        app.people.get("lina")


def test_a_wrong_address_is_a_typed_error(sandbox: LocalSandbox):
    app = WeComApp(CorpClient(OURS, f"{sandbox.url}/elsewhere", ProcessCache()))
    with pytest.raises(WeComMisconfigured) as caught:
        app.people.get("lina")
    assert caught.value.errcode == 404


def _everything_said(error: BaseException) -> str:
    """A report as an error tracker would make it: causes, contexts, arguments."""
    said = "".join(traceback.format_exception(error))
    found: BaseException | None = error
    while found is not None:
        said += repr(found) + repr(found.args) + repr(vars(found))
        found = found.__context__ or found.__cause__
    return said


def test_no_secret_and_no_token_reaches_a_log_or_an_error(
    sandbox: LocalSandbox, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    client, said = sandbox.client(), ""
    code = "-".join(("code", "canary", "51"))  # put together: a traceback quotes the source
    faults = [("drop_answer", 0), ("http500", 500), ("malformed", 0), ("errcode", 40014), ("errcode", 40029)]
    with capture_logs() as structured:
        structlog.get_logger("canary").info("listening")
        for path in ("gettoken", "auth/getuserinfo"):
            for kind, value in faults:
                sandbox.forget()
                sandbox.plant(path, kind, times=None, value=value)
                try:
                    WeComApp(sandbox.client()).login_of(code)
                except WeComError as error:
                    said += _everything_said(error)
        sandbox.forget()
        client.get("user/get", params={"userid": "lina"})
    said += "".join(record.getMessage() + repr(record.args) for record in caplog.records)
    said += json.dumps(structured) + repr(OURS) + repr(client)
    assert "user/get" in said
    assert "gettoken" in said
    assert "listening" in said
    for secret in (OURS.secret, client.access_token, code):
        assert secret not in said
