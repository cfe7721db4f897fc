"""The words of a task: which script, why that one, and every variable that can be known filled in.

They are the words of whoever says them: a task that goes to somebody else is worded anew.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from babel.dates import format_skeleton
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.db import table_of, upsert_rows
from app.follow_ups.firing.conditions import Conditions, Subject
from app.follow_ups.measuring.choosing import ScriptResult, choose
from app.follow_ups.measuring.models import ScriptResult as ScriptResultRow
from app.follow_ups.models import Enrollment, FollowUpTask
from app.follow_ups.plans.versions import Version, versions
from app.follow_ups.rules import Step
from app.follow_ups.states import BY_THE_SYSTEM, CONFIRMED_BY_WECOM, Channel
from app.members.models import Member
from app.members.queries import contacts_of
from app.orders.queries import main_articles
from app.sales_scripts.queries import scripts_by_code
from app.sales_scripts.rules import fill
from app.stores.queries import stores_by_id
from app.worklist.models import WorkItem

DATE_LOCALE = "zh_Hans_CN"
LONGEST_WHY = 255
OF_NOBODY = ("associate", "store")
IN_WORDS = frozenset({Channel.CHAT, Channel.INVITE})


class Saying(NamedTuple):
    """A step of somebody's series and who is to say its words, to which member, on which channel.

    `store` is the name of the speaker's store. `script_code`: the words are to stay of this script, where it still may
    be used; "": it is chosen.
    """

    enrollment_id: int
    plan_id: int
    anchor_on: date
    version: Version
    step: Step
    member_id: int
    member: str
    associate: str
    store: str
    channel: Channel
    script_code: str = ""
    chosen_because: str = ""


class Words:
    """The scripts, articles and results that some sayings need."""

    def __init__(self, session: Session, sayings: Sequence[Saying], conditions: Conditions) -> None:
        steps = {id(saying.step): saying.step for saying in sayings}.values()
        codes = {code for step in steps for code in (*step.script_codes, step.invite_script_code)}
        self._scripts = scripts_by_code(session, codes)
        self._articles = main_articles(session, {(saying.member_id, saying.anchor_on) for saying in sayings})
        self._results = _results(session, sayings)
        self._conditions = conditions

    def values(self, saying: Saying) -> dict[str, str]:
        """What the variables of its script stand for."""
        article = self._articles.get((saying.member_id, saying.anchor_on))
        return {
            "member": saying.member,
            "associate": saying.associate,
            "store": saying.store,
            "product": article or saying.version.document.product_fallback,
            "purchased_on": day_in_words(saying.anchor_on),
        }

    def of(self, saying: Saying) -> dict[str, str]:
        """`why` for the associate and `text` for the member; an unfilled variable stays and blocks the sending."""
        values = self.values(saying)
        said = heard_on(saying.channel, values)
        code, because = self._script(saying)
        script = self._scripts.get(code)
        return {
            "script_code": code,
            "chosen_because": because,
            "why": fill(saying.step.why, values)[:LONGEST_WHY],
            "text": fill(script.body, said) if script else "",
        }

    def _script(self, saying: Saying) -> tuple[str, str]:
        """The script's code, and why it was chosen as JSON, "" where there was no choice."""
        if saying.channel is Channel.INVITE:
            return saying.step.invite_script_code, ""
        if saying.script_code in saying.step.script_codes and saying.script_code in self._scripts:
            return saying.script_code, saying.chosen_because
        number, codes = self._rule(saying)
        approved = [code for code in codes if code in self._scripts]
        if len(saying.step.script_codes) == 1:
            return next(iter(approved), ""), ""
        document = saying.version.document
        choice = choose(
            [self._result(saying, code) for code in approved],
            enrollment_id=saying.enrollment_id,
            step_no=saying.step.step_no,
            salt=document.code,
            learning=document.learns,
        )
        if choice is None:  # none of them is approved any more
            return "", ""
        why: dict[str, Any] = {"rule": number, "reason": choice.why.reason}
        if document.learns:
            why |= {
                "chance": round(choice.probability, 3),
                "sent": choice.why.chosen.tried,
                "succeeded": choice.why.chosen.succeeded,
                "best": choice.why.best.script_code,
            }
        return choice.script_code, json.dumps(why, separators=(",", ":"))

    def _rule(self, saying: Saying) -> tuple[int, Sequence[str]]:
        """The first rule that holds, counted from 1, with its scripts; (0, none) where none does."""
        for number, rule in enumerate(saying.step.scripts, start=1):
            if self._conditions.hold(saying.enrollment_id, rule.condition):
                return number, rule.codes
        return 0, ()

    def _result(self, saying: Saying, code: str) -> ScriptResult:
        tried, succeeded = self._results.get((saying.plan_id, saying.step.kind, code), (0, 0))
        return ScriptResult(code, tried, succeeded)


def reword_moved(session: Session, moves: Mapping[int, int], calls: Collection[int] = ()) -> None:
    """Of work items that were given to somebody else (id → associate): their tasks speak for those from now on.

    Whoever is no contact of the member's gets the words of an invitation; a call stays a call, and what WeCom or the
    system sends stays as it is. Those of `calls` become calls. The script stays the same where it still may be used.
    A few statements for any number.
    """
    rows = _tasks(session, moves)
    if not rows:
        return
    known = versions(session, {row.plan_version_id for row in rows})
    bound = contacts_of(session, {row.member_id for row in rows})
    people = _speakers(session, moves.values())
    stores = stores_by_id(session, {people[moves[row.work_item_id]].store_id or row.store_id for row in rows})
    sayings = []
    for row in rows:
        speaker, version = people[moves[row.work_item_id]], known[row.plan_version_id]
        can_chat = speaker.id in bound.get(row.member_id, ())
        channel = Channel.PHONE if row.work_item_id in calls else _channel(Channel(row.channel), can_chat)
        store = stores[speaker.store_id or row.store_id].name
        step = version.step(row.step_no)
        series = (row.enrollment_id, row.plan_id, row.anchor_on, version, step)
        said = (row.member_id, row.member, speaker.name, store, channel, row.script_code, row.chosen_because)
        sayings.append(Saying(*series, *said))
    subjects = [Subject(row.enrollment_id, row.member_id, row.anchor_event, row.anchor_on) for row in rows]
    asked = [(subject, one.step) for subject, one in zip(subjects, sayings, strict=True)]
    conditions = Conditions(session, asked, clock.now(session))
    words = Words(session, sayings, conditions)
    columns = table_of(FollowUpTask).c.keys()
    written = [
        {name: row._mapping[name] for name in columns} | {"channel": saying.channel} | words.of(saying)
        for row, saying in zip(rows, sayings, strict=True)
    ]
    upsert_rows(session, FollowUpTask, written)


def _channel(channel: Channel, can_chat: bool) -> Channel:
    """On which the same is said by whoever can, or cannot, chat with the member."""
    if channel not in IN_WORDS:
        return channel
    return Channel.CHAT if can_chat else Channel.INVITE


def _tasks(session: Session, work_item_ids: Collection[int]) -> Sequence[Any]:
    """The tasks of these work items, with what their words are made of."""
    tasks, series = table_of(FollowUpTask), table_of(Enrollment)
    items, members = table_of(WorkItem), table_of(Member)
    query = (
        select(
            tasks,
            series.c.plan_id,
            series.c.plan_version_id,
            series.c.anchor_on,
            series.c.anchor_event,
            series.c.store_id,
            members.c.id.label("member_id"),
            members.c.name.label("member"),
        )
        .join_from(tasks, series, series.c.id == tasks.c.enrollment_id)
        .join(items, items.c.id == tasks.c.work_item_id)
        .join(members, members.c.id == items.c.member_id)
        .where(tasks.c.work_item_id.in_(sorted(work_item_ids)))
        .where(tasks.c.channel.not_in(sorted(CONFIRMED_BY_WECOM | BY_THE_SYSTEM)))
        .order_by(tasks.c.id)
    )
    return session.connection().execute(query).all()


def _speakers(session: Session, ids: Iterable[int]) -> dict[int, Any]:
    query = select(Associate.id, Associate.name, Associate.store_id).where(Associate.id.in_(sorted(set(ids))))
    return {row.id: row for row in session.execute(query)}


def _results(session: Session, sayings: Sequence[Saying]) -> Mapping[tuple[int, str, str], tuple[int, int]]:
    """How the scripts of plans that learn did; nothing is read where none does."""
    kinds: dict[int, set[str]] = defaultdict(set)
    for saying in sayings:
        if saying.version.document.learns:
            kinds[saying.plan_id].add(saying.step.kind)
    if not kinds:
        return {}
    table = table_of(ScriptResultRow)
    query = select(table).where(
        table.c.plan_id.in_(sorted(kinds)), table.c.step_kind.in_(sorted(set().union(*kinds.values())))
    )
    return {
        (row.plan_id, row.step_kind, row.script_code): (row.sent, row.succeeded)
        for row in session.connection().execute(query)
    }


@lru_cache(maxsize=1024)
def day_in_words(on: date) -> str:
    """What `{purchased_on}` stands for."""
    return format_skeleton("MMMd", on, locale=DATE_LOCALE)


def heard_on(channel: Channel, values: Mapping[str, str]) -> Mapping[str, str]:
    """Which values are said on a channel: in a moment, which everybody sees, nothing of one member."""
    return {name: values[name] for name in OF_NOBODY} if channel is Channel.MOMENT else values
