"""How long a token is kept, and when it is fetched again: on a clock that only the test moves."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest

from app.wecom.errors import WeComError, WeComMisconfigured, WeComRetryable
from app.wecom.token_cache import (
    EARLY_S,
    FAILED_FOR_S,
    LONGEST_REFUSED_S,
    REFUSED_FOR_S,
    ProcessCache,
    Renewable,
    lasting,
)


class Wecom:
    """Lends numbered values, or refuses; remembers how often it was asked."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked = 0
        self.failure: WeComError | None = None
        self.same_again = False

    def lend(self) -> tuple[str, int]:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return ("same" if self.same_again else f"token{self.asked}"), 7200

    def renewable(self) -> Renewable:
        return Renewable(ProcessCache(lambda: self.now), "key", self.lend, lambda: self.now)


def test_a_value_is_renewed_five_minutes_early():
    wecom = Wecom()
    token = wecom.renewable()
    assert token.value() == "token1"
    wecom.now += 7200 - EARLY_S - 1
    assert token.value() == "token1"
    wecom.now += 1
    assert token.value() == "token2"


@pytest.mark.parametrize(("lives_s", "kept_s"), [(7200, 6900), (601, 301), (600, 300), (10, 5), (1, 1)])
def test_a_short_value_is_kept_for_half_its_life(lives_s: int, kept_s: float):
    assert lasting(lives_s) == kept_s


def test_a_refused_secret_is_asked_about_once_a_minute():
    wecom = Wecom()
    token, wecom.failure = wecom.renewable(), WeComMisconfigured("gettoken", 40001, "invalid credential")
    for _ in range(3):
        with pytest.raises(WeComMisconfigured):
            token.value()
    assert wecom.asked == 1
    wecom.now += REFUSED_FOR_S
    wecom.failure = None
    assert token.value() == "token2"


REFUSED = WeComMisconfigured("gettoken", 40001, "invalid credential")


def minutes_of(errcode: int, processes: int, hours: int) -> list[int]:
    """At which minutes WeCom is asked while it refuses all these processes, each of which asks every 30 s."""
    wecom, minutes = Wecom(), []
    wecom.failure = WeComMisconfigured("gettoken", errcode, "refused")
    cache = ProcessCache(lambda: wecom.now)
    tokens = [
        Renewable(cache, "key", wecom.lend, lambda: wecom.now, refused_together=True)
        for _ in range(processes)
    ]
    for half in range(hours * 120):
        before = wecom.asked
        for token in tokens:
            with pytest.raises(WeComMisconfigured):
                token.value()
        minutes += [half // 2] * (wecom.asked - before)
        wecom.now += 30
    return minutes


def test_a_refused_secret_is_tried_by_one_process_and_ever_more_seldom():
    minutes = minutes_of(40001, processes=10, hours=3)
    assert minutes[:8] == [0, 1, 3, 7, 15, 25, 35, 45]
    assert {later - minute for minute, later in pairwise(minutes[4:])} == {LONGEST_REFUSED_S / 60}


def test_a_machines_own_trouble_is_not_the_others():
    minutes = minutes_of(60020, processes=2, hours=1)
    assert minutes[:4] == [0, 0, 1, 1]


def test_a_secret_that_is_taken_ends_the_row_and_another_secret_is_tried_at_once():
    wecom = Wecom()
    cache = ProcessCache(lambda: wecom.now)
    ours, theirs, mended = (
        Renewable(cache, key, wecom.lend, lambda: wecom.now, refused_together=True)
        for key in ("key", "key", "mended")
    )
    wecom.failure = REFUSED
    with pytest.raises(WeComMisconfigured):
        ours.value()
    wecom.failure = None
    assert mended.value() == "token2"
    with pytest.raises(WeComMisconfigured):
        theirs.value()
    wecom.now += REFUSED_FOR_S
    assert theirs.value() == ours.value() == "token3"
    assert cache.get_shared("key:refused") is None


def test_those_who_waited_for_a_failed_fetch_do_not_repeat_it():
    wecom = Wecom()
    token, wecom.failure = wecom.renewable(), WeComRetryable("gettoken", "ReadTimeout")
    for _ in range(3):
        with pytest.raises(WeComRetryable):
            token.value()
    assert wecom.asked == 1
    wecom.now += FAILED_FOR_S
    with pytest.raises(WeComRetryable):
        token.value()
    assert wecom.asked == 2


def test_a_value_somebody_else_renewed_is_taken():
    wecom = Wecom()
    token = wecom.renewable()
    old = token.value()
    assert token.renew(old) == token.renew(old) == "token2"
    assert wecom.asked == 2


def test_a_renewal_of_no_use_is_not_repeated_at_once():
    wecom = Wecom()
    wecom.same_again = True
    token = wecom.renewable()
    stale = token.value()
    assert token.renew(stale) == stale
    with pytest.raises(WeComMisconfigured):
        token.renew(stale)
    assert wecom.asked == 2


def test_nobody_waits_for_ever_for_a_thread_that_renews():
    cache, waited = ProcessCache(patience_s=0.01), list[str]()

    def wait() -> None:
        with pytest.raises(WeComRetryable), cache.renewing("key"):
            waited.append("entered")
        waited.append("gave up")

    with cache.renewing("key"):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    assert waited == ["gave up"]
    with cache.renewing("key"):
        waited.append("entered")
