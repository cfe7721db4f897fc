"""Callbacks: the work that events from WeCom make"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    op.create_table(
        "received_events",
        sa.Column("inbound_id", ID, autoincrement=False, nullable=False),
        sa.Column("subject", sa.String(length=96), nullable=False),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.Column("welcome_due_at", INSTANT, nullable=True),
        sa.Column("fence", ID, nullable=False),
        sa.Column("attempts", ID, nullable=False),
        sa.Column("excused", ID, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("inbound_id", name=op.f("pk_received_events")),
        comment="work on events from WeCom",
    )
    with op.batch_alter_table("received_events", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_received_events_subject_settled_at"), ["subject", "settled_at"], unique=False
        )


def downgrade() -> None:
    op.drop_table("received_events")
