"""How often and how many at once: 45009, 45033, and who may call at all (facts 5.1, 8)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.wecom.bodies import Text, render
from app.wecom.errors import WeComMisconfigured
from tests.contract import samples
from tests.wecom.local_sandbox import OURS, LocalSandbox


@pytest.fixture
def limited(corp: LocalSandbox) -> Iterator[LocalSandbox]:
    """A corp whose limits a test may lower; they are WeCom's again afterwards."""
    yield corp
    corp.fresh()


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until, "waited for a minute"
        time.sleep(0.01)


def token_of(corp: LocalSandbox) -> str:
    return str(corp.raw("gettoken", corpid=OURS.corp_id, corpsecret=OURS.secret)["access_token"])


def errcodes(corp: LocalSandbox, path: str, times: int, token: str = "", **params: str) -> list[int]:
    """What so many calls in a row are answered, without any client in between."""
    token = token or token_of(corp)
    return [int(corp.raw(path, access_token=token, **params)["errcode"]) for _ in range(times)]


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("corp_minute", timedelta(minutes=1)),
        ("corp_hour", timedelta(hours=1)),
        ("ip_minute", timedelta(minutes=1)),
        ("ip_hour", timedelta(hours=1)),
    ],
)
def test_too_many_calls_block_an_api_for_as_long_as_the_limit_is(
    limited: LocalSandbox, name: str, block: timedelta
):
    limited.travel(timedelta(days=600))
    token = token_of(limited)
    limited.control("PUT", "limits", {name: 2})
    assert errcodes(limited, "get_api_domain_ip", 4, token) == [0, 0, 45009, 45009]
    assert errcodes(limited, "getcallbackip", 1, token) == [0]
    limited.travel(timedelta(days=600) + block / 2)
    assert errcodes(limited, "get_api_domain_ip", 1, token) == [45009]
    limited.travel(timedelta(days=600) + block + timedelta(minutes=1))
    assert errcodes(limited, "get_api_domain_ip", 1, token) == [0]


def test_sending_is_not_counted(limited: LocalSandbox):
    limited.control("PUT", "limits", {"corp_minute": 1})
    userid, wecom = samples.new_member(limited), limited.app()
    for number in range(3):
        assert wecom.send_app_message(render(OURS.agent_id, (userid,), Text(str(number)))).msgid


def test_a_login_counts_only_when_its_code_is_none(limited: LocalSandbox):
    limited.control("PUT", "limits", {"corp_minute": 2})
    assert errcodes(limited, "auth/getuserinfo", 4, code="made-up") == [40029, 40029, 45009, 45009]


def test_tickets_are_counted_by_app_and_corp(limited: LocalSandbox):
    limited.control("PUT", "limits", {"tickets_app_hour": 2})
    assert errcodes(limited, "get_jsapi_ticket", 3) == [0, 0, 45009]
    limited.control("PUT", "limits", {"tickets_corp_hour": 2})
    assert errcodes(limited, "ticket/get", 3, type="agent_config") == [0, 0, 45009]


def test_fetching_one_file_over_and_over_is_45033(limited: LocalSandbox):
    limited.control("PUT", "limits", {"same_media_minute": 2})
    assert errcodes(limited, "media/get", 3, media_id="one") == [40007, 40007, 45033]
    assert errcodes(limited, "media/get", 1, media_id="another") == [40007]


def test_debugging_is_for_a_few_calls(limited: LocalSandbox):
    assert errcodes(limited, "getcallbackip", 6, debug="1") == [0, 0, 0, 0, 0, 45009]


def test_trying_wrong_secrets_shuts_an_address_out_for_an_hour(limited: LocalSandbox):
    limited.travel(timedelta(days=700))
    limited.control("PUT", "limits", {"wrong_secrets_hour": 2})
    tried = [limited.raw("gettoken", corpid=OURS.corp_id, corpsecret="wrong")["errcode"] for _ in range(3)]
    assert tried == [40001, 40001, 45009]
    right = {"corpid": OURS.corp_id, "corpsecret": OURS.secret}
    assert limited.raw("gettoken", **right)["errcode"] == 45009
    limited.travel(timedelta(days=700, minutes=61))
    assert limited.raw("gettoken", **right)["errcode"] == 0


def test_more_calls_at_once_than_may_be_are_45033(limited: LocalSandbox):
    path, token = "getcallbackip", token_of(limited)
    limited.control("PUT", "limits", {"concurrency": {path: 2}})
    limited.plant(path, "delay", times=2, value=6)
    before = limited.calls().get(path, 0)
    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(errcodes, limited, path, 1, token) for _ in range(2)]
        wait_until(lambda: limited.calls().get(path, 0) == before + 2)
        assert errcodes(limited, path, 1, token) == [45033]
        assert [answer.result() for answer in slow] == [[0], [0]]
    assert errcodes(limited, path, 1, token) == [0]


@pytest.mark.parametrize(
    ("rules", "path", "errcode"),
    [
        ({"trusted_ips": ["203.0.113.9"]}, "get_api_domain_ip", 60020),
        ({"contact_api": False}, "externalcontact/get_follow_user_list", 48002),
        ({"app_enabled": False}, "get_api_domain_ip", 50003),
        ({}, "miniprogram/jscode2session", 48002),
        ({"pay_api": False}, "externalpay/get_bill_list", 48002),
        ({"living_api": False}, "living/get_living_info", 48002),
        ({}, "user/list_id", 48002),
    ],
)
def test_who_may_not_call_is_told_that_our_app_is_wrong(
    limited: LocalSandbox, rules: dict[str, Any], path: str, errcode: int
):
    client = limited.client()
    assert client.get("get_api_domain_ip")["errcode"] == 0
    limited.set_rules(**rules)
    with pytest.raises(WeComMisconfigured) as caught:
        client.get(path)
    assert caught.value.errcode == errcode


def test_a_wrong_secret_is_not_tried_again(corp: LocalSandbox):
    before = corp.calls().get("gettoken", 0)
    with pytest.raises(WeComMisconfigured) as caught:
        corp.app(replace(OURS, secret="wrong-one")).addresses.of_api()
    assert (caught.value.errcode, corp.calls()["gettoken"] - before) == (40001, 1)
