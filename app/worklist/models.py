"""The table of work items."""

from __future__ import annotations

from datetime import datetime, time
from enum import StrEnum

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class WorkState(StrEnum):
    """Where a work item stands; every state but OPEN is final, unless who closed it by mistake undoes that at once."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class WorkKind(StrEnum):
    """Whose table owns a work item: what it is for, and what completing it means, stands there."""

    FOLLOW_UP = "follow_up"
    WELCOME = "welcome"  # a new contact whom no welcome message reached


class Elsewhere(StrEnum):
    """Who but the assignee may be given a work item where they have more to do than they can."""

    CONTACT = "contact"  # a colleague who can chat with the member
    ANYBODY = "anybody"  # a colleague: what is to be done needs no chat
    NOBODY = "nobody"  # its words or its channel are the assignee's own
    TOGETHER = (
        "together"  # nobody, and it is done with many others in one act: it takes up none of a day's room
    )


class WorkItem(Base):
    """Something to do (待办). It alone holds assignee, state, due and priority of what owns it.

    While OPEN it has exactly one timer in the expiry lane, at `valid_until`, and, while somebody is still to be urged,
    one in the urge lane at `next_urge_at`. Without a member it is about somebody who is none yet; its own row is then
    the mutex. `rank` orders a worklist: promises (`is_service`) first, then the value of the member, then priority.
    Until `postponed_until` it is not shown as to be done. `urge_level` only rises: 1 since `urged_at`, when the
    assignee was reminded, 2 once the manager was told. `asked_at` is since when it is the assignee's to do, where that
    is not since it was opened: it came from somebody else, or is back from being put off.

    `done_at` is when what it asks for was done: the member was written to, called or spoken to. Of a DONE item that is
    `closed_at`; an item that was closed otherwise while the message was on its way stays so, and was done all the same.
    An OPEN one has it where what went out may still turn out not to have arrived. `done_told_at` is when that was known
    here. Who is about to send holds it as `claimed_by`, a page's own key, until `claimed_until` in real time: until
    then it stays theirs.
    """

    __tablename__ = "work_items"
    __table_args__ = (
        Index(None, "assignee_id", "state", "due_at"),
        Index(None, "store_id", "state", "due_at"),
        Index(None, "member_id", "state", "opened_at"),
        Index(None, "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    assignee_id: Mapped[int]
    store_id: Mapped[int]
    member_id: Mapped[int | None]
    kind: Mapped[str] = mapped_column(String(16), default=WorkKind.FOLLOW_UP)
    state: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(String(64))
    due_at: Mapped[datetime]
    valid_until: Mapped[datetime]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    close_reason: Mapped[str] = mapped_column(String(32))
    is_service: Mapped[bool] = mapped_column(default=False)
    value_fen: Mapped[int] = mapped_column(default=0)
    rank: Mapped[int] = mapped_column(Integer, default=0)
    postponed_until: Mapped[datetime | None]
    urge_level: Mapped[int] = mapped_column(Integer, default=0)
    next_urge_at: Mapped[datetime | None]
    urged_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    elsewhere: Mapped[str] = mapped_column(String(16), default=Elsewhere.CONTACT)
    done_at: Mapped[datetime | None]
    done_told_at: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    claimed_until: Mapped[datetime | None]


class WorkItemMove(Base):
    """A work item that went from one person to another (转手): one row each time, never changed."""

    __tablename__ = "work_item_moves"
    __table_args__ = (Index(None, "work_item_id", "from_id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    work_item_id: Mapped[int]
    moved_at: Mapped[datetime]
    from_id: Mapped[int]
    to_id: Mapped[int]


class BalanceSchedule(Base):
    """When it is next looked whether somebody has more to do today than they can; owner of the balance timer.

    The row is the mutex between those who give an associate work and those who take it away again; always locked after
    the members' `member_care`. `counted` is at least what the associate has to do, or has done, on the local day that
    ends at `counted_until`: nothing needs to be looked at while that is no more than they can.
    """

    __tablename__ = "balance_schedules"

    associate_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    next_due_at: Mapped[datetime | None]
    counted: Mapped[int] = mapped_column(Integer, default=0)
    counted_until: Mapped[datetime | None]


class OverflowKind(StrEnum):
    """What became of a work item that was more than its assignee could do on a day."""

    MOVED = "moved"
    POSTPONED = "postponed"
    CALLED = "called"  # a colleague whom the member does not know from WeCom calls them instead
    DROPPED = "dropped"


class Overflow(Base):
    """A work item that was too much for its assignee, and what was decided: one row for each time, never changed.

    `rank` is what it was worth; `to_id` the colleague it went to, `until` when it is asked about again.
    """

    __tablename__ = "overflows"
    __table_args__ = (Index(None, "decided_at", "store_id"),)

    work_item_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    decided_at: Mapped[datetime] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    store_id: Mapped[int]
    associate_id: Mapped[int]
    rank: Mapped[int] = mapped_column(Integer)
    to_id: Mapped[int | None]
    until: Mapped[datetime | None]


class SeenTouch(Base):
    """Something reached a member that no task of theirs asked for: a moment an associate published for others, or what
    somebody sent, or said on the phone, after a colleague had done the same task.

    `source_id` is what they saw, or an id of its own. It counts towards the cap as a marketing task does.
    """

    __tablename__ = "seen_touches"

    member_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seen_at: Mapped[datetime]


class AttentionBudget(Base):
    """How much of people's attention may be taken (打扰预算): one row, edited by HQ.

    Nothing is opened between `quiet_from` and `quiet_until` (local time of the store). A member gets at most
    `cap_touches` marketing touches in `cap_days` days over all plans and assignments; service steps always pass.
    `daily_capacity` is how many tasks a day a person can do well. While `paused_at` is set nothing is opened or pushed.
    """

    __tablename__ = "attention_budget"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    quiet_from: Mapped[time]
    quiet_until: Mapped[time]
    cap_days: Mapped[int] = mapped_column(Integer)
    cap_touches: Mapped[int] = mapped_column(Integer)
    daily_capacity: Mapped[int] = mapped_column(Integer)
    hold_out_per_mille: Mapped[int] = mapped_column(Integer)
    urge_after_minutes: Mapped[int] = mapped_column(Integer)
    escalate_after_minutes: Mapped[int] = mapped_column(Integer)
    paused_at: Mapped[datetime | None]
    paused_by: Mapped[int | None]
    edited_at: Mapped[datetime | None]
    edited_by: Mapped[int | None]


class AttentionPause(Base):
    """A time during which headquarters had paused everything; the one without an end is going on."""

    __tablename__ = "attention_pauses"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    began_at: Mapped[datetime]
    began_by: Mapped[int | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[int | None]


class HoldOutShare(Base):
    """From when which share of all members was kept out of everything, and who set it so; rows are only added.

    Before the first row nobody was.
    """

    __tablename__ = "hold_out_shares"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    began_at: Mapped[datetime]
    began_by: Mapped[int]
    per_mille: Mapped[int] = mapped_column(Integer)
