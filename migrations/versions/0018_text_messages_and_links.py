"""Numbers of members, text messages to them, and links that tell when they are opened"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    op.create_table(
        "member_phones",
        sa.Column("member_id", ID, autoincrement=False, nullable=False),
        sa.Column("sealed", sa.String(length=128), nullable=False),
        sa.Column("number_index", sa.String(length=32), nullable=False),
        sa.Column("masked", sa.String(length=24), nullable=False),
        sa.Column("event_id", ID, nullable=False),
        sa.Column("reported_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_member_phones")),
    )
    op.create_index(op.f("ix_member_phones_number_index"), "member_phones", ["number_index"])
    op.create_table(
        "sms_messages",
        sa.Column("task_id", ID, autoincrement=False, nullable=False),
        sa.Column("work_item_id", ID, nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("store_id", ID, nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("variables", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("gateway_id", sa.String(length=64), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("valid_until", INSTANT, nullable=False),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.Column("claimed_at", INSTANT, nullable=True),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_sms_messages")),
    )
    op.create_index(op.f("ix_sms_messages_member_id"), "sms_messages", ["member_id"])
    op.create_table(
        "link_openings",
        sa.Column("task_id", ID, autoincrement=False, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("others", sa.Integer(), nullable=False),
        sa.Column("first_at", INSTANT, nullable=True),
        sa.Column("last_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_link_openings")),
    )
    with op.batch_alter_table("sales_scripts", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("sms_template", sa.String(length=64), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("link", sa.String(length=512), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("sales_scripts", schema=None) as batch_op:
        batch_op.drop_column("link")
        batch_op.drop_column("sms_template")
    for table in ("link_openings", "sms_messages", "member_phones"):
        op.drop_table(table)
