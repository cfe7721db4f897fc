"""Tables of plans, enrollments, step records and follow-up tasks."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

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
    """A published version (版本): immutable; enrollments keep the one they began with."""

    __tablename__ = "plan_versions"
    __table_args__ = (UniqueConstraint("plan_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    plan_id: Mapped[int] = mapped_column(ForeignKey("follow_up_plans.id"))
    number: Mapped[int] = mapped_column(Integer)
    content_hash: Mapped[str] = mapped_column(String(32))
    published_at: Mapped[datetime]


class OnRepurchase(StrEnum):
    """What a later purchase does to a step that has not fallen due."""

    RESTART = "restart"  # the step of the newest purchase counts, earlier ones stop
    KEEP_ONE = "keep_one"  # the step already waiting counts, the newer one merges into it


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


class EnrollmentState(StrEnum):
    """Where an enrollment stands; every state but ACTIVE is final."""

    ACTIVE = "active"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Enrollment(Base):
    """Member × plan × anchor event (进入计划).

    While ACTIVE, `next_step_no` is the step whose timer stands at `next_due_at` in `next_lane`; otherwise they are None.
    """

    __tablename__ = "enrollments"
    __table_args__ = (
        UniqueConstraint("member_id", "plan_id", "anchor_event"),
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


class StepOutcome(StrEnum):
    """What came of an owed step."""

    OPENED = "opened"
    MERGED = "merged"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class StepReason(StrEnum):
    """Why a step was not opened, or how it was: shown to people, so each has a text in the catalogue."""

    DUE = "due"
    LATE = "late"  # opened after its day because the service was down
    BEFORE_START = "before_start"  # its validity had ended before the purchase was known
    TOO_LATE = "too_late"  # its validity ended while the service was down
    TIME_UNKNOWN = "time_unknown"  # minutes after a purchase of which only the day is known
    REFUNDED = "refunded"
    NEW_PURCHASE = "new_purchase"  # a later purchase restarted this step
    KEPT_EARLIER = "kept_earlier"  # the same step of an earlier purchase was still to come
    NOBODY_TO_ASK = "nobody_to_ask"  # neither owner nor store manager


class StepRecord(Base):
    """What became of one step of one enrollment (每步的记录); at most one each, never changed."""

    __tablename__ = "step_records"

    enrollment_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    step_no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32))
    due_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    task_id: Mapped[int | None]


class Channel(StrEnum):
    """How the associate is asked to reach the member."""

    CHAT = "chat"
    INVITE = "invite"  # not yet a WeCom contact of the assignee: invite them to add


class Evidence(StrEnum):
    """How well an act is proven, strongest first."""

    WECOM_CONFIRMED = "wecom_confirmed"
    CLIENT_REPORTED = "client_reported"  # the page saw `sendChatMessage:ok`
    SELF_DECLARED = "self_declared"


class FollowUpTask(Base):
    """A follow-up task (跟进任务); its work item holds assignee, state and due."""

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
