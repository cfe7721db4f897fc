"""Work items know when they were done whatever they were closed as, who is sending them, and whose they were before"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
SENT = "SELECT work_item_id FROM follow_up_tasks WHERE evidence IS NOT NULL"


def upgrade() -> None:
    with op.batch_alter_table("work_items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("done_at", INSTANT, nullable=True))
        batch_op.add_column(sa.Column("done_told_at", INSTANT, nullable=True))
        batch_op.add_column(sa.Column("claimed_by", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("claimed_until", INSTANT, nullable=True))
    # What was sent although its task was closed: when is not known, but about then.
    was_done = f"state = 'done' OR id IN ({SENT})"
    op.execute(f"UPDATE work_items SET done_at = closed_at, done_told_at = closed_at WHERE {was_done}")  # noqa: S608
    with op.batch_alter_table("follow_up_tasks", schema=None) as batch_op:
        batch_op.drop_column("claimed_until")
        batch_op.drop_column("claimed_by")
    op.create_table(
        "work_item_moves",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("work_item_id", ID, nullable=False),
        sa.Column("moved_at", INSTANT, nullable=False),
        sa.Column("from_id", ID, nullable=False),
        sa.Column("to_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_item_moves")),
    )
    with op.batch_alter_table("work_item_moves", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_work_item_moves_work_item_id_from_id"), ["work_item_id", "from_id"], unique=False
        )


def downgrade() -> None:
    op.drop_table("work_item_moves")
    with op.batch_alter_table("follow_up_tasks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("claimed_by", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("claimed_until", INSTANT, nullable=True))
    with op.batch_alter_table("work_items", schema=None) as batch_op:
        for name in ("claimed_until", "claimed_by", "done_told_at", "done_at"):
            batch_op.drop_column(name)
