"""Who does a step, whether the member is left in peace, what becomes one with it (7 to 10 of `deciding`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import table_of
from app.follow_ups.channels.reaching import Quota
from app.follow_ups.firing.assigning import MemberFacts, People, Person, read_people
from app.follow_ups.firing.conditions import Conditions
from app.follow_ups.firing.deciding import Wait, beside_others, importance
from app.follow_ups.firing.falling_due import Fallen
from app.follow_ups.firing.speaking import Speech, speechless
from app.follow_ups.models import FollowUpTask
from app.follow_ups.rules import Verdict
from app.follow_ups.states import IN_ITS_OWN_WORDS, IN_THE_CHAT, Channel, StepOutcome, StepReason
from app.ids import new_ids
from app.orders.value import Tiers
from app.worklist.attention import Budget, Touch
from app.worklist.touches import recent_touches

QUOTA_FULL = Verdict(StepOutcome.SKIPPED, StepReason.QUOTA_FULL)
NO_WORDS = Verdict(StepOutcome.SKIPPED, StepReason.NO_WORDS)
MERGED = Verdict(StepOutcome.MERGED, StepReason.SAME_DAY)


class Opening(NamedTuple):
    """A step that becomes a task of `assignee`, with the ids it will have."""

    fallen: Fallen
    member: MemberFacts
    assignee: Person
    channel: Channel
    rank: int
    task_id: int
    item_id: int


@dataclass(slots=True)
class Answers:
    """What became of the steps somebody could be asked about, by enrollment.

    `held` are not opened; of these `merged` are served by another work item. Work items of `replaced` are open and
    close, because something more important takes their place: the task each is mapped to.
    """

    openings: list[Opening] = field(default_factory=list)
    held: dict[int, Verdict | Wait] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)
    replaced: dict[int, int] = field(default_factory=dict)

    def task_ids(self, session: Session) -> dict[int, int]:
        """The tasks that serve the opened and the merged, by enrollment; a query only where an older task serves."""
        by_item = {opening.item_id: opening.task_id for opening in self.openings}
        older = sorted(set(self.merged.values()) - by_item.keys())
        if older:
            table = table_of(FollowUpTask)
            query = select(table.c.work_item_id, table.c.id).where(table.c.work_item_id.in_(older))
            by_item |= dict(session.execute(query).all())
        serving = {opening.fallen.id: opening.task_id for opening in self.openings}
        return serving | {enrollment_id: by_item[item_id] for enrollment_id, item_id in self.merged.items()}


def ask(
    session: Session,
    fallen: Sequence[Fallen],
    conditions: Conditions,
    budget: Budget,
    tiers: Tiers,
    now: datetime,
) -> Answers:
    """Decide 7 to 10 of `deciding` for steps that passed 1 to 6, the most important first; nothing is written."""
    answers = Answers()
    if not fallen:
        return answers
    people = read_people(session, [(item.member_id, item.case) for item in fallen], now)
    touches = recent_touches(session, people.members.keys(), budget, now)
    by_group_send = {item.member_id for item in fallen if item.step.channel is Channel.GROUP_SEND}
    quota = Quota(session, by_group_send, now)
    wordless = _wordless(session, fallen, people, conditions, now)
    ids = iter(new_ids(session, 2 * len(fallen)))
    for item in sorted(fallen, key=_most_important_first):
        mine = touches[item.member_id]
        found = people.ask(item.case, item.member_id, now)
        if not isinstance(found, Person):
            answers.held[item.id] = found
            continue
        together = beside_others(item.case, mine, budget, now)
        if isinstance(together, Verdict | Wait):
            answers.held[item.id] = together
            continue
        if together.into is not None:
            answers.held[item.id], answers.merged[item.id] = MERGED, together.into.work_item_id
            continue
        if item.id in wordless:
            answers.held[item.id] = NO_WORDS
            continue
        if item.step.channel is Channel.GROUP_SEND and not quota.take(item.member_id):
            answers.held[item.id] = QUOTA_FULL
            continue
        opening = _opening(item, people, found, tiers, ids)
        answers.openings.append(opening)
        for other in together.others:
            answers.replaced[other.work_item_id] = opening.task_id
            mine.remove(other)
        mine.append(_touch(opening, now))
    return answers


def _wordless(
    session: Session, fallen: Sequence[Fallen], people: People, conditions: Conditions, now: datetime
) -> set[int]:
    """What cannot be said takes nobody's place: it is known before it could."""
    by_itself = [item for item in fallen if item.step.channel in IN_ITS_OWN_WORDS]
    found = [(item, people.ask(item.case, item.member_id, now)) for item in by_itself]
    speeches = [
        Speech(item, people.members[item.member_id], who, item.step.channel)
        for item, who in found
        if isinstance(who, Person)
    ]
    return speechless(session, speeches, conditions)


def _most_important_first(item: Fallen) -> tuple[bool, int, datetime, int]:
    """So that of what falls due together nothing is opened only to give way, and the cap goes to what is worth it."""
    is_service, priority = importance(item.step)
    return not is_service, -priority, item.case.due, item.id


def _opening(item: Fallen, people: People, assignee: Person, tiers: Tiers, ids: Iterator[int]) -> Opening:
    member = people.members[item.member_id]
    channel = item.step.channel
    if channel in IN_THE_CHAT:
        channel = Channel.CHAT if people.can_chat(member.id, assignee.id) else Channel.INVITE
    rank = rank_of(item.step.is_service, tiers.of(member.net_fen), item.step.priority)
    return Opening(item, member, assignee, channel, rank, next(ids), next(ids))


def _touch(opening: Opening, now: datetime) -> Touch:
    case, step = opening.fallen.case, opening.fallen.step
    is_worded = opening.channel not in IN_ITS_OWN_WORDS
    return Touch(opening.item_id, step.is_service, step.priority, now, True, case.until, is_worded=is_worded)


def rank_of(is_service: bool, tier: int, priority: int) -> int:
    """The order of a worklist, highest first: promises, then the member's value (0 to 3), then priority (to 100)."""
    return is_service * 1_000_000 + tier * 100_000 + priority * 100
