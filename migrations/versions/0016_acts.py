"""What people do with follow-up tasks, each act once"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    op.create_table(
        "care_acts",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("associate_id", ID, nullable=False),
        sa.Column("act_key", sa.String(length=64), nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("task_id", ID, nullable=True),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("note", sa.String(length=1024), nullable=False),
        sa.Column("to_id", ID, nullable=True),
        sa.Column("until", INSTANT, nullable=True),
        sa.Column("acted_at", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_care_acts")),
        sa.UniqueConstraint("associate_id", "act_key", name=op.f("uq_care_acts_associate_id_act_key")),
    )
    with op.batch_alter_table("care_acts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_care_acts_task_id"), ["task_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_care_acts_member_id"), ["member_id"], unique=False)


def downgrade() -> None:
    op.drop_table("care_acts")
