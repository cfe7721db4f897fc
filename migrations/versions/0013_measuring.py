"""What follow-ups bring: attribution, results of scripts and of arms; what is counted once a night"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
CELL = ("plan_id", "window_days", "entered_in", "store_id", "arm", "per_mille", "reached")
COUNTS = ("members", "replied", "buyers", "pieces", "pieces_squared", "fen")


def upgrade() -> None:
    _attributions()
    _scripts()
    _arms()
    _nightly_jobs()


def _attributions() -> None:
    op.create_table(
        "attributions",
        sa.Column("order_id", ID, autoincrement=False, nullable=False),
        sa.Column("refund_id", ID, autoincrement=False, nullable=False),
        sa.Column("task_id", ID, autoincrement=False, nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("associate_id", ID, nullable=False),
        sa.Column("store_id", ID, nullable=False),
        sa.Column("plan_id", ID, nullable=False),
        sa.Column("step_kind", sa.String(length=32), nullable=False),
        sa.Column("script_code", sa.String(length=64), nullable=False),
        sa.Column("evidence", sa.String(length=24), nullable=False),
        sa.Column("share_ppm", sa.Integer(), nullable=False),
        sa.Column("amount_fen", ID, nullable=False),
        sa.Column("pieces_milli", ID, nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("order_id", "refund_id", "task_id", name=op.f("pk_attributions")),
    )
    with op.batch_alter_table("attributions", schema=None) as batch_op:
        for columns in (["booked_on", "associate_id"], ["plan_id", "booked_on"], ["task_id"]):
            batch_op.create_index(batch_op.f(f"ix_attributions_{'_'.join(columns)}"), columns, unique=False)


def _scripts() -> None:
    op.create_table(
        "script_results",
        sa.Column("plan_id", ID, autoincrement=False, nullable=False),
        sa.Column("step_kind", sa.String(length=32), nullable=False),
        sa.Column("script_code", sa.String(length=64), nullable=False),
        sa.Column("sent", ID, nullable=False),
        sa.Column("succeeded", ID, nullable=False),
        sa.Column("counted_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "step_kind", "script_code", name=op.f("pk_script_results")),
    )
    op.create_table(
        "script_days",
        sa.Column("plan_id", ID, autoincrement=False, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("step_kind", sa.String(length=32), nullable=False),
        sa.Column("script_code", sa.String(length=64), nullable=False),
        sa.Column("sent", ID, nullable=False),
        sa.Column("succeeded", ID, nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "due_on", "step_kind", "script_code", name=op.f("pk_script_days")),
    )


def _arms() -> None:
    op.create_table(
        "arm_results",
        sa.Column("plan_id", ID, autoincrement=False, nullable=False),
        sa.Column("window_days", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entered_in", sa.Date(), nullable=False),
        sa.Column("store_id", ID, autoincrement=False, nullable=False),
        sa.Column("arm", sa.String(length=16), nullable=False),
        sa.Column("per_mille", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reached", sa.String(length=24), nullable=False),
        *(sa.Column(name, ID, nullable=False) for name in COUNTS),
        sa.Column("fen_squared", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(*CELL, name=op.f("pk_arm_results")),
    )
    op.create_table(
        "arm_spans",
        sa.Column("plan_id", ID, autoincrement=False, nullable=False),
        sa.Column("window_days", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "window_days", name=op.f("pk_arm_spans")),
    )


def _nightly_jobs() -> None:
    op.create_table(
        "nightly_jobs",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("next_due_at", INSTANT, nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("trouble", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nightly_jobs")),
        sa.UniqueConstraint("name", name=op.f("uq_nightly_jobs_name")),
    )


def downgrade() -> None:
    for table in ("nightly_jobs", "arm_spans", "arm_results", "script_days"):
        op.drop_table(table)
    op.drop_table("script_results")
    op.drop_table("attributions")
