"""What follow-ups bring: attribution and results of scripts"""

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


def upgrade() -> None:
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


def downgrade() -> None:
    op.drop_table("script_results")
    op.drop_table("attributions")
