"""What is said at steps that open: by whom, for which store, and whether what the system sends by itself can be sent.

A person may write their own words where a script has none that fit; a group send, a moment or a text message cannot go
without. That is asked before anything else gives way to it (`asking`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.follow_ups.channels.rules import has_words
from app.follow_ups.firing.assigning import MemberFacts, Person
from app.follow_ups.firing.conditions import Conditions
from app.follow_ups.firing.falling_due import Fallen
from app.follow_ups.states import CONFIRMED_BY_WECOM, IN_ITS_OWN_WORDS, Channel
from app.follow_ups.texting.rules import has_sms_words, sms_text
from app.follow_ups.wording import Saying, Words
from app.sales_scripts.models import SalesScript
from app.sales_scripts.queries import scripts_by_code
from app.stores.queries import stores_by_id


class Speech(NamedTuple):
    """A step that is to open, and who says it to whom on which channel."""

    fallen: Fallen
    member: MemberFacts
    assignee: Person
    channel: Channel


def sayings_of(session: Session, speeches: Sequence[Speech]) -> list[Saying]:
    """What each assignee is to say: for their own store, which nearly always is that of the series."""
    stores = {one.fallen.store.id: one.fallen.store for one in speeches}
    homes = {one.assignee.store_id for one in speeches if one.assignee.store_id is not None}
    stores |= stores_by_id(session, homes - stores.keys())
    return [
        Saying(
            fallen.id,
            fallen.row.plan_id,
            fallen.row.anchor_on,
            fallen.version,
            fallen.step,
            member.id,
            member.name,
            assignee.name,
            stores[assignee.store_id or fallen.store.id].name,
            channel,
        )
        for fallen, member, assignee, channel in speeches
    ]


def speechless(session: Session, speeches: Iterable[Speech], conditions: Conditions) -> set[int]:
    """The enrollments whose step the system cannot say: no script, a variable nobody knows, longer than it may be."""
    asked = [one for one in speeches if one.channel in IN_ITS_OWN_WORDS]
    if not asked:
        return set()
    sayings = sayings_of(session, asked)
    words = Words(session, sayings, conditions)
    said = {one.fallen.id: words.of(saying) for one, saying in zip(asked, sayings, strict=True)}
    scripts = scripts_by_code(session, {one["script_code"] for one in said.values()})
    return {one.fallen.id for one in asked if not _can_go(one, said[one.fallen.id], scripts)}


def _can_go(speech: Speech, said: Mapping[str, str], scripts: Mapping[str, SalesScript]) -> bool:
    script = scripts.get(said["script_code"])
    if script is None:
        return False
    if speech.channel in CONFIRMED_BY_WECOM:
        return has_words(speech.channel, said["text"])
    text = sms_text(said["text"], is_service=speech.fallen.step.is_service)
    return has_sms_words(text, script.sms_template, script.link)
