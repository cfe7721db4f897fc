"""What was said or sent before a task went to somebody else counts, whatever the task became since."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app import clock
from app.follow_ups.acts.calling import note_call
from app.follow_ups.acts.kinds import Act, CallOutcome, Until
from app.follow_ups.acts.undoing import undo
from app.follow_ups.states import Channel, Evidence
from app.follow_ups.wording import reword_moved
from app.worklist.attention import read_budget
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import let_anybody_do, move_items
from app.worklist.touches import recent_touches
from tests.checker import violations
from tests.follow_ups.test_acts import Counter, complete, counter

__all__ = ["counter"]

SENT = {"external_userid": "wm-c1", "evidence": Evidence.CLIENT_REPORTED, "sent_text": "您好"}


def move(counter: Counter, to: str, *, as_call: bool = False) -> None:
    """As the balance lane and the hand-over do."""
    item, person = counter.item().id, counter.world.person(to).id
    with counter.database.transaction() as session:
        move_items(session, {item: person}, clock.now(session))
        let_anybody_do(session, {item} if as_call else ())
        reword_moved(session, {item: person}, {item} if as_call else ())


def touches(counter: Counter) -> int:
    """How often the member was reached, as far as marketing goes."""
    with counter.database.reading() as session:
        now, ids = clock.now(session), [counter.member_id]
        return len(recent_touches(session, ids, read_budget(session), now)[counter.member_id])


@pytest.fixture(autouse=True)
def _is_marketing(counter: Counter) -> None:
    with counter.database.transaction() as session:
        session.get_one(WorkItem, counter.item().id).is_service = False


@pytest.fixture
def moved(counter: Counter) -> Counter:
    """A call of the owner's, until half an hour later it is the colleague's; a minute has passed since."""
    counter.set_channel(Channel.PHONE)
    counter.world.sleep_until("2026-03-01 13:00")
    move(counter, "colleague")
    counter.world.sleep_until("2026-03-01 13:01")
    return counter


def test_a_call_before_the_move_is_done_by_who_made_it(moved: Counter):
    assert moved.refused(note_call, CallOutcome.REACHED).code == "not_your_task"
    standing = moved.do(note_call, CallOutcome.REACHED, note="很满意", tap=moved.tap(age=120))
    assert (standing.state, standing.evidence) == (WorkState.DONE, Evidence.SELF_DECLARED)
    owner = moved.world.person("owner").id
    assert (moved.task().note, moved.task().completed_by, moved.item().assignee_id) == (
        "很满意",
        owner,
        owner,
    )
    moved.world.assert_timers_are_their_owners()


def test_a_call_that_was_told_after_the_colleagues_own_is_kept_and_counts(moved: Counter):
    moved.do(note_call, CallOutcome.REACHED, note="要新款", who="colleague")
    before = touches(moved)
    tap = moved.tap(age=120)
    for _ in range(2):
        assert moved.do(note_call, CallOutcome.REACHED, note="很满意", tap=tap).state == WorkState.DONE
    assert touches(moved) == before + 1
    assert moved.task().note == "要新款"
    assert [act.note for act in moved.acts()] == ["要新款", "很满意"]
    assert moved.refused(undo, who="colleague").code == "was_sent"


def test_what_a_call_brought_is_kept_with_a_task_that_was_closed_since(moved: Counter):
    moved.close(WorkState.CANCELLED, "refunded")
    tap = moved.tap(age=120)
    assert moved.do(note_call, CallOutcome.REACHED, note="很满意", tap=tap).close_reason == "refunded"
    assert (moved.task().note, moved.task().evidence) == ("很满意", Evidence.SELF_DECLARED)


def test_who_is_to_be_called_back_is_whosever_the_task_is(moved: Counter):
    tap = moved.tap(age=120)
    until = moved.do(note_call, CallOutcome.CALL_BACK, until=Until.EVENING, tap=tap).postponed_until
    assert until is not None
    move(moved, "manager")  # the member's wish goes along
    assert (moved.item().postponed_until, moved.item().next_urge_at) == (until, None)
    moved.world.assert_timers_are_their_owners()


def test_what_was_sent_before_it_became_a_call_is_done_by_who_sent_it(counter: Counter):
    counter.world.sleep_until("2026-03-01 13:00")
    move(counter, "colleague", as_call=True)
    assert counter.task().channel == Channel.PHONE
    complete(counter, **SENT, age=timedelta(minutes=10))
    assert (counter.item().state, counter.task().channel) == (WorkState.DONE, Channel.CHAT)
    assert counter.task().completed_by == counter.world.person("owner").id


def test_a_second_senders_record_is_kept_once_and_is_one_more_touch(counter: Counter):
    counter.befriend("colleague")
    move(counter, "colleague")
    complete(counter, who="colleague", **SENT)
    before = touches(counter)
    for _ in range(2):
        complete(counter, **{**SENT, "sent_text": "好的"}, age=timedelta(minutes=1))
    assert touches(counter) == before + 1
    assert [(act.act, act.note) for act in counter.acts()] == [(Act.SENT_TOO, "好的")]
    assert counter.task().completed_by == counter.world.person("colleague").id
    assert violations(counter.database) == []
