"""What happens to members beside purchases, and the days of theirs that come every year"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    op.create_table(
        "member_events",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("event_key", sa.String(length=64), nullable=False),
        sa.Column("store_id", ID, nullable=False),
        sa.Column("associate_id", ID, nullable=True),
        sa.Column("happened_at", INSTANT, nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("time_known", sa.Boolean(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_events")),
        sa.UniqueConstraint(
            "member_id", "kind", "event_key", name=op.f("uq_member_events_member_id_kind_event_key")
        ),
    )
    with op.batch_alter_table("member_events", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_member_events_kind_happened_on"), ["kind", "happened_on"], unique=False
        )
    op.create_table(
        "member_dates",
        sa.Column("member_id", ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("calendar", sa.String(length=8), nullable=False),
        sa.Column("sealed", sa.String(length=128), nullable=False),
        sa.Column("day_index", sa.String(length=32), nullable=False),
        sa.Column("event_id", ID, nullable=False),
        sa.Column("reported_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("member_id", "kind", name=op.f("pk_member_dates")),
    )
    with op.batch_alter_table("member_dates", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_member_dates_kind_day_index_member_id"),
            ["kind", "day_index", "member_id"],
            unique=False,
        )
    with op.batch_alter_table("member_purchases", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_member_purchases_last_purchased_at"), ["last_purchased_at"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("member_purchases", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_member_purchases_last_purchased_at"))
    op.drop_table("member_dates")
    op.drop_table("member_events")
