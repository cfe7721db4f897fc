"""Tables of plans, enrollments, step records and follow-up tasks."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base
from app.follow_ups.states import Arm


class FollowUpPlan(Base):
    """A plan (跟进计划); what it does stands in its versions, which of them is in force in its releases."""

    __tablename__ = "follow_up_plans"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(64))


class PlanVersion(Base):
    """A published version (版本): immutable; enrollments keep the one they began with.

    `document` is the plan document as HQ published it, canonical JSON; `content_hash` is its fingerprint.
    """

    __tablename__ = "plan_versions"
    __table_args__ = (UniqueConstraint("plan_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    plan_id: Mapped[int] = mapped_column(ForeignKey("follow_up_plans.id"))
    number: Mapped[int] = mapped_column(Integer)
    content_hash: Mapped[str] = mapped_column(String(32))
    document: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime]
    published_by: Mapped[int | None]


class PlanRelease(Base):
    """A version put in force, everywhere or in some stores (a canary); never changed. No version: withdrawn."""

    __tablename__ = "plan_releases"
    __table_args__ = (Index(None, "plan_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    plan_id: Mapped[int]
    plan_version_id: Mapped[int | None]
    is_everywhere: Mapped[bool]
    released_at: Mapped[datetime]
    released_by: Mapped[int | None]
    note: Mapped[str] = mapped_column(String(255), default="")


class PlanReleaseStore(Base):
    """A store in which a release that is not everywhere holds."""

    __tablename__ = "plan_release_stores"

    release_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    store_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class PlanDraft(Base):
    """A plan document being written, not in force; `document` is TOML as its author left it. One per plan code."""

    __tablename__ = "plan_drafts"

    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    document: Mapped[str] = mapped_column(Text)
    edited_at: Mapped[datetime]
    edited_by: Mapped[int | None]


class PlanSweep(Base):
    """One local day on which a calendar plan looks for members to put into it, resumable after `cursor` (a member).

    While `next_due_at` is set it owns a timer in the sweep lane there; finishing one sets the next day's.
    """

    __tablename__ = "plan_sweeps"
    __table_args__ = (UniqueConstraint("plan_id", "sweep_on"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    plan_id: Mapped[int]
    sweep_on: Mapped[date]
    cursor: Mapped[int]
    next_due_at: Mapped[datetime | None]
    looked_at: Mapped[int]
    enrolled: Mapped[int]
    finished_at: Mapped[datetime | None]


class Enrollment(Base):
    """Member × plan × anchor event (进入计划).

    While ACTIVE, `next_step_no` is the step whose timer stands at `next_due_at` in `next_lane`; else they are None.
    `waiting_for` says why a step that was due is asked about again then (`WaitingFor`), "" where it is not due yet.
    `arm` is fixed on enrolling: steps of a held-out member are withheld as they fall due. `global_per_mille` is the
    share that was then held out of everything; the plan's own stands in the version.
    """

    __tablename__ = "enrollments"
    __table_args__ = (
        UniqueConstraint("member_id", "anchor_event", "plan_id"),
        Index(None, "plan_version_id", "state"),
        Index(None, "plan_id", "enrolled_at"),
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
    arm: Mapped[str] = mapped_column(String(16), default=Arm.TREATED)
    global_per_mille: Mapped[int] = mapped_column(Integer, default=0)
    waiting_for: Mapped[str] = mapped_column(String(16), default="")


class StepRecord(Base):
    """What became of one step of one enrollment (每步的记录); at most one each, never changed.

    But for one that says that the step became one with the task of another series: it goes along with that task where
    another is opened instead of it, and is taken back where the task is stopped, so that the step is asked about again.
    """

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

    `script_code` is the script its text was made of, `chosen_because` (JSON) why that one; `note` what a call brought.
    With `evidence` it was done by `completed_by` at its work item's `done_at`, whatever that was closed as.
    Where a purchase is the evidence nobody is said to have done it.
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
    script_code: Mapped[str] = mapped_column(String(64), default="")
    chosen_because: Mapped[str] = mapped_column(String(255), default="")
    note: Mapped[str] = mapped_column(String(1024), default="")
    evidence: Mapped[str | None] = mapped_column(String(24))
    sent_text: Mapped[str | None] = mapped_column(Text)
    completed_by: Mapped[int | None]


class CareAct(Base):
    """What somebody did with a task, or about a member's follow-ups (经手记录): once by their key, never changed.

    `until` is when a task that was put off is to be done, `to_id` the colleague it was handed to. `acted_at` is when
    the page was tapped, `recorded_at` when that was known here.
    """

    __tablename__ = "care_acts"
    __table_args__ = (
        UniqueConstraint("associate_id", "act_key"),
        Index(None, "task_id"),
        Index(None, "member_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    associate_id: Mapped[int]
    act_key: Mapped[str] = mapped_column(String(64))
    member_id: Mapped[int]
    task_id: Mapped[int | None]
    act: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32), default="")
    note: Mapped[str] = mapped_column(String(1024), default="")
    to_id: Mapped[int | None]
    until: Mapped[datetime | None]
    acted_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
