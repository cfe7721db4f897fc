"""How long WeCom is left alone, on a clock that only the test moves (facts 5.1)."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from app.wecom.breaker import (
    DISTRUSTED_S,
    LONGEST_DISTRUST_S,
    PROBE_S,
    REMEMBERED_S,
    SHARED_AGAIN_S,
    Block,
    Distrust,
    FrequencyBreaker,
    blocked_for,
)
from app.wecom.errors import WeComMisconfigured, WeComPaused
from app.wecom.shared_cache import RedisCache
from app.wecom.token_cache import Kept, ProcessCache, TokenCache
from tests.servers.process import free_port
from tests.wecom.conftest import OpenCache

SEND, GET = "message/send", "user/get"
NOON_S = datetime(2026, 3, 1, 12, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
HOUR_S = 3600.0


class Api:
    """A process that calls one API; whether WeCom answers 45009 is the test's."""

    def __init__(self, cache: TokenCache | None = None) -> None:
        self.now = NOON_S
        self.breaker = FrequencyBreaker(
            cache or ProcessCache(lambda: self.now), "blocked", lambda: self.now, lambda: self.now
        )

    def call(self, limited: bool, path: str = SEND) -> float:
        """How long it has to wait after this call; raises where it must not be made."""
        began = self.breaker.check(path)
        if limited:
            return self.breaker.refused(path, began)
        self.breaker.answered(path, began)
        return 0.0

    def waits(self, path: str = SEND) -> float:
        with pytest.raises(WeComPaused) as caught:
            self.breaker.check(path)
        return caught.value.wait_s


def test_a_minute_then_an_hour_then_the_rest_of_the_day():
    api = Api()
    assert api.call(limited=True) == 60
    assert api.waits() == 60
    api.now += 59
    assert api.waits() == 1
    api.now += 1
    assert api.call(limited=True) == HOUR_S
    api.now += HOUR_S
    assert api.call(limited=True) == 12 * HOUR_S - HOUR_S - 60
    assert (api.now + api.waits() + 8 * HOUR_S) % (24 * HOUR_S) == 0


@pytest.mark.parametrize(("hour", "left_h"), [(0, 24), (23, 1), (12, 12)])
def test_the_day_ends_at_midnight_in_shanghai(hour: int, left_h: int):
    assert blocked_for(2, NOON_S + (hour - 12) * HOUR_S) == left_h * HOUR_S


def test_a_success_ends_the_row():
    api = Api()
    api.call(limited=True)
    api.now += 60
    api.call(limited=False)
    assert api.call(limited=True) == 60


def test_other_apis_go_on():
    api = Api()
    api.call(limited=True)
    assert api.call(limited=False, path=GET) == 0


def test_those_under_way_when_the_limit_was_met_make_the_block_no_longer():
    api = Api()
    began = [api.breaker.check(SEND) for _ in range(16)]
    assert {api.breaker.refused(SEND, each) for each in began} == {60}
    api.breaker.answered(SEND, began[0])
    assert api.waits() == 60


def test_the_first_call_after_a_block_goes_alone():
    api = Api()
    api.call(limited=True)
    api.now += 60
    probe = api.breaker.check(SEND)
    assert api.waits() == PROBE_S
    api.breaker.answered(SEND, probe)
    assert api.call(limited=False) == 0


def test_a_probe_that_never_answers_is_followed_by_another():
    api = Api()
    api.call(limited=True)
    api.now += 60
    api.breaker.check(SEND)
    api.now += PROBE_S
    assert api.call(limited=True) == HOUR_S


class Shared:
    """A cache shared by processes on hosts whose clocks disagree; time passes for all of them alike."""

    def __init__(self, *fast_s: float) -> None:
        self.now = NOON_S
        cache = ProcessCache(lambda: self.now)
        self.apis = [Api(cache) for _ in fast_s]
        self.fast_s = fast_s
        self.wait(0)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for api, fast_s in zip(self.apis, self.fast_s, strict=True):
            api.now = self.now + fast_s


def test_processes_learn_of_a_block_and_of_its_end_from_each_other():
    shared = Shared(0, 0)
    ours, theirs = shared.apis
    theirs.call(limited=False)
    ours.call(limited=True)
    shared.wait(SHARED_AGAIN_S)
    assert theirs.waits() == 60 - SHARED_AGAIN_S
    shared.wait(60 - SHARED_AGAIN_S)
    assert ours.call(limited=True) == HOUR_S
    shared.wait(SHARED_AGAIN_S)
    assert theirs.waits() == HOUR_S - SHARED_AGAIN_S
    shared.wait(HOUR_S)
    assert ours.call(limited=False) == 0
    shared.wait(SHARED_AGAIN_S)
    assert theirs.call(limited=True) == 60


@pytest.mark.parametrize("fast_s", [7200.0, 61.0, -61.0, -7200.0])
def test_a_host_whose_clock_is_wrong_waits_as_long_as_the_others(fast_s: float):
    shared = Shared(0, fast_s)
    ours, theirs = shared.apis
    ours.call(limited=True)
    assert theirs.waits() == 60
    shared.wait(59)
    assert theirs.waits() == 1
    shared.wait(1)
    assert theirs.call(limited=True) == HOUR_S


def test_a_call_begun_before_the_end_of_a_block_makes_it_no_longer():
    shared = Shared(0, 300)
    ours, theirs = shared.apis
    began = theirs.breaker.check(SEND)
    ours.call(limited=True)
    shared.wait(60)
    assert theirs.breaker.refused(SEND, began) == 60


def test_the_first_call_after_a_block_goes_alone_among_all_processes():
    shared = Shared(0, 7200)
    ours, theirs = shared.apis
    ours.call(limited=True)
    assert theirs.waits() == 60
    shared.wait(60)
    probe = ours.breaker.check(SEND)
    assert theirs.waits() == SHARED_AGAIN_S
    ours.breaker.answered(SEND, probe)
    shared.wait(SHARED_AGAIN_S)
    assert theirs.call(limited=False) == 0


def test_two_processes_that_meet_the_limit_at_once_have_met_it_once(open_cache: OpenCache):
    ours, theirs = Api(open_cache("key")), Api(open_cache("key"))
    began = ours.breaker.check(SEND), theirs.breaker.check(SEND)
    assert ours.breaker.refused(SEND, began[0]) == 60
    assert 0 < theirs.breaker.refused(SEND, began[1]) <= 60


def test_where_nothing_is_shared_each_process_knows_its_own():
    api = Api(RedisCache(f"redis://127.0.0.1:{free_port()}/0", "key"))
    assert api.call(limited=True) == 60
    assert api.waits() == 60


@pytest.mark.parametrize("text", ["", "1", "a b", "-1 b"])
def test_what_is_no_block_is_none(text: str):
    assert Block.decode(None, 100.0) is None
    assert Block.decode(Kept(text, 60), 100.0) is None
    block = Block(1, "abcd", 160.0)
    assert Block.decode(Kept(block.encode(), 60 + REMEMBERED_S), 100.0) == block


class App:
    """An app whose tokens WeCom refuses or takes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.distrust = Distrust(lambda: self.now)

    def is_asked(self, path: str) -> bool:
        try:
            self.distrust.check(path)
        except WeComMisconfigured:
            return False
        return True


def test_a_renewed_token_that_is_refused_stops_the_whole_app_for_longer_each_time():
    app, waits = App(), []
    for _ in range(8):
        app.distrust.refused(GET, "token")
        before = app.now
        while not app.is_asked(SEND):
            app.now += 1
        waits.append(app.now - before)
    assert waits[:3] == [DISTRUSTED_S, 2 * DISTRUSTED_S, 4 * DISTRUSTED_S]
    assert waits[-1] == LONGEST_DISTRUST_S


def test_a_token_that_is_taken_ends_the_distrust():
    app = App()
    app.distrust.refused(GET, "old")
    app.now += DISTRUSTED_S
    app.distrust.accepted(GET, "new")
    app.distrust.refused(GET, "newer")
    app.now += DISTRUSTED_S
    assert app.is_asked(GET)


def test_an_api_that_refuses_what_others_take_waits_alone():
    app = App()
    app.distrust.accepted(SEND, "token")
    app.distrust.refused(GET, "token")
    assert not app.is_asked(GET)
    assert app.is_asked(SEND)
    app.distrust.accepted(SEND, "token")
    assert not app.is_asked(GET)
