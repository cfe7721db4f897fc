"""Tables: WeCom's departments and accounts as last seen, what HQ made of them, and each full sync."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text, text
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base

Payload = Text().with_variant(MEDIUMTEXT(), "mysql")


class SyncState(StrEnum):
    """How far a full sync has come."""

    REQUESTED = "requested"  # somebody wants to see what would change
    READY = "ready"  # the plan is there to be read and applied
    APPLYING = "applying"  # somebody wants it applied
    APPLIED = "applied"
    FAILED = "failed"  # WeCom could not be read whole; nothing was changed


class Department(Base):
    """A department of the corp as last seen; `id` is WeCom's. One that is gone keeps its store and its branch."""

    __tablename__ = "departments"
    __table_args__ = {"comment": "WeCom's departments as last seen, and what HQ maps them to"}

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(128))
    parent_id: Mapped[int] = mapped_column(index=True)  # 0 above the root
    sort: Mapped[int]  # WeCom shows higher ones first
    leaders: Mapped[str] = mapped_column(Text)  # a JSON array of accounts
    is_gone: Mapped[bool]
    choice: Mapped[str | None] = mapped_column(String(16))  # rules.Kind as HQ chose it; None: as proposed
    # rules.Kind it had when a plan was last applied: without a choice it stays that, whatever its name becomes.
    settled: Mapped[str | None] = mapped_column(String(16))
    branch_id: Mapped[int | None] = mapped_column(ForeignKey("branches.id"), unique=True)
    store_id: Mapped[int | None] = mapped_column(ForeignKey("stores.id"), unique=True)


class KnownAccount(Base):
    """An account of the corp as last seen. Moves of departments are judged by this without reading everybody anew."""

    __tablename__ = "known_accounts"
    __table_args__ = {"comment": "WeCom's accounts as last seen"}

    wecom_userid: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(128))
    main_department_id: Mapped[int]
    departments: Mapped[str] = mapped_column(Text)  # a JSON array of ids
    leads: Mapped[str] = mapped_column(Text)  # a JSON array of ids
    is_here: Mapped[bool]  # neither disabled nor left nor gone
    version: Mapped[int]  # OrganisationState.version as of which this was written
    came_at_s: Mapped[int] = mapped_column(
        default=0, server_default=text("0")
    )  # of the last event of its coming


class OrganisationState(Base):
    """One row, locked by whoever changes the organisation: `version` counts them, also in the rows they wrote."""

    __tablename__ = "organisation_state"
    __table_args__ = {"comment": "one row: which change of the organisation was the last"}

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    tree_version: Mapped[int]  # of the last who wrote the departments down


class OrganisationSync(Base):
    """One full sync: its plan is computed once, shown, and applied as shown or not at all."""

    __tablename__ = "organisation_syncs"
    __table_args__ = {"comment": "full syncs of the organisation, each with its plan"}

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(String(16))
    asked_by: Mapped[int | None]  # an associate; None for the command and the system
    is_unattended: Mapped[bool]  # applied without being looked at, where it ends few
    requested_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]  # when it was applied or failed
    next_due_at: Mapped[datetime | None]  # real time; of its timer, None while nobody has to work on it
    reason: Mapped[str] = mapped_column(String(255))  # why it failed
    plan: Mapped[str | None] = mapped_column(Payload)  # JSON of plan.Plan; only the latest keep it
    changed_meanwhile: Mapped[bool]  # the plan is another than the one somebody wanted applied
    may_end_many: Mapped[bool]  # ticked: more than a fifth of the associates may end
    ends_unknown: Mapped[bool]  # ticked: associates unknown to WeCom end too
