"""Steps that are confirmed in WeCom: what is ordered there, and whom it is to reach"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    _orders()
    _targets()
    op.create_table(
        "send_paces",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("free_from", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_send_paces")),
    )
    op.create_table(
        "seen_touches",
        sa.Column("member_id", ID, autoincrement=False, nullable=False),
        sa.Column("source_id", ID, autoincrement=False, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("member_id", "source_id", name=op.f("pk_seen_touches")),
    )


def _orders() -> None:
    op.create_table(
        "send_orders",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("open_key", sa.String(length=64), nullable=True),
        sa.Column("associate_id", ID, nullable=False),
        sa.Column("store_id", ID, nullable=False),
        sa.Column("title", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("speaks_for", sa.Boolean(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("wecom_id", sa.String(length=128), nullable=False),
        sa.Column("job_id", sa.String(length=128), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("valid_until", INSTANT, nullable=False),
        *(
            sa.Column(name, INSTANT, nullable=True)
            for name in ("next_due_at", "claimed_at", "ordered_at", "reminded_at", "slot_at")
        ),
        sa.Column("same_key", sa.String(length=64), nullable=False),
        sa.Column("call_id", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_send_orders")),
        sa.UniqueConstraint("open_key", name=op.f("uq_send_orders_open_key")),
    )
    op.create_index(op.f("ix_send_orders_wecom_id"), "send_orders", ["wecom_id"])
    op.create_index(op.f("ix_send_orders_call_id"), "send_orders", ["call_id"])
    op.create_index(op.f("ix_send_orders_same_key_slot_at"), "send_orders", ["same_key", "slot_at"])


def _targets() -> None:
    op.create_table(
        "send_targets",
        sa.Column("task_id", ID, autoincrement=False, nullable=False),
        *(sa.Column(name, ID, nullable=False) for name in ("order_id", "work_item_id", "member_id")),
        sa.Column("external_userid", sa.String(length=64), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("sent_by", ID, nullable=True),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_send_targets")),
    )
    op.create_index(op.f("ix_send_targets_order_id"), "send_targets", ["order_id"])
    op.create_index(op.f("ix_send_targets_member_id_month"), "send_targets", ["member_id", "month"])


def downgrade() -> None:
    for table in ("seen_touches", "send_paces", "send_targets", "send_orders"):
        op.drop_table(table)
