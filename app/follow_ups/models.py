"""Tables of plans, enrollments, step records and follow-up tasks."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class FollowUpPlan(Base):
    """A plan (跟进计划); what it does stands in its versions."""

    __tablename__ = "follow_up_plans"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(64))


class PlanVersion(Base):
    """A published version (版本): immutable; enrollments keep the one they began with.

    `product_fallback` stands in texts where the receipt names no article.
    """

    __tablename__ = "plan_versions"
    __table_args__ = (UniqueConstraint("plan_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    plan_id: Mapped[int] = mapped_column(ForeignKey("follow_up_plans.id"))
    number: Mapped[int] = mapped_column(Integer)
    content_hash: Mapped[str] = mapped_column(String(32))
    product_fallback: Mapped[str] = mapped_column(String(64))
    published_at: Mapped[datetime]


class PlanStep(Base):
    """A step (步骤): exactly one of `offset_minutes` (elapsed) and `offset_days` (local days, at opening) is set.

    Its task stays open for `valid_days` local days, or until noon of the last of them.
    """

    __tablename__ = "plan_steps"
    __table_args__ = (UniqueConstraint("plan_version_id", "step_no"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    plan_version_id: Mapped[int] = mapped_column(ForeignKey("plan_versions.id"))
    step_no: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(32))
    offset_minutes: Mapped[int | None] = mapped_column(Integer)
    offset_days: Mapped[int | None] = mapped_column(Integer)
    valid_days: Mapped[int] = mapped_column(Integer)
    valid_to_noon: Mapped[bool]
    on_repurchase: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(String(64))
    why: Mapped[str] = mapped_column(String(255))
    script_code: Mapped[str] = mapped_column(String(64))
    invite_script_code: Mapped[str] = mapped_column(String(64))


class Enrollment(Base):
    """Member × plan × anchor event (进入计划).

    While ACTIVE, `next_step_no` is the step whose timer stands at `next_due_at` in `next_lane`; else they are None.
    """

    __tablename__ = "enrollments"
    __table_args__ = (
        UniqueConstraint("member_id", "anchor_event", "plan_id"),
        Index(None, "plan_version_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    plan_id: Mapped[int]
    plan_version_id: Mapped[int]
    member_id: Mapped[int]
    store_id: Mapped[int]
    anchor_event: Mapped[str] = mapped_column(String(48))
    anchor_at: Mapped[datetime]
    anchor_on: Mapped[date]
    time_known: Mapped[bool]
    state: Mapped[str] = mapped_column(String(16))
    ended_reason: Mapped[str] = mapped_column(String(32))
    next_step_no: Mapped[int | None] = mapped_column(Integer)
    next_lane: Mapped[str | None] = mapped_column(String(16))
    next_due_at: Mapped[datetime | None]
    enrolled_at: Mapped[datetime]


class StepRecord(Base):
    """What became of one step of one enrollment (每步的记录); at most one each, never changed."""

    __tablename__ = "step_records"
    __table_args__ = (Index(None, "outcome", "reason", "due_at"),)

    enrollment_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    step_no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32))
    due_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    task_id: Mapped[int | None]


class FollowUpTask(Base):
    """A follow-up task (跟进任务); its work item holds assignee, state and due.

    Whoever is about to send holds it as `claimed_by` until `claimed_until`, in real time: advice to other pages only.
    """

    __tablename__ = "follow_up_tasks"
    __table_args__ = (Index(None, "work_item_id", unique=True), Index(None, "enrollment_id", "step_no"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    work_item_id: Mapped[int]
    enrollment_id: Mapped[int]
    step_no: Mapped[int] = mapped_column(Integer)
    channel: Mapped[str] = mapped_column(String(16))
    why: Mapped[str] = mapped_column(String(255))
    text: Mapped[str] = mapped_column(Text)
    evidence: Mapped[str | None] = mapped_column(String(24))
    sent_text: Mapped[str | None] = mapped_column(Text)
    completed_by: Mapped[int | None]
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    claimed_until: Mapped[datetime | None]
