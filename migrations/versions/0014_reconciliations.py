"""Balances kept for the console, by plan, store and day; work that could not be done"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
FIGURES = ("members", "looked_at", "owed", "missing", "unexplained", "alarms", "differing", "trusted")


def upgrade() -> None:
    _runs()
    _counts()
    _gaps()
    _work_aside()


def _runs() -> None:
    op.create_table(
        "reconciliations",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("asked_by", ID, nullable=True),
        sa.Column("began_at", INSTANT, nullable=True),
        sa.Column("real_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        *(sa.Column(name, ID, nullable=False) for name in FIGURES),
        sa.Column("quarantined_events", ID, nullable=False),
        sa.Column("books", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliations")),
    )
    op.create_index(op.f("ix_reconciliations_finished_at"), "reconciliations", ["finished_at"])


def _counts() -> None:
    op.create_table(
        "reconciliation_counts",
        *(
            sa.Column(name, ID, autoincrement=False, nullable=False)
            for name in ("run_id", "plan_id", "store_id")
        ),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("became", sa.String(length=16), nullable=False),
        sa.Column("steps", ID, nullable=False),
        sa.Column("trusted", ID, nullable=False),
        sa.PrimaryKeyConstraint(
            "run_id", "plan_id", "store_id", "due_on", "became", name=op.f("pk_reconciliation_counts")
        ),
    )


def _gaps() -> None:
    op.create_table(
        "reconciliation_gaps",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("fault", sa.String(length=32), nullable=False),
        sa.Column("plan_id", ID, nullable=False),
        sa.Column("store_id", ID, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("anchor", sa.String(length=16), nullable=False),
        sa.Column("anchor_on", sa.Date(), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("step_no", sa.Integer(), nullable=False),
        sa.Column("enrollment_id", ID, nullable=False),
        sa.Column("work_item_id", ID, nullable=False),
        sa.Column("what", sa.String(length=255), nullable=False),
        sa.Column("mended_at", INSTANT, nullable=True),
        sa.Column("mended_by", ID, nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_gaps")),
    )
    for columns in (["run_id", "kind", "id"], ["run_id", "member_id"]):
        name = f"ix_reconciliation_gaps_{'_'.join(columns)}"
        op.create_index(op.f(name), "reconciliation_gaps", columns)


def _work_aside() -> None:
    op.create_table(
        "work_aside",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("lane", sa.String(length=16), nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("member_id", ID, nullable=True),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_aside")),
    )
    op.create_index(op.f("ix_work_aside_lane_subject_id"), "work_aside", ["lane", "subject_id"])


def downgrade() -> None:
    for table in ("work_aside", "reconciliation_gaps", "reconciliation_counts", "reconciliations"):
        op.drop_table(table)
