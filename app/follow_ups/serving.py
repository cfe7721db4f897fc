"""What else a task serves: steps of other series of the member that fell on its day and became one with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.db import table_of
from app.follow_ups.firing.conditions import Conditions, Subject
from app.follow_ups.firing.merging import is_merged
from app.follow_ups.models import Enrollment, StepRecord
from app.follow_ups.plans.documents import TriggerKind
from app.follow_ups.plans.versions import get_version
from app.follow_ups.queries import TaskView
from app.follow_ups.states import Channel, EnrollmentState
from app.follow_ups.wording import Saying, Words
from app.stores.queries import stores_by_id


@dataclass(frozen=True, slots=True)
class Served:
    """A step that became one with a task: its reason for the associate, and its words in their name."""

    plan_name: str
    title: str
    why: str
    text: str
    trigger: TriggerKind
    anchor_on: date


def also_served(session: Session, task: TaskView) -> list[Served]:
    """What else the task serves, the most important first; nothing more is read where it serves nothing else."""
    rows = _merged_into(session, [task])
    if not rows:
        return []
    speaker = session.get_one(Associate, task.assignee_id)
    store = stores_by_id(session, [task.store_id])[task.store_id].name
    sayings = []
    for row in rows:
        version = get_version(session, row.plan_version_id)
        series = (row.id, row.plan_id, row.anchor_on, version, version.step(row.step_no))
        who = (task.member_id, task.member_name, speaker.name, store)
        sayings.append(Saying(*series, *who, _channel(task)))
    subjects = [Subject(row.id, row.member_id, row.anchor_event, row.anchor_on) for row in rows]
    asked = [(subject, one.step) for subject, one in zip(subjects, sayings, strict=True)]
    words = Words(session, sayings, Conditions(session, asked, clock.now(session)))
    sayings.sort(key=lambda one: (not one.step.is_service, -one.step.priority))
    return [_served(saying, words.of(saying)) for saying in sayings]


def titles_served(session: Session, tasks: Collection[TaskView]) -> dict[int, list[str]]:
    """By task what else it serves, by title; one query however many tasks."""
    titles: dict[int, list[str]] = defaultdict(list)
    for row in _merged_into(session, tasks):
        titles[row.task_id].append(get_version(session, row.plan_version_id).step(row.step_no).title)
    return titles


def _served(saying: Saying, words: dict[str, str]) -> Served:
    document = saying.version.document
    return Served(
        plan_name=document.name,
        title=saying.step.title,
        why=words["why"],
        text=words["text"],
        trigger=saying.version.trigger.kind,
        anchor_on=saying.anchor_on,
    )


def _channel(task: TaskView) -> Channel:
    return Channel.INVITE if task.channel is Channel.INVITE else Channel.CHAT


def _merged_into(session: Session, tasks: Collection[TaskView]) -> list[Any]:
    if not tasks:
        return []
    series, records = table_of(Enrollment), table_of(StepRecord)
    query = (
        select(
            series.c.id,
            series.c.plan_id,
            series.c.plan_version_id,
            series.c.member_id,
            series.c.anchor_event,
            series.c.anchor_on,
            records.c.step_no,
            records.c.task_id,
        )
        .join(records, records.c.enrollment_id == series.c.id)
        .where(
            series.c.member_id.in_(sorted({task.member_id for task in tasks})),
            records.c.task_id.in_(sorted(task.id for task in tasks)),
            series.c.state != EnrollmentState.CANCELLED,
            is_merged(),
        )
        .order_by(records.c.enrollment_id, records.c.step_no)
    )
    return list(session.execute(query))
