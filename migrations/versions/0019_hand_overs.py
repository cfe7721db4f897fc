"""Whose members were, and when it is looked what passes from one associate to others"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    op.create_table(
        "owner_changes",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("from_id", ID, nullable=True),
        sa.Column("to_id", ID, nullable=True),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("told_by", sa.String(length=32), nullable=False),
        sa.Column("happened_at", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owner_changes")),
    )
    op.create_index(
        op.f("ix_owner_changes_member_id_happened_at"), "owner_changes", ["member_id", "happened_at"]
    )
    op.create_table(
        "handover_schedules",
        sa.Column("associate_id", ID, autoincrement=False, nullable=False),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("again_at", INSTANT, nullable=True),
        sa.Column("stage", sa.String(length=8), nullable=False),
        sa.Column("cursor", ID, nullable=False),
        sa.PrimaryKeyConstraint("associate_id", name=op.f("pk_handover_schedules")),
    )


def downgrade() -> None:
    for table in ("handover_schedules", "owner_changes"):
        op.drop_table(table)
