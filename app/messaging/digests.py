"""The digest lane: an associate's waiting notices become one message, rendered once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.associates.queries import active_associates
from app.db import Database, any_of, insert_rows, is_among, table_of
from app.failpoints import failpoint
from app.ids import new_ids
from app.lanes import Deadline, Progress
from app.messaging import words
from app.messaging.card_presses import DIGEST_CARD, LATER
from app.messaging.claiming import claim_due
from app.messaging.models import (
    DigestSchedule,
    MessageState,
    Notice,
    NoticeKind,
    NoticeState,
    OutboundMessage,
)
from app.timers import Lane, TimerKey, set_timers
from app.wecom.bodies import MiniProgramNotice, render
from app.wecom.cards import Button, ButtonCard

# Whoever opens something for one of them waits until all are gathered, hundreds of notices each after a lost day.
BATCH = 25
CHUNK = 500
QUIET = 2  # a button's style: grey
LINES = 6
NEW = (NoticeKind.OPENED, NoticeKind.MINI_PROGRAM)
LINE = 23  # six of them and the rest's count stay within the 160 characters that WeCom recommends


SCHEDULES, NOTICES = table_of(DigestSchedule), table_of(Notice)
OWNERS = select(SCHEDULES.c.associate_id, SCHEDULES.c.next_due_at)
WAITING = (
    select(NOTICES.c.id, NOTICES.c.associate_id, NOTICES.c.work_item_id, NOTICES.c.kind, NOTICES.c.text)
    .where(any_of(NOTICES.c.associate_id, "associates"), NOTICES.c.state == NoticeState.WAITING)
    .order_by(NOTICES.c.id)
)
DROPPING = update(NOTICES).values(state=NoticeState.DROPPED).where(any_of(NOTICES.c.id, "notices"))
CLEARING = update(SCHEDULES).values(next_due_at=None).where(any_of(SCHEDULES.c.associate_id, "associates"))


class OpenItem(NamedTuple):
    """A work item that is to be done: about whom, and by whom (None: by whoever was told of it)."""

    whom: int
    assignee_id: int | None = None


# Which of these work items are to be done now. Work items live above this rank.
OpenItems = Callable[[Session, Sequence[int]], Mapping[int, OpenItem]]


@dataclass(frozen=True, slots=True)
class MiniProgram:
    """The mini program linked to the app, and the page of it that shows a worklist."""

    appid: str
    page: str


@dataclass(frozen=True, slots=True)
class DigestSender:
    """In whose name digests are sent, where their link leads, and how to ask what is still open.

    Without a linked mini program what it was to tell stands in the digest.
    """

    agent_id: int
    worklist_url: str
    open_items: OpenItems
    mini_program: MiniProgram | None = None


def gather_due(database: Database, sender: DigestSender, deadline: Deadline) -> Progress:
    """Turn due digests into messages, batch by batch; safe in any number of processes."""
    done = 0
    while not deadline.has_passed():
        gathered = database.in_transaction(lambda session: gather_batch(session, sender, BATCH))
        done += gathered
        if gathered < BATCH:
            return Progress(done, more=False)
    return Progress(done, more=True)


def gather_batch(session: Session, sender: DigestSender, size: int) -> int:
    """Gather for at most `size` associates whose digest is due; returns for how many it was done.

    Each waiting notice joins one message or, where nothing is to be done any more, none. Holding the schedules keeps
    writers of notices out until this is committed; theirs join the next digest.
    """
    moment = clock.moment(session)
    due = claim_due(session, Lane.DIGEST, moment.business, OWNERS, SCHEDULES.c.associate_id, size)
    if not due:
        return 0
    associate_ids = [row.associate_id for row in due]
    waiting = _waiting(session, associate_ids)
    people = active_associates(session, associate_ids)
    items = _still_open(session, sender, waiting)
    live = [notice for notice in waiting if _is_live(notice, items) and notice.associate_id in people]
    apart = [notice for notice in live if sender.mini_program and notice.kind == NoticeKind.MINI_PROGRAM]
    together = [notice for notice in live if notice not in apart]
    messages = _messages(session, sender, together, items, people, moment)
    alone = _alone(session, sender, apart, people, moment)
    failpoint("gather.rendered")
    _enqueue(session, [*messages, *alone.values()], moment.real)
    _settle(session, [notice for notice in waiting if notice not in apart], together, messages)
    _settle_alone(session, alone)
    _clear_schedules(session, associate_ids)
    return len(due)


def _waiting(session: Session, associate_ids: Sequence[int]) -> list[Any]:
    return list(session.connection().execute(WAITING, {"associates": associate_ids}))


def _still_open(session: Session, sender: DigestSender, notices: Sequence[Any]) -> dict[int, OpenItem]:
    found: dict[int, OpenItem] = {}
    for some in _chunks(sorted({notice.work_item_id for notice in notices})):
        found.update(sender.open_items(session, some))
    return found


def _is_live(notice: Any, items: Mapping[int, OpenItem]) -> bool:
    """What was given to another since concerns its reader no more; an escalation is about another anyway."""
    item = items.get(notice.work_item_id)
    if item is None:
        return False
    is_theirs = item.assignee_id in (None, notice.associate_id)
    return is_theirs or notice.kind == NoticeKind.ESCALATION


def _messages(
    session: Session,
    sender: DigestSender,
    notices: Sequence[Any],
    items: Mapping[int, OpenItem],
    people: Mapping[int, Associate],
    moment: clock.Moment,
) -> list[dict[str, Any]]:
    by_associate: dict[int, list[Any]] = {}
    for notice in notices:
        by_associate.setdefault(notice.associate_id, []).append(notice)
    messages = []
    for message_id, associate_id in zip(
        new_ids(session, len(by_associate)), sorted(by_associate), strict=True
    ):
        its = by_associate[associate_id]
        key = _dedupe_key(notice.id for notice in its)
        card = _card(sender, key, _title(its, items), _lines(its))
        body = render(sender.agent_id, (people[associate_id].wecom_userid,), card)
        messages.append(_message_row(message_id, associate_id, key, body, moment))
    return messages


def _alone(
    session: Session,
    sender: DigestSender,
    notices: Sequence[Any],
    people: Mapping[int, Associate],
    moment: clock.Moment,
) -> dict[int, dict[str, Any]]:
    """By notice, its own message. The page's address makes each body one of its own, also for WeCom."""
    messages: dict[int, dict[str, Any]] = {}
    if sender.mini_program is None or not notices:
        return messages
    for message_id, notice in zip(new_ids(session, len(notices)), notices, strict=True):
        key = _dedupe_key([notice.id])
        page = f"{sender.mini_program.page}?n={key[:16]}"
        lines = ((words.notice_task(), notice.text),)
        told = MiniProgramNotice(sender.mini_program.appid, page, words.notice_title(), lines)
        body = render(sender.agent_id, (people[notice.associate_id].wecom_userid,), told)
        messages[notice.id] = _message_row(message_id, notice.associate_id, key, body, moment)
    return messages


def _settle_alone(session: Session, messages: Mapping[int, Mapping[str, Any]]) -> None:
    table = table_of(Notice)
    for notice_id, row in messages.items():
        joining = update(table).where(table.c.id == notice_id)
        session.connection().execute(joining.values(state=NoticeState.GATHERED, message_id=row["id"]))


def _dedupe_key(notice_ids: Iterable[int]) -> str:
    return hashlib.sha256(",".join(map(str, sorted(notice_ids))).encode()).hexdigest()


def _title(notices: Sequence[Any], items: Mapping[int, OpenItem]) -> str:
    """How many members wait for the reader; where none does, how many tasks of others are not done yet."""
    own = [notice for notice in notices if notice.kind != NoticeKind.ESCALATION]
    if own:
        return words.title(len({items[notice.work_item_id].whom for notice in own}))
    return words.not_done(len({notice.work_item_id for notice in notices}))


def _lines(notices: Sequence[Any]) -> list[str]:
    """What waits comes first: the reader's own in one line, then a line for each person; then what is new."""
    urges = {notice.work_item_id: notice.text for notice in notices if notice.kind == NoticeKind.URGE}
    not_done_of: dict[str, set[int]] = {}
    for notice in notices:
        if notice.kind == NoticeKind.ESCALATION:
            not_done_of.setdefault(notice.text, set()).add(notice.work_item_id)
    one = [words.not_done_one(text) for text in urges.values()]
    lines = [words.not_done(len(urges))] if len(urges) > 1 else one
    lines += [words.not_done_of(name, len(tasks)) for name, tasks in not_done_of.items()]
    return lines + [notice.text for notice in notices if notice.kind in NEW]


def _card(sender: DigestSender, key: str, title: str, texts: Sequence[str]) -> ButtonCard:
    """Opening is a link, putting off comes back to us. The key makes each card one of its own, also for WeCom."""
    lines = [text if len(text) <= LINE else f"{text[: LINE - 1]}…" for text in texts[:LINES]]
    if len(texts) > LINES:
        lines.append(words.more(len(texts) - LINES))
    url = f"{sender.worklist_url}#d{key[:16]}"
    buttons = (Button(words.open_button(), url=url), Button(words.later_button(), key=LATER, style=QUIET))
    return ButtonCard(title, "\n".join(lines), (), buttons, f"{DIGEST_CARD}{key}", url=url)


def _message_row(
    message_id: int, associate_id: int, key: str, body: str, moment: clock.Moment
) -> dict[str, Any]:
    return {
        "id": message_id,
        "associate_id": associate_id,
        "dedupe_key": key,
        "body": body,
        "state": MessageState.ENQUEUED,
        "reason": "",
        "attempts": 0,
        "fence": 0,
        "enqueued_at": moment.business,
        "next_due_at": moment.real,
        "delivered_at": None,
        "wecom_msgid": "",
        "maybe_sent_at": None,
    }


def _enqueue(session: Session, messages: Sequence[dict[str, Any]], at: datetime) -> None:
    insert_rows(session, OutboundMessage, messages)
    set_timers(session, ((TimerKey(Lane.PUSH, at, message["id"]), None) for message in messages))


def _settle(
    session: Session, waiting: Sequence[Any], live: Sequence[Any], messages: Sequence[dict[str, Any]]
) -> None:
    """Say of every notice that waited what became of it."""
    gathered = [notice.id for notice in live]
    if gathered:
        message_of = case({row["associate_id"]: row["id"] for row in messages}, value=NOTICES.c.associate_id)
        joining = update(NOTICES).values(state=NoticeState.GATHERED, message_id=message_of)
        for some in _chunks(gathered):
            session.connection().execute(joining.where(is_among(NOTICES.c.id, some)))
    for some in _chunks(sorted({notice.id for notice in waiting} - set(gathered))):
        session.connection().execute(DROPPING, {"notices": some})


def _clear_schedules(session: Session, associate_ids: Sequence[int]) -> None:
    session.connection().execute(CLEARING, {"associates": associate_ids})


def _chunks(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
