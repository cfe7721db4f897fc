"""Tokens and tickets on bad days: bought once however many ask, renewed once, never shared between apps."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from app.wecom.app import WeComApp
from app.wecom.client import CorpClient
from app.wecom.database_cache import DatabaseCache
from app.wecom.errors import WeComMisconfigured
from app.wecom.port import Credentials
from app.wecom.shared_cache import RedisCache, RedisStore
from app.wecom.token_cache import ProcessCache, TokenCache
from tests.servers.process import free_port
from tests.wecom.local_sandbox import OURS, Counted, LocalSandbox
from tests.wecom.scripted_server import Answered, Asked, ScriptedServer

pytestmark = pytest.mark.process
KEY = "a secret of ours, thirty-two long"
WRONG = Credentials(OURS.corp_id, OURS.agent_id, "wrong-secret-77aa")


def test_twenty_cold_threads_buy_one_token(sandbox: LocalSandbox, counted: Counted):
    assert ask_from_threads(sandbox.app()) == ["lina"] * 20
    assert counted["gettoken"] == 1


def ask_from_threads(app: WeComApp) -> list[str]:
    """Twenty threads, cold, all let go at once; what each found."""
    start, found = threading.Barrier(20), list[str]()

    def ask() -> None:
        start.wait()
        found.append(app.people.get("lina").wecom_userid)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


ASKING = """
import sys
from app.wecom.app import open_app
from app.wecom.port import Credentials
corp, agent, secret, url, *shared = sys.argv[1:]
app = open_app(Credentials(corp, int(agent), secret), url, *shared)
print("ready", flush=True)
sys.stdin.readline()
print(app.people.get("lina").wecom_userid)
"""


def ask_from_processes(sandbox: LocalSandbox, redis_url: str, database_url: str) -> list[str]:
    """Four processes, cold, all let go when the last one is ready; what each found."""
    given = [OURS.corp_id, str(OURS.agent_id), OURS.secret, sandbox.url, redis_url, database_url, KEY]
    asking = [
        subprocess.Popen([sys.executable, "-c", ASKING, *given], stdin=-1, stdout=-1, text=True)
        for _ in range(4)
    ]
    for process in asking:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    return [process.communicate("go\n", timeout=60)[0] for process in asking]


def test_four_processes_with_redis_buy_one_token(sandbox: LocalSandbox, counted: Counted, redis_url: str):
    assert ask_from_processes(sandbox, redis_url, "") == ["lina\n"] * 4
    assert counted["gettoken"] == 1


def test_four_processes_without_redis_buy_one_token(
    sandbox: LocalSandbox, counted: Counted, database_url: str
):
    assert ask_from_processes(sandbox, "", database_url) == ["lina\n"] * 4
    assert counted["gettoken"] == 1
    assert counted["user/get"] == 4


def test_twenty_cold_threads_with_a_database_buy_one_token(
    sandbox: LocalSandbox, counted: Counted, database_url: str
):
    assert ask_from_threads(sandbox.app(cache=DatabaseCache(database_url, KEY))) == ["lina"] * 20
    assert counted["gettoken"] == 1


def test_a_dead_database_costs_a_token_and_no_more(sandbox: LocalSandbox, counted: Counted):
    nobody = f"mysql+pymysql://nobody@127.0.0.1:{free_port()}/nothing"
    app = sandbox.app(cache=DatabaseCache(nobody, KEY))
    assert app.people.get("lina").wecom_userid == app.people.get("LINA").wecom_userid == "lina"
    assert counted["gettoken"] == 1


def test_four_processes_with_a_wrong_secret_try_it_once(
    sandbox: LocalSandbox, counted: Counted, database_url: str
):
    apps = [sandbox.app(WRONG, DatabaseCache(database_url, KEY)) for _ in range(4)]
    for app in apps * 2:
        with pytest.raises(WeComMisconfigured) as caught:
            app.people.get("lina")
        assert caught.value.errcode == 40001
    assert counted["gettoken"] == 1
    assert sandbox.app(cache=DatabaseCache(database_url, KEY)).people.get("lina").wecom_userid == "lina"


def test_a_dead_redis_costs_a_token_and_no_more(sandbox: LocalSandbox, counted: Counted):
    app = sandbox.app(cache=RedisCache(f"redis://127.0.0.1:{free_port()}/0", KEY))
    assert app.people.get("lina").wecom_userid == app.people.get("LINA").wecom_userid == "lina"
    assert counted["gettoken"] == 1


def test_a_flushed_redis_costs_nothing(sandbox: LocalSandbox, counted: Counted, redis_url: str):
    cache = RedisCache(redis_url, KEY)
    app = sandbox.app(cache=cache)
    app.people.get("lina")
    RedisStore(redis_url).redis.flushdb()
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
    ours, theirs = (
        sandbox.app(cache=RedisCache(redis_url, KEY)),
        sandbox.app(cache=RedisCache(redis_url, KEY)),
    )
    ours.people.get("lina")
    theirs.people.get("lina")
    sandbox.revoke_tokens()
    ours.people.get("lina")
    theirs.people.get("lina")
    assert counted["gettoken"] == 2


def test_a_token_refused_for_ever_is_renewed_once_and_then_nobody_is_asked(
    sandbox: LocalSandbox, counted: Counted
):
    sandbox.plant("*", "errcode", times=None, value=40014)
    client = sandbox.client(monotonic=lambda: 0.0)
    client._token._cache.put(client._token._key, "stale", 3600)
    for _ in range(10):
        with pytest.raises(WeComMisconfigured):
            client.get("user/get", params={"userid": "lina"})
    assert (counted["gettoken"], counted["user/get"]) == (1, 1)


def test_twenty_threads_with_a_token_refused_for_ever_renew_it_once(sandbox: LocalSandbox, counted: Counted):
    sandbox.plant("user/get", "errcode", times=None, value=40014)
    app, start = sandbox.app(monotonic=lambda: 0.0), threading.Barrier(20)  # however slow the machine is
    refusals: list[int] = []

    def ask() -> None:
        start.wait()
        for _ in range(10):
            with pytest.raises(WeComMisconfigured) as caught:
                app.people.get("lina")
            refusals.append(caught.value.errcode)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refusals == [40014] * 200
    assert counted["gettoken"] == 2  # the first, and one renewal
    assert counted["user/get"] <= 2 * 20


def test_one_api_that_refuses_a_good_token_does_not_stop_the_others(sandbox: LocalSandbox, counted: Counted):
    sandbox.plant("user/get", "errcode", times=None, value=40014)
    app = sandbox.app()
    assert app.contacts.ids_of("lina")
    for _ in range(5):
        with pytest.raises(WeComMisconfigured):
            app.people.get("lina")
        assert app.contacts.ids_of("lina")
    assert counted["user/get"] == 2


def test_a_wrong_secret_is_tried_once(sandbox: LocalSandbox, counted: Counted):
    app = sandbox.app(WRONG)
    for _ in range(10):
        with pytest.raises(WeComMisconfigured) as caught:
            app.people.get("lina")
        assert caught.value.errcode == 40001
    assert counted["gettoken"] == 1


SECRETS = ("0123456789-ours", "0123456789-theirs")  # alike in all that wechatpy makes its keys of


@pytest.mark.parametrize("shared", ["process", "redis"])
def test_two_apps_never_share_a_token_or_a_ticket(shared: str, request: pytest.FixtureRequest):
    def lend(asked: Asked) -> Answered:
        whose = asked.query.get("corpsecret") or asked.query["access_token"].removeprefix("token of ")
        lent = {"access_token": f"token of {whose}", "ticket": f"{asked.path} for {whose}"}
        return Answered({"errcode": 0, "expires_in": 7200, **lent})

    cache: TokenCache = ProcessCache()
    if shared == "redis":
        cache = RedisCache(request.getfixturevalue("redis_url"), KEY)
    with ScriptedServer(lend).running() as server:
        apps = [
            CorpClient(Credentials(OURS.corp_id, agent, secret), server.url, cache)
            for agent, secret in enumerate(SECRETS)
        ]
        for _ in range(2):
            assert [app.access_token for app in apps] == [f"token of {secret}" for secret in SECRETS]
            tickets = [app.ticket("agent") for app in apps]
            assert tickets == [f"/cgi-bin/ticket/get for {secret}" for secret in SECRETS]
        assert len(server.of("gettoken")) == len(server.of("ticket/get")) == 2


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
