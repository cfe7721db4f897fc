"""Text messages, from the step that asks for them to what the member read, against a sandbox process's gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select, text, update

from app import clock
from app.db import Database
from app.follow_ups.acts.handing import hand_task
from app.follow_ups.acts.holding import Tap
from app.follow_ups.acts.kinds import SkipReason, Until
from app.follow_ups.acts.members import opt_out
from app.follow_ups.acts.postponing import postpone_task
from app.follow_ups.acts.skipping import skip_task
from app.follow_ups.acts.undoing import undo
from app.follow_ups.bookkeeping.books import check_books
from app.follow_ups.linking.addresses import LinkMaker
from app.follow_ups.plans.versions import publish
from app.follow_ups.progress import progress_by_associate
from app.follow_ups.states import Evidence
from app.follow_ups.texting.models import SmsMessage, SmsState
from app.follow_ups.texting.rules import RECEIPTS, REFUSAL, refuses
from app.follow_ups.texting.sending import Texting, claim, text_due
from app.inbound.models import SMS_GATEWAY
from app.inbound.service import receive
from app.intake.inbox import apply_received
from app.intake.sms_answers import event_of, sms_handlers
from app.lanes import Deadline
from app.member_events.models import MemberEvent
from app.members.models import MemberCare
from app.members.phones import PURPOSE, NewPhone, members_of_phone, read_phone, seal_phone, write_phones
from app.members.service import lock_members
from app.messaging.models import Notice
from app.public_ids import PublicIds
from app.sales_scripts.models import SalesScript
from app.sealing import Keyring
from app.sms.aliyun import Account, Aliyun
from app.sms.port import SmsAnswer
from app.wecom.sandbox_control import SandboxControl
from app.worklist.models import WorkItem
from tests.follow_ups.test_acts import Counter
from tests.intake.wecom_inbox import NOBODY
from tests.wecom.local_sandbox import Counted, LocalSandbox
from tests.world import PLAN, World, at, days

DAY = days("2031-03-03", 0)
BOUGHT, DUE = "2031-03-03 14:00", "2031-03-04 10:00"
TEMPLATE = "SMS_1"
BODY = "{member}，{store}新款到店"
READ = f"【店伴】顾客c1，南京路店新款到店{REFUSAL}"
NUMBER = "13800138001"
SEND, QUERY = "sms/SendSms", "sms/QuerySendDetails"
KEYS = Keyring(["secret"], PURPOSE)
LINKS = LinkMaker("https://dianban.example", PublicIds("secret"))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSandbox]:
    server = LocalSandbox(tmp_path_factory.mktemp("sandbox"))
    server.start()
    yield server
    server.stop()


class Texts:
    """A small chain whose one step is a text message; the sandbox's clock follows ours."""

    def __init__(self, database: Database, sandbox: LocalSandbox, **step: Any) -> None:
        self.database, self.sandbox = database, sandbox
        sandbox.fresh()
        script = {"sms_template": TEMPLATE, "body": BODY}
        SandboxControl(sandbox.url).approve_sms("店伴", [script])
        account = Account("sandbox-sms", "sandbox-sms-secret", "店伴")
        self.texting = Texting(Aliyun(account, f"{sandbox.url}/sms/"), KEYS, LINKS)
        self.world = World(database, "2031-03-03 09:00")
        like = {**PLAN["steps"][2], "after": "1 days", "valid": "3 days", "kind": "news", "channel": "sms"}
        with database.transaction() as session:
            publish(session, {**deepcopy(PLAN), "steps": [{**like, **step}]})
            session.execute(update(SalesScript).values(**script))
        self._before = len(self.read())

    def member(self, number: str = NUMBER, code: str = "c1", **how: Any) -> int:
        member_id = self.world.member(code, **how)
        if number:
            e164 = read_phone(number)
            assert e164 is not None
            with self.database.transaction() as session:
                lock_members(session, [member_id])
                new = NewPhone(member_id, seal_phone(KEYS, e164, "x"), 1, clock.now(session))
                write_phones(session, [new])
        self.world.live_until(BOUGHT)
        self.world.buy(code, BOUGHT)
        return member_id

    def live_until(self, when: str) -> None:
        self.world.live_until(when)
        self.work()

    def live(self, **by: float) -> None:
        with self.database.reading() as session:
            target = clock.now(session) + timedelta(**by)
        self.world.live_to(target)
        self.work()

    def follow_clock(self) -> None:
        with self.database.reading() as session:
            self.sandbox.travel(clock.moment(session).offset)

    def work(self) -> None:
        self.follow_clock()
        text_due(self.database, self.texting, Deadline(60))

    def read(self, number: str = NUMBER) -> list[str]:
        found = self.sandbox.control("GET", f"sms/messages?number={number}")["messages"]
        return [one["content"] for one in found]

    def new(self) -> list[str]:
        """What the member read in this test."""
        return self.read()[self._before :]

    def says(self, words: str) -> SmsAnswer:
        """Whoever has the number writes back, now."""
        with self.database.reading() as session:
            return SmsAnswer(words, NUMBER, words, clock.now(session))

    def tell(self, answer: SmsAnswer) -> bool:
        """The gateway tells it, and it is applied; False where it was told before."""
        with self.database.transaction() as session:
            event = event_of(answer, KEYS)
            assert event is not None
            is_new = receive(session, event, clock.real_now(session), SMS_GATEWAY)
        apply_received(self.database, NOBODY, sms_handlers(KEYS), Deadline(60))
        return is_new

    def said(self) -> list[tuple[int, str]]:
        """What members are known to have answered."""
        with self.database.reading() as session:
            rows = session.execute(select(MemberEvent.member_id, MemberEvent.data).order_by(MemberEvent.id))
            return [(row.member_id, row.data) for row in rows]

    def message(self) -> SmsMessage:
        with self.database.reading() as session:
            return session.scalars(select(SmsMessage)).one()

    def done_at(self) -> datetime | None:
        """When the one there is was done, as far as is known."""
        with self.database.reading() as session:
            return session.scalars(select(WorkItem.done_at)).one()

    def became(self, code: str = "c1") -> tuple[str, str, str | None]:
        """The task's state, close reason and proof."""
        (task,), ((_, state, reason),) = self.world.tasks(code), self.world.items(code)
        return state, reason, task.evidence

    def check(self) -> None:
        with self.database.reading() as session:
            wrong = [finding for finding in check_books(session) if finding.count]
        assert wrong == []


@pytest.fixture
def open_texts(database: Database, sandbox: LocalSandbox) -> Iterator[Callable[..., Texts]]:
    opened: list[Texts] = []

    def open_(**step: Any) -> Texts:
        opened.append(Texts(database, sandbox, **step))
        return opened[-1]

    yield open_
    for texts in opened:
        texts.check()


@pytest.fixture
def texts(open_texts: Callable[..., Texts]) -> Texts:
    return open_texts()


def test_the_system_sends_it_once_and_it_is_done_when_the_network_says_that_it_arrived(texts: Texts):
    texts.member(in_wecom=False)
    texts.live_until(DUE)
    assert texts.new() == [READ]
    assert texts.became() == ("open", "", None)
    touched_at = texts.done_at()
    texts.live(minutes=1)
    assert texts.became() == ("done", "done", Evidence.GATEWAY_CONFIRMED)
    assert texts.message().state == SmsState.DELIVERED
    assert texts.world.tasks("c1")[0].sent_text == READ.removeprefix("【店伴】")
    with texts.database.reading() as session:
        assert session.scalars(select(Notice)).all() == []
    assert touched_at is not None, "it counts as a touch from when the gateway took it"
    assert touched_at == texts.done_at()
    assert touched_at - at(DUE) < timedelta(minutes=1)


def test_promises_carry_no_refusal_and_a_number_nobody_hears_of_is_done_without_proof(
    open_texts: Callable[..., Texts],
):
    texts = open_texts(service=True)
    texts.member("13800130000")
    texts.live_until(DUE)
    with texts.database.reading() as session:
        assert REFUSAL not in session.scalars(select(SmsMessage.text)).one()
    for wait in RECEIPTS:
        assert texts.became() == ("open", "", None)
        texts.live(seconds=wait.total_seconds() + 5)
    assert texts.became() == ("done", "done", Evidence.GATEWAY_UNKNOWN)


def test_who_has_no_number_or_one_that_does_not_ring_is_not_done(texts: Texts):
    texts.member("")
    texts.member("13800139999", "c2")
    texts.live_until(DUE)
    texts.live(minutes=1)
    assert texts.world.steps("c1") == {(DAY, 1): "skipped no_phone"}
    assert texts.became("c2") == ("cancelled", "sms_failed", None)
    assert texts.done_at() is None


@pytest.mark.parametrize("kind", ["http500_after", "drop_answer"])
def test_a_lost_answer_is_looked_for_and_nothing_is_sent_twice(texts: Texts, kind: str):
    texts.member()
    texts.sandbox.plant(SEND, kind)
    texts.live_until(DUE)
    assert texts.message().state == SmsState.DOUBTFUL
    texts.live(minutes=1)
    assert texts.new() == [READ]
    assert texts.became() == ("done", "done", Evidence.GATEWAY_CONFIRMED)


def test_what_was_lost_on_the_way_is_given_up_and_never_sent_again(texts: Texts):
    texts.member()
    calls = Counted(texts.sandbox)
    texts.sandbox.plant(SEND, "reset")
    texts.live_until(DUE)
    for _ in range(5):
        texts.live(minutes=20)
    assert (texts.new(), calls[SEND]) == ([], 1)
    assert texts.became() == ("cancelled", "sms_unknown", None)


def test_whoever_dies_with_it_in_hand_leaves_it_to_be_looked_for(texts: Texts):
    texts.member()
    texts.world.live_until(DUE)
    texts.follow_clock()
    with texts.database.transaction() as session:
        handled, (mine,) = claim(session, texts.texting, 8)
    assert (handled, repr(mine).count("138")) == (1, 0)
    calls = Counted(texts.sandbox)
    for _ in range(5):
        texts.live(minutes=20)
    assert (texts.new(), calls[SEND]) == ([], 0)
    assert texts.became() == ("cancelled", "sms_unknown", None)


def test_nothing_goes_out_in_quiet_hours_or_to_who_opted_out_meanwhile(texts: Texts):
    member_id = texts.member()
    texts.world.live_until(DUE)
    texts.world.sleep_until("2031-03-04 23:30")
    texts.work()
    assert (texts.new(), texts.message().state) == ([], SmsState.READY)
    actor = texts.world.actor("owner")
    with texts.database.transaction() as session:
        opt_out(session, actor, member_id, Tap("out"))
    texts.live_until("2031-03-05 10:00")
    assert (texts.new(), texts.became()) == ([], ("cancelled", "opted_out", None))
    assert texts.message().state == SmsState.TAKEN_BACK


def test_the_system_does_it_whatever_people_try_but_a_skip_and_undoing_that(texts: Texts):
    member_id = texts.member()
    texts.world.live_until(DUE)
    counter = Counter(texts.world, texts.world.tasks("c1")[0].id, member_id, count(1))
    for act, asked in ((postpone_task, Until.TOMORROW), (hand_task, texts.world.person("manager").id)):
        assert counter.refused(act, asked).code == "not_yours_to_do"
    counter.do(skip_task, SkipReason.IN_TOUCH)
    texts.work()
    assert texts.message().state == SmsState.TAKEN_BACK
    counter.do(undo)
    assert counter.item().next_urge_at is None
    texts.check()
    texts.work()
    texts.live(minutes=1)
    assert (texts.new(), texts.became()) == ([READ], ("done", "done", Evidence.GATEWAY_CONFIRMED))
    assert counter.refused(undo).code == "was_sent"
    with texts.database.reading() as session:
        day = at("2031-03-01 00:00"), at("2031-03-10 00:00")
        assert progress_by_associate(session, counter.item().store_id, *day) == []


def test_words_without_an_approved_template_are_not_sent(texts: Texts):
    with texts.database.transaction() as session:
        session.execute(update(SalesScript).values(sms_template=""))
    texts.member()
    texts.live_until(DUE)
    assert (texts.new(), texts.world.steps("c1")) == ([], {(DAY, 1): "skipped no_words"})


def test_a_wrong_key_is_tried_again_and_sent_once_it_is_mended(texts: Texts):
    texts.member()
    texts.texting, right = (
        Texting(Aliyun(Account("sandbox-sms", "no", "店伴"), f"{texts.sandbox.url}/sms/"), KEYS, LINKS),
        texts.texting,
    )
    texts.live_until(DUE)
    assert (texts.message().state, texts.message().reason) == (SmsState.READY, "SignatureDoesNotMatch")
    texts.texting = right
    texts.live(minutes=5)
    assert texts.new() == [READ]


def test_a_number_is_found_by_its_index_and_readable_in_no_table(
    texts: Texts, capfd: pytest.CaptureFixture[str]
):
    member_id = texts.member()
    texts.live_until(DUE)
    texts.live(minutes=1)
    with texts.database.reading() as session:
        assert members_of_phone(session, KEYS, "+8613800138001") == [member_id]
        for table in ("member_phones", "sms_messages", "follow_up_tasks", "work_items", "inbound", "timers"):
            assert "13800138001" not in str(session.execute(text(f"SELECT * FROM {table}")).all())
    assert "13800138001" not in "".join(capfd.readouterr())


def test_who_answers_with_r_is_opted_out_and_with_them_everybody_of_that_number(texts: Texts):
    mother, son = texts.member(), texts.member(code="c2")
    other = texts.member("13800138002", "c3")
    refusal = texts.says("ｒ。")
    assert texts.tell(refusal)
    assert not texts.tell(refusal)
    texts.live_until(DUE)
    assert texts.new() == []
    for code in ("c1", "c2"):
        assert texts.world.steps(code) == {(DAY, 1): "cancelled opted_out"}
    assert texts.world.steps("c3") == {(DAY, 1): "opened due"}
    with texts.database.reading() as session:
        out = select(MemberCare.member_id).where(MemberCare.opted_out_at.is_not(None))
        assert set(session.scalars(out)) == {mother, son}
    assert texts.said() == [(one, '{"how":"sms","opts_out":true}') for one in sorted((mother, son))]
    assert other not in (mother, son)


def test_any_other_answer_is_a_reply_of_whom_we_wrote_to(texts: Texts):
    member_id = texts.member()
    texts.world.member("c2")
    texts.tell(texts.says("好的"))
    assert texts.said() == []
    texts.live_until(DUE)
    texts.tell(texts.says("好的，周六去"))
    assert texts.said() == [(member_id, '{"how":"sms","opts_out":false}')]
    with texts.database.reading() as session:
        assert session.scalars(select(MemberCare.opted_out_at)).all() == [None, None]


@pytest.mark.parametrize(
    "words", ["R", "r", "Ｔ", "td", "TD！", "回T", "回复 TD", "回T退订", "退订", "请别再发了", "“拒收”"]
)
def test_these_refuse(words: str):
    assert refuses(words)


@pytest.mark.parametrize("words", ["", "好的", "T恤有吗", "Rose 到货了吗", "回头去看看", "TDK", "退货怎么退"])
def test_these_do_not(words: str):
    assert not refuses(words)
