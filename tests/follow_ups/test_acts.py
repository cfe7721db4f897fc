"""What people do with tasks beside sending: put off, skip, undo, hand on, note calls; each once, closed is closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.queries import Actor
from app.criteria.words import Language
from app.db import Database
from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from app.follow_ups.acts.calling import note_call
from app.follow_ups.acts.handing import colleagues_for, hand_task
from app.follow_ups.acts.holding import Tap
from app.follow_ups.acts.kinds import Act, CallOutcome, SkipReason, Until
from app.follow_ups.acts.postponing import postpone_task, recall_task
from app.follow_ups.acts.skipping import skip_task
from app.follow_ups.acts.undoing import UNDO_LIFE, undo
from app.follow_ups.explaining import bought_while_open, why_of
from app.follow_ups.models import CareAct, FollowUpTask
from app.follow_ups.queries import get_task
from app.follow_ups.service import claim_sending, complete_task
from app.follow_ups.states import Channel, Evidence
from app.follow_ups.worklists import count_worklist, put_off_tasks, worklist
from app.members.service import NewContact, bind_contacts
from app.messaging.models import Notice
from app.timers import Lane, Timer
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items
from tests.world import World, at

NOON = "2026-03-01 12:30"


@dataclass
class Counter:
    """A member's first task, open since half past twelve of a Sunday and valid until the next noon."""

    world: World
    task_id: int
    member_id: int
    keys: Any

    @property
    def database(self) -> Database:
        return self.world.database

    def tap(self, age: float = 0) -> Tap:
        return Tap(f"key-{next(self.keys):08}", timedelta(seconds=age))

    def do(
        self, act: Callable[..., Any], *args: Any, who: str = "owner", tap: Tap | None = None, **more: Any
    ) -> Any:
        """One act in a transaction of its own."""
        actor = self.world.actor(who)
        its = tap or self.tap()
        return self.database.in_transaction(
            lambda session: act(session, actor, self.task_id, its, *args, **more)
        )

    def refused(self, act: Callable[..., Any], *args: Any, **more: Any) -> DomainError:
        with pytest.raises(DomainError) as refusal:
            self.do(act, *args, **more)
        return refusal.value

    def item(self) -> WorkItem:
        with self.database.reading() as session:
            query = select(WorkItem).join(FollowUpTask, FollowUpTask.work_item_id == WorkItem.id)
            return session.scalars(query.where(FollowUpTask.id == self.task_id)).one()

    def task(self) -> FollowUpTask:
        with self.database.reading() as session:
            return session.get_one(FollowUpTask, self.task_id)

    def acts(self) -> list[CareAct]:
        with self.database.reading() as session:
            return list(session.scalars(select(CareAct).order_by(CareAct.id)))

    def sees(self, read: Callable[[Session, Actor], Any], who: str = "owner") -> Any:
        with self.database.reading() as session:
            return read(session, self.world.actor(who))

    def close(self, state: WorkState, reason: str) -> None:
        with self.database.transaction() as session:
            close_items(session, [self.item().id], state, reason, clock.now(session))

    def set_channel(self, channel: Channel) -> None:
        with self.database.transaction() as session:
            session.get_one(FollowUpTask, self.task_id).channel = channel

    def befriend(self, userid: str) -> None:
        with self.database.transaction() as session:
            contact = NewContact("wm-c1", "顾客c1", self.member_id, self.world.person(userid).id)
            bind_contacts(session, [contact], clock.now(session))


@pytest.fixture
def counter(database: Database) -> Counter:
    world = World(database, "2026-03-01 12:00")
    member_id = world.member("c1")
    world.buy("c1", "2026-03-01 12:00")
    world.live_until(NOON)
    (task,) = world.tasks("c1")
    return Counter(world, task.id, member_id, count(1))


def test_a_task_is_put_off_until_the_evening_and_comes_back(counter: Counter):
    standing = counter.do(postpone_task, Until.EVENING)
    assert (standing.state, standing.postponed_until) == (WorkState.OPEN, at("2026-03-01 18:00"))
    assert counter.sees(lambda s, actor: worklist(s, actor)) == []
    assert [task.id for task in counter.sees(lambda s, actor: put_off_tasks(s, actor))] == [counter.task_id]
    counts = counter.sees(lambda s, actor: count_worklist(s, actor, at("2026-03-01 00:00")))
    assert (counts.open, counts.later) == (0, 1)
    counter.world.sleep_until("2026-03-01 18:00")
    assert [task.id for task in counter.sees(lambda s, actor: worklist(s, actor))] == [counter.task_id]


def test_putting_off_is_taken_back_and_both_are_on_record(counter: Counter):
    counter.do(postpone_task, Until.TOMORROW)
    standing = counter.do(recall_task)
    assert standing.postponed_until is None
    assert [act.act for act in counter.acts()] == [Act.POSTPONED, Act.RECALLED]
    assert counter.acts()[0].until == at("2026-03-02 10:00")
    counter.do(recall_task)
    assert len(counter.acts()) == 2


@pytest.mark.parametrize("until", [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3), date(2026, 2, 1)])
def test_nothing_is_put_off_beyond_its_validity_or_into_the_past(counter: Counter, until: date):
    if until == date(2026, 3, 2):
        assert counter.do(postpone_task, until).postponed_until == at("2026-03-02 10:00")
        return
    assert counter.refused(postpone_task, until).code == "beyond_validity"
    assert counter.item().postponed_until is None


def test_a_tap_delivered_twice_counts_once(counter: Counter):
    tap = counter.tap()
    first = counter.do(skip_task, SkipReason.IN_TOUCH, tap=tap)
    counter.do(undo)
    again = counter.do(skip_task, SkipReason.IN_TOUCH, tap=tap)
    assert (first.state, again.state) == (WorkState.CANCELLED, WorkState.OPEN)
    assert [act.act for act in counter.acts()] == [Act.SKIPPED, Act.UNDONE]


def test_a_tap_that_waited_counts_from_when_it_was_tapped(counter: Counter):
    counter.world.sleep_until("2026-03-01 19:00")
    standing = counter.do(postpone_task, Until.EVENING, tap=counter.tap(age=2 * 3600))
    assert standing.postponed_until == at("2026-03-01 18:00")
    assert counter.sees(lambda s, actor: worklist(s, actor)) != []


@pytest.mark.parametrize(
    ("state", "reason"),
    [(WorkState.DONE, "done"), (WorkState.CANCELLED, "refunded"), (WorkState.EXPIRED, "validity_ended")],
)
def test_what_is_closed_stays_closed_and_the_refusal_says_what_it_is(
    counter: Counter, state: WorkState, reason: str
):
    counter.befriend("colleague")
    counter.close(state, reason)
    colleague = counter.world.person("colleague").id
    tries: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        (postpone_task, (Until.EVENING,)),
        (recall_task, ()),
        (skip_task, (SkipReason.IN_TOUCH,)),
        (hand_task, (colleague,)),
        (note_call, (CallOutcome.REACHED,)),
    ]
    for act, args in tries:
        refusal = counter.refused(act, *args)
        assert (type(refusal), refusal.code) == (Conflict, f"task_{state}")
        assert refusal.details["reason"] == reason
    assert (counter.item().state, counter.item().close_reason) == (state, reason)
    assert counter.acts() == []


def test_skipping_keeps_the_reason_and_the_note(counter: Counter):
    assert counter.refused(skip_task, SkipReason.OTHER, "  ").code == "note_missing"
    standing = counter.do(skip_task, SkipReason.OTHER, "在国外")
    assert (standing.state, standing.close_reason) == (WorkState.CANCELLED, SkipReason.OTHER)
    assert counter.task().note == "在国外"
    assert counter.world.items("c1")[0][1:] == ("cancelled", "skipped_other")
    counter.world.assert_timers_are_their_owners()


def test_a_skip_is_undone_with_its_timers(counter: Counter):
    counter.do(skip_task, SkipReason.WRONG_PERSON)
    standing = counter.do(undo)
    assert (standing.state, standing.close_reason, standing.closed_at) == (WorkState.OPEN, "", None)
    counter.world.assert_timers_are_their_owners()
    with counter.database.reading() as session:
        urges = session.scalars(select(Timer.due_at).where(Timer.lane == Lane.URGE)).all()
    assert urges == [counter.item().next_urge_at]
    counter.world.live_until("2026-03-02 12:00")
    assert counter.item().state == WorkState.EXPIRED


def test_a_done_that_was_a_slip_is_undone_and_can_be_done_again(counter: Counter):
    counter.set_channel(Channel.INVITE)
    done: dict[str, Any] = {"external_userid": None, "evidence": Evidence.SELF_DECLARED, "sent_text": None}
    complete(counter, **done)
    assert counter.do(undo).evidence is None
    assert counter.task().completed_by is None
    complete(counter, **done)
    assert counter.item().state == WorkState.DONE


def complete(counter: Counter, who: str = "owner", **done: Any) -> None:
    actor = counter.world.actor(who)
    counter.database.in_transaction(lambda s: complete_task(s, actor, counter.task_id, **done))


def test_a_message_that_was_sent_stays_sent(counter: Counter):
    complete(counter, external_userid="wm-c1", evidence=Evidence.CLIENT_REPORTED, sent_text="您好")
    assert counter.refused(undo).code == "was_sent"
    assert counter.item().state == WorkState.DONE


def test_only_who_closed_it_undoes_it_and_only_for_minutes(counter: Counter):
    counter.do(skip_task, SkipReason.IN_TOUCH)
    assert isinstance(counter.refused(undo, who="manager"), Forbidden)
    assert isinstance(counter.refused(undo, who="colleague"), NotFound)
    with counter.database.transaction() as session:
        clock.jump_to(session, clock.now(session) + UNDO_LIFE + timedelta(minutes=1))
    assert counter.refused(undo).code == "too_late_to_undo"
    late = counter.tap(age=UNDO_LIFE.total_seconds())
    assert counter.do(undo, tap=late).state == WorkState.OPEN
    assert counter.refused(undo).code == "nothing_to_undo"


def test_what_would_have_been_closed_meanwhile_is_not_brought_back(counter: Counter):
    counter.do(skip_task, SkipReason.IN_TOUCH)
    counter.world.refund("c1", NOON)
    assert counter.refused(undo).code == "task_cancelled"


def test_a_later_purchase_asks_anew_and_an_undo_brings_nothing_back(database: Database):
    world = World(database, "2026-03-01 21:00")
    member_id = world.member("c1")
    world.buy("c1", "2026-03-01 21:00")
    world.live_until("2026-03-02 10:30")
    counter = Counter(world, world.tasks("c1")[0].id, member_id, count(1))
    counter.do(skip_task, SkipReason.IN_TOUCH)
    world.buy("c1", "2026-03-02 10:30")
    assert counter.refused(undo).code == "task_cancelled"


def test_a_task_is_handed_to_a_contact_in_their_own_words(counter: Counter):
    counter.befriend("colleague")
    colleague = counter.world.person("colleague").id
    found = counter.sees(lambda s, actor: colleagues_for(s, actor, counter.task_id))
    assert [(one.name, one.is_contact) for one in found] == [("colleague", True), ("manager", False)]
    told = len(notices(counter, colleague))
    counter.do(hand_task, colleague)
    assert counter.item().assignee_id == colleague
    assert "colleague" in counter.task().text
    assert len(notices(counter, colleague)) == told + 1
    assert counter.sees(lambda s, actor: worklist(s, actor)) == []
    assert [t.id for t in counter.sees(lambda s, actor: worklist(s, actor), "colleague")] == [counter.task_id]
    (act,) = counter.acts()
    assert (act.act, act.to_id) == (Act.HANDED, colleague)


@pytest.mark.parametrize("to", ["colleague", "manager"])
def test_what_was_sent_before_it_went_to_somebody_else_is_done_by_who_sent_it(counter: Counter, to: str):
    counter.befriend("colleague")
    counter.world.sleep_until("2026-03-01 13:00")
    counter.do(hand_task, counter.world.person(to).id)
    sent: dict[str, Any] = {
        "external_userid": "wm-c1",
        "evidence": Evidence.CLIENT_REPORTED,
        "sent_text": "您好",
    }
    complete(counter, **sent, age=timedelta(minutes=10))
    owner, item, task = counter.world.person("owner").id, counter.item(), counter.task()
    assert (item.state, item.assignee_id, item.done_at) == (WorkState.DONE, owner, item.closed_at)
    assert item.done_at is not None
    assert item.done_at < at("2026-03-01 13:00")
    assert (task.completed_by, task.sent_text, task.channel) == (owner, "您好", Channel.CHAT)
    assert counter.sees(lambda s, actor: worklist(s, actor), to) == []
    counter.world.assert_timers_are_their_owners()


def test_a_mere_word_counts_for_when_it_was_theirs_and_only_of_who_had_it(counter: Counter):
    counter.set_channel(Channel.IN_STORE)
    said: dict[str, Any] = {"external_userid": None, "evidence": Evidence.SELF_DECLARED, "sent_text": None}
    counter.do(hand_task, counter.world.person("manager").id)
    with pytest.raises(NotFound):
        complete(counter, **said, who="colleague")
    counter.world.sleep_until("2026-03-01 13:00")
    with pytest.raises(Forbidden):
        complete(counter, **said, age=timedelta(minutes=10))
    complete(counter, **said, age=timedelta(minutes=40))
    assert counter.task().completed_by == counter.world.person("owner").id


def notices(counter: Counter, associate_id: int) -> list[Notice]:
    with counter.database.reading() as session:
        return list(session.scalars(select(Notice).where(Notice.associate_id == associate_id)))


def test_the_manager_who_is_no_contact_gets_the_words_of_an_invitation(counter: Counter):
    counter.do(hand_task, counter.world.person("manager").id)
    assert counter.task().channel == Channel.INVITE
    assert "manager" in counter.task().text


def test_a_handing_delivered_again_still_answers_who_gave_it(counter: Counter):
    tap, manager = counter.tap(), counter.world.person("manager").id
    counter.do(hand_task, manager, tap=tap)
    assert counter.do(hand_task, manager, tap=tap).state == WorkState.OPEN
    assert len(counter.acts()) == 1


def test_nobody_else_can_take_a_task(counter: Counter):
    for to in (counter.world.person("colleague").id, counter.world.person("owner").id, 1):
        assert counter.refused(hand_task, to).code == "cannot_take"


def test_a_task_that_is_being_sent_is_not_handed_on(counter: Counter):
    owner = counter.world.actor("owner")
    counter.database.in_transaction(lambda s: claim_sending(s, owner, counter.task_id, "another page"))
    assert counter.refused(hand_task, counter.world.person("manager").id).code == "sending_elsewhere"


def test_a_manager_puts_off_skips_and_hands_on_and_colleagues_see_nothing(counter: Counter):
    counter.do(postpone_task, Until.EVENING, who="manager")
    counter.do(recall_task, who="manager")
    assert isinstance(counter.refused(note_call, CallOutcome.REACHED, who="manager"), Forbidden)
    assert isinstance(counter.refused(postpone_task, Until.EVENING, who="colleague"), NotFound)
    counter.do(skip_task, SkipReason.IN_TOUCH, who="manager")
    assert [act.act for act in counter.acts()] == [Act.POSTPONED, Act.RECALLED, Act.SKIPPED]


def test_a_call_that_reached_them_is_done_on_the_associates_word(counter: Counter):
    assert counter.refused(note_call, CallOutcome.REACHED).code == "wrong_channel"
    counter.set_channel(Channel.PHONE)
    standing = counter.do(note_call, CallOutcome.REACHED, note="很满意，下周来试新款")
    assert (standing.state, standing.evidence) == (WorkState.DONE, Evidence.SELF_DECLARED)
    assert counter.task().note == "很满意，下周来试新款"
    assert counter.do(undo).state == WorkState.OPEN


def test_a_call_that_reached_nobody_keeps_the_task_open(counter: Counter):
    counter.set_channel(Channel.PHONE)
    assert counter.do(note_call, CallOutcome.NOT_REACHED).state == WorkState.OPEN
    assert counter.refused(note_call, CallOutcome.CALL_BACK).code == "until_missing"
    standing = counter.do(note_call, CallOutcome.CALL_BACK, until=Until.EVENING, note="晚上再打")
    assert standing.postponed_until == at("2026-03-01 18:00")
    assert [act.reason for act in counter.acts()] == [CallOutcome.NOT_REACHED, CallOutcome.CALL_BACK]


def test_the_key_of_a_call_is_for_what_was_said_of_it(counter: Counter):
    """Until when as it was meant when it was tapped, however late it comes again."""
    counter.set_channel(Channel.PHONE)
    tap = counter.tap()
    counter.do(note_call, CallOutcome.CALL_BACK, until=Until.EVENING, note="later", tap=tap)
    counter.world.sleep_until("2026-03-01 13:30")
    counter.do(note_call, CallOutcome.CALL_BACK, until=Until.EVENING, note=" later", tap=tap)
    for outcome, until, note in (
        (CallOutcome.NOT_REACHED, None, "later"),
        (CallOutcome.CALL_BACK, None, "later"),
        (CallOutcome.CALL_BACK, Until.TOMORROW, "later"),
        (CallOutcome.CALL_BACK, Until.EVENING, ""),
    ):
        refusal = counter.refused(note_call, outcome, until=until, note=note, tap=tap)
        assert (type(refusal), refusal.code) == (Invalid, "key_reused")
    assert len(counter.acts()) == 1


def test_the_key_of_a_handing_is_for_one_colleague(counter: Counter):
    tap, manager = counter.tap(), counter.world.person("manager").id
    counter.do(hand_task, manager, tap=tap)
    colleague = counter.world.person("colleague").id
    assert counter.refused(hand_task, colleague, tap=tap).code == "key_reused"
    assert len(counter.acts()) == 1


def test_why_a_task_is_there_and_what_was_done_with_it(counter: Counter):
    counter.do(postpone_task, Until.EVENING)

    def read(session: Session, actor: Actor) -> Any:
        return why_of(session, get_task(session, actor, counter.task_id), Language.ZH)

    why = counter.sees(read)
    assert (why.step_no, why.steps, why.anchor_on) == (1, 5, date(2026, 3, 1))
    assert why.article == "藏青西装"
    assert why.opened_because == "due"
    assert [(act.act, act.by_name, act.until) for act in why.acts] == [
        (Act.POSTPONED, "owner", at("2026-03-01 18:00"))
    ]


def test_a_purchase_while_a_task_is_open_is_shown_and_completes_nothing(counter: Counter):
    def bought(session: Session, actor: Actor) -> Any:
        return bought_while_open(session, worklist(session, actor)).get(counter.task_id)

    assert counter.sees(bought) is None
    counter.world.sleep_until("2026-03-01 13:00")
    counter.world.buy("c1", "2026-03-01 13:00", price=39_900)
    found = counter.sees(bought)
    assert (found.on, found.amount_fen) == (date(2026, 3, 1), 39_900)
    assert counter.item().state == WorkState.OPEN
