"""A lease covers so many looks: where WeCom is slow the rest is handed back, and nothing is set aside for it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from app.db import Database
from app.inbound.models import InboundState
from app.inbound.rules import MOST_FAILURES
from app.intake import inbox as lane
from app.intake.inbox import BATCH, claim, give_back
from app.wecom.callbacks import WeComEvent
from app.wecom.errors import WeComRetryable
from tests.intake.wecom_inbox import Inbox, Recorder, event


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_what_the_lease_no_longer_covers_is_handed_back_uncounted(
    inbox: Inbox, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
):
    """As if every look took so long that no second one may begin within the lease of the first."""
    monkeypatch.setattr(lane, "BEGIN_WITHIN", timedelta(0))
    inbox.receive(*(event(1, CreateTime=f"17723520{number:02d}") for number in range(BATCH)), event(2))
    waiting: list[int] = []

    def look(told: WeComEvent) -> str:
        inbox.assert_timers_are_their_owners()
        waiting.append(inbox.states().count(InboundState.RECEIVED))
        return told.text("ExternalUserID")

    recorder.look_does = look
    assert inbox.run(recorder.handlers()).done == BATCH + 1
    assert waiting == sorted(waiting, reverse=True)
    assert Counter(inbox.written()) == {"wm1": BATCH, "wm2": 1}
    assert [(work.attempts, work.excused) for work in inbox.works()] == [(1, 0)] * (BATCH + 1)
    assert inbox.timers() == set()


def test_what_was_claimed_again_is_not_handed_back(inbox: Inbox, recorder: Recorder):
    inbox.receive(event(1))
    with inbox.database.transaction() as session:
        (lost,) = claim(session, BATCH)
    inbox.bring_due()
    with inbox.database.transaction() as session:
        assert len(claim(session, BATCH)) == 1
        assert give_back(session, [lost]) == 0
    inbox.assert_timers_are_their_owners()
    assert [(work.fence, work.attempts) for work in inbox.works()] == [(2, 2)]


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_a_slow_attempt_that_outlasts_its_lease_is_no_interruption(
    inbox: Inbox, recorder: Recorder, ends: str
):
    """However often: only what kills its process is set aside for that."""

    def look(_event: WeComEvent) -> str:
        if len(recorder.looks) > 2 * MOST_FAILURES:
            return "in time"
        inbox.bring_due()
        with inbox.database.transaction() as session:
            assert give_back(session, claim(session, BATCH)) == 1
        if ends == "badly":
            raise WeComRetryable("externalcontact/get", "-1 system busy")
        return "too late"

    recorder.look_does = look
    inbox.receive(event(1))
    inbox.run(recorder.handlers())
    assert inbox.written() == ["in time"]
    assert [work.attempts - work.excused for work in inbox.works()] == [1]
