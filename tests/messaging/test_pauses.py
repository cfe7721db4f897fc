"""A frequency limit while messages wait: WeCom is asked a few times, no message loses an attempt, all arrive."""

from __future__ import annotations

import pytest

from app.lanes import Deadline
from app.messaging.delivery import BATCH, deliver_due
from app.messaging.models import MessageState
from app.wecom.app import WeComApp
from app.wecom.breaker import FrequencyBreaker
from app.wecom.token_cache import ProcessCache
from tests.messaging.conftest import Office
from tests.wecom.local_sandbox import Counted, LocalSandbox

pytestmark = pytest.mark.process
START_S = 1_772_337_600.0
MANY = 40


class Limited:
    """A port whose breaker's clock is the test's."""

    def __init__(self, sandbox: LocalSandbox) -> None:
        self.now = START_S
        cache = ProcessCache(lambda: self.now)
        self.app: WeComApp = sandbox.app(limits=FrequencyBreaker(cache, "blocked", lambda: self.now))

    def deliver(self, office: Office) -> None:
        deliver_due(office.database, self.app, Deadline(60))
        office.check()


def test_messages_wait_for_the_limit_without_losing_an_attempt(office: Office, sandbox: LocalSandbox):
    sandbox.forget()
    for number in range(MANY):
        office.digest((1 + number % 3, number * 10))
    sandbox.plant("message/send", "errcode", times=None, value=45009)
    limited, asked = Limited(sandbox), Counted(sandbox)
    before = sandbox.state()["messages"]
    for wait_s in (0, 30, 30, 3_600):
        limited.now += wait_s
        office.make_due()
        limited.deliver(office)
        messages = office.messages()
        assert {(message.state, message.attempts) for message in messages} == {(MessageState.ENQUEUED, 0)}
    assert asked["message/send"] <= BATCH + 2  # those at once, and one after the minute, one after the hour
    sandbox.forget()
    limited.now += 24 * 3_600
    for _ in range(2):  # the first call goes alone
        office.make_due()
        limited.deliver(office)
    messages = office.messages()
    assert {(message.state, message.attempts) for message in messages} == {(MessageState.DELIVERED, 1)}
    assert sandbox.state()["messages"] - before == MANY
