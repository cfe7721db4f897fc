"""How long a token is kept, and when it is fetched again: on a clock that only the test moves."""

from __future__ import annotations

import pytest

from app.wecom.errors import WeComError, WeComMisconfigured, WeComRetryable
from app.wecom.token_cache import EARLY_S, FAILED_FOR_S, REFUSED_FOR_S, ProcessCache, Renewable, lasting


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
