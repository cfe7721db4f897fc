"""What reads like an event that is kept: a repeat, or an edit within the same second as another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app import clock
from app.db import Database
from app.inbound.models import InboundState, ReceivedEvent
from app.inbound.rules import MOST_FAILURES
from app.inbound.service import ALIKE_FOR
from app.wecom.callbacks import WeComEvent
from app.wecom.errors import WeComRetryable
from tests.intake.wecom_inbox import Inbox, Recorder, event


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def always(error: Exception) -> Any:
    def fail(*_: Any) -> None:
        raise error

    return fail


def bring_together(inbox: Inbox, recorder: Recorder, again: WeComEvent) -> list[str]:
    """An event is applied, then comes what reads like it; what handlers wrote in the end."""
    recorder.look_does = lambda _event: f"look {len(recorder.looks)}"
    inbox.receive(again)
    inbox.run(recorder.handlers(again.name))
    assert inbox.receive(again) == 0
    inbox.assert_timers_are_their_owners()
    inbox.run(recorder.handlers(again.name))
    assert inbox.states() == [InboundState.APPLIED]
    assert inbox.timers() == set()
    return inbox.written()


@pytest.mark.parametrize(
    "edit",
    [
        event(1),
        event(1, Event="change_external_chat", ChangeType="update", ChatId="wr1"),
        event(1, Event="change_external_tag", ChangeType="update", Id="et1", TagType="tag"),
        event(1, Event="change_external_tag", ChangeType="shuffle", Id="et1"),
    ],
)
def test_an_edit_that_reads_like_one_just_applied_is_looked_at_again(
    inbox: Inbox, recorder: Recorder, edit: WeComEvent
):
    """Two edits within a second: WeCom tells of both with the same words."""
    assert bring_together(inbox, recorder, edit) == ["look 1", "look 2"]


@pytest.mark.parametrize(
    "once",
    [
        event(1, ChangeType="add_external_contact"),
        event(1, ChangeType="del_follow_user"),
        event(1, WelcomeCode="code"),
        event(1, Event="change_external_chat", ChangeType="create", ChatId="wr1"),
    ],
)
def test_what_cannot_happen_twice_in_a_second_is_a_repeat(inbox: Inbox, recorder: Recorder, once: WeComEvent):
    assert bring_together(inbox, recorder, once) == ["look 1"]


def test_an_edit_that_comes_again_long_after_it_was_applied_is_a_repeat(inbox: Inbox, recorder: Recorder):
    inbox.receive(event(1))
    inbox.run(recorder.handlers())
    with inbox.database.transaction() as session:
        long_ago = clock.real_now(session) - ALIKE_FOR - timedelta(seconds=1)
        session.execute(update(ReceivedEvent).values(settled_at=long_ago))
    inbox.receive(event(1))
    assert inbox.run(recorder.handlers()).done == 0
    assert inbox.states() == [InboundState.APPLIED]


def test_an_edit_that_comes_again_while_the_first_is_looked_at_overtakes_that_look(
    inbox: Inbox, recorder: Recorder
):
    """The second edit may have come after what the first look saw."""
    inbox.receive(event(1))

    def look(_event: WeComEvent) -> str:
        recorder.look_does = lambda _event: "new"
        inbox.receive(event(1))
        inbox.assert_timers_are_their_owners()
        return "old"

    recorder.look_does = look
    inbox.run(recorder.handlers())
    assert inbox.written() == ["new"]
    assert inbox.states() == [InboundState.APPLIED]
    assert inbox.timers() == set()


def test_a_repeat_shortens_no_pause_of_wecoms_and_opens_no_quarantine(inbox: Inbox, recorder: Recorder):
    recorder.look_does = always(WeComRetryable("externalcontact/get", "45009", wait_s=900.0))
    inbox.receive(event(1))
    inbox.run(recorder.handlers())
    before = inbox.timers()
    inbox.receive(event(1))
    assert inbox.timers() == before
    recorder.look_does = always(ValueError("poison"))
    for _ in range(MOST_FAILURES):
        inbox.bring_due()
        inbox.run(recorder.handlers())
    inbox.receive(event(1))
    assert inbox.states() == [InboundState.QUARANTINED]
    assert inbox.timers() == set()
