"""Notices become digests: in time, each in one message, closed work in none."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.messaging import words
from app.messaging.card_presses import DIGEST_CARD, LATER
from app.messaging.digests import OpenItem
from app.messaging.models import NoticeKind, NoticeState
from app.messaging.service import NewNotice, write_notices
from app.timers import Lane
from tests.messaging.conftest import SOON, Office


def card_of(body: str) -> dict[str, Any]:
    card: dict[str, Any] = json.loads(body)["template_card"]
    return card


def states(office: Office) -> list[str]:
    return [notice.state for notice in office.notices()]


def test_a_notice_is_gathered_after_two_minutes(office: Office):
    office.write((1, 11))
    office.travel(115)
    assert office.gather() == 0
    office.travel(5)
    assert office.gather() == 1
    assert office.notices()[0].message_id == office.message().id


def test_an_urgent_notice_takes_the_waiting_ones_with_it_after_a_minute(office: Office):
    office.write((1, 11))
    office.write((1, 21), within=SOON)
    office.write((1, 31))
    office.travel(61)
    assert office.gather() == 1
    assert {notice.message_id for notice in office.notices()} == {office.message().id}


def test_a_later_notice_does_not_put_a_digest_off(office: Office):
    office.write((1, 11))
    due = office.timers(Lane.DIGEST)[1].due_at
    office.travel(100)
    office.write((1, 21))
    assert office.timers(Lane.DIGEST)[1].due_at == due


def test_what_comes_after_a_digest_joins_the_next_one(office: Office):
    office.digest((1, 11))
    second = office.digest((1, 21))
    first = office.messages()[0]
    assert [notice.message_id for notice in office.notices()] == [first.id, second.id]
    assert first.dedupe_key != second.dedupe_key


def test_the_same_words_twice_are_two_messages_for_wecom(office: Office):
    first, second = office.digest((1, 11)).body, office.digest((1, 11)).body
    assert first != second


def test_everybody_gets_a_message_of_their_own(office: Office):
    office.digest((1, 11), (2, 21), (1, 31), (3, 41))
    receivers = [json.loads(message.body)["touser"] for message in office.messages()]
    assert sorted(receivers) == ["idle", "lina", "wangwei"]
    by_id = {message.id: message.associate_id for message in office.messages()}
    assert [by_id[notice.message_id or 0] for notice in office.notices()] == [1, 2, 1, 3]


def test_a_digest_says_how_many_members_wait_and_for_what(office: Office):
    office.write((1, 11), (1, 12), text="30 分钟回访 · 林晓雯")
    card = card_of(office.digest((1, 21), text="生日问候 · <陈先生>").body)
    assert card["main_title"]["title"] == words.title(2)
    lines = card["sub_title_text"].split("\n")
    assert sorted(lines) == sorted(["30 分钟回访 · 林晓雯"] * 2 + ["生日问候 · <陈先生>"])


def test_a_digest_opens_by_a_link_and_is_put_off_by_a_press(office: Office):
    message = office.digest((1, 11))
    card = card_of(message.body)
    opening, later = card["button_list"]
    assert opening["url"] == card["card_action"]["url"]
    assert opening["url"].startswith("http://localhost:8000/h5/worklist#d")
    assert (later["type"], later["key"]) == (0, LATER)
    assert card["task_id"] == f"{DIGEST_CARD}{message.dedupe_key}"
    assert re.fullmatch(r"[0-9A-Za-z_\-@]{1,128}", card["task_id"])
    assert all(len(button["text"]) <= 10 for button in card["button_list"])


def test_a_digest_of_many_counts_what_it_does_not_show(office: Office):
    card = card_of(office.digest(*((1, 10 * n) for n in range(1, 41)), text="很长的标题" * 20).body)
    assert card["main_title"]["title"] == words.title(40)
    lines = card["sub_title_text"].split("\n")
    assert len(lines) == 7
    assert lines[-1] == words.more(34)
    assert len(card["sub_title_text"]) <= 160


def test_work_closed_meanwhile_is_not_told(office: Office):
    office.closed = {11}
    office.write((1, 11))
    assert "林晓雯" not in office.digest((1, 21), text="生日问候 · 陈先生").body
    assert states(office) == [NoticeState.DROPPED, NoticeState.GATHERED]


def test_nothing_left_to_do_is_no_message(office: Office):
    office.closed = {11, 21}
    office.write((1, 11), (1, 21))
    office.travel(120)
    assert office.gather() == 1
    assert office.messages() == []
    assert states(office) == [NoticeState.DROPPED] * 2


def test_who_has_left_is_told_nothing(office: Office):
    office.write((1, 11), (2, 21))
    with office.database.transaction() as session:
        left = update(Associate).where(Associate.id == 1)
        session.execute(left.values(ended_at=clock.now(session)))
    office.travel(120)
    office.gather()
    assert office.message().associate_id == 2


def test_no_more_than_one_digest_a_minute(office: Office):
    for second in range(0, 600, 10):
        office.write((1, 11 + second), within=SOON)
        office.travel(10)
        office.gather()
    times = [message.enqueued_at for message in office.messages()]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) > 5
    assert min(gaps) >= timedelta(seconds=60)


def test_nothing_happens_for_no_notices(office: Office):
    office.write()
    assert office.timers(Lane.DIGEST) == {}


def test_writing_five_hundred_notices_takes_few_statements(office: Office):
    statements: list[str] = []
    event.listen(office.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    office.write(*((1 + n % 3, n) for n in range(500)))
    assert len(statements) <= 10
    statements.clear()
    office.travel(120)
    office.gather()
    assert len(statements) <= 24


def test_a_failure_while_gathering_leaves_everything_as_it_was(office: Office):
    def fail(_session: Session, _ids: Sequence[int]) -> dict[int, OpenItem]:
        raise RuntimeError("planted")

    office.write((1, 11))
    office.travel(120)
    working, office.sender = office.sender, type(office.sender)(1, "http://localhost/", fail)
    with pytest.raises(RuntimeError, match="planted"):
        office.gather()
    assert states(office) == [NoticeState.WAITING]
    office.check()
    office.sender = working
    assert office.gather() == 1


def test_writers_and_gatherers_at_once_lose_and_double_nothing(office: Office):
    written, failures = threading.Event(), []

    def run(work: Any, *args: object) -> None:
        try:
            work(*args)
        except BaseException as error:
            failures.append(error)
            raise

    def write(writer: int) -> None:
        for round_no in range(15):
            items = [(1 + n % 3, writer * 100_000 + round_no * 100 + n) for n in range(12)]
            office.database.in_transaction(lambda session: _write(session, items))  # noqa: B023

    def gather() -> None:
        while not written.is_set():
            office.gather()

    writers = [threading.Thread(target=run, args=(write, number)) for number in range(4)]
    gatherers = [threading.Thread(target=run, args=(gather,)) for _ in range(2)]
    travelling = threading.Thread(target=run, args=(_travel_until, office, written))
    for thread in (*writers, *gatherers, travelling):
        thread.start()
    for thread in writers:
        thread.join()
    written.set()
    for thread in (*gatherers, travelling):
        thread.join()
    office.travel(300)
    office.gather()
    assert failures == []
    assert len(office.notices()) == 4 * 15 * 12
    assert set(states(office)) == {NoticeState.GATHERED}
    by_id = {message.id: message.associate_id for message in office.messages()}
    assert all(by_id[notice.message_id or 0] == notice.associate_id for notice in office.notices())


def _write(session: Session, items: list[tuple[int, int]]) -> None:
    now = clock.now(session)
    write_notices(session, [NewNotice(who, what, "回访", now) for who, what in items], now)


def _travel_until(office: Office, stop: threading.Event) -> None:
    while not stop.wait(0.01):
        office.database.in_transaction(lambda s: clock.jump_to(s, clock.now(s) + timedelta(seconds=60)))


def test_what_is_late_is_one_line_above_what_is_new(office: Office):
    office.write((1, 11), text="搭配推荐 · 陈国强")
    office.write((1, 21), (1, 31), (1, 41), (1, 21), kind=NoticeKind.URGE)
    office.travel(120)
    office.gather()
    lines = card_of(office.message().body)["sub_title_text"]
    assert lines.index("3 项任务还没做") < lines.index("搭配推荐 · 陈国强")
    assert "林晓雯" not in lines


def test_one_that_is_late_is_named(office: Office):
    office.write((1, 21), kind=NoticeKind.URGE)
    office.travel(120)
    office.gather()
    assert "还没做：30 分钟回访 · 林晓雯" in card_of(office.message().body)["sub_title_text"]


def test_a_manager_reads_whose_tasks_are_late_and_how_many(office: Office):
    office.given_to = {11: 1, 21: 1, 31: 3}
    office.write((2, 11), (2, 21), text="李娜", kind=NoticeKind.ESCALATION)
    office.write((2, 31), text="赵闲", kind=NoticeKind.ESCALATION)
    office.travel(120)
    office.gather()
    card = card_of(office.message().body)
    assert card["main_title"]["title"] == "3 项任务还没做"
    assert "李娜：2 项任务还没做" in card["sub_title_text"]
    assert "赵闲：1 项任务还没做" in card["sub_title_text"]


def test_what_was_given_to_somebody_else_is_nothing_to_tell_of(office: Office):
    office.write((1, 11), (1, 21))
    office.write((1, 21), kind=NoticeKind.URGE)
    office.given_to = {11: 1, 21: 2}
    office.travel(120)
    office.gather()
    assert states(office) == [NoticeState.GATHERED, NoticeState.DROPPED, NoticeState.DROPPED]
    assert card_of(office.message().body)["main_title"]["title"] == "有 1 位会员等你联系"
