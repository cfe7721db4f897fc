"""Dry runs of plans, as pages ask for them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
LONG = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")


def upgrade() -> None:
    op.create_table(
        "plan_dry_runs",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("content_hash", sa.String(length=32), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("stores", sa.Text(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("asked_by", ID, nullable=True),
        sa.Column("began_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("tried_on", sa.Text(), nullable=False),
        sa.Column("members", ID, nullable=False),
        sa.Column("looked_at", ID, nullable=False),
        sa.Column("trouble", sa.String(length=255), nullable=False),
        sa.Column("result", LONG, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_dry_runs")),
    )
    op.create_index(op.f("ix_plan_dry_runs_code_id"), "plan_dry_runs", ["code", "id"])
    op.create_index(op.f("ix_plan_dry_runs_finished_at"), "plan_dry_runs", ["finished_at"])
    op.create_table(
        "plan_dry_run_parts",
        sa.Column("run_id", ID, autoincrement=False, nullable=False),
        sa.Column("part_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("counts", LONG, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "part_no", name=op.f("pk_plan_dry_run_parts")),
    )


def downgrade() -> None:
    for table in ("plan_dry_run_parts", "plan_dry_runs"):
        op.drop_table(table)
