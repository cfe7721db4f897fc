"""The attention budget, rosters, opting out, postponing, urging; enrollments know their arm and what they wait for"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    _budget()
    _value_tiers()
    _balancing()
    _shifts()
    _columns_elsewhere()
    _work_items()
    _tasks()
    _enrollments()


def _budget() -> None:
    op.create_table(
        "attention_budget",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("quiet_from", sa.Time(), nullable=False),
        sa.Column("quiet_until", sa.Time(), nullable=False),
        sa.Column("cap_days", sa.Integer(), nullable=False),
        sa.Column("cap_touches", sa.Integer(), nullable=False),
        sa.Column("daily_capacity", sa.Integer(), nullable=False),
        sa.Column("hold_out_per_mille", sa.Integer(), nullable=False),
        sa.Column("urge_after_minutes", sa.Integer(), nullable=False),
        sa.Column("escalate_after_minutes", sa.Integer(), nullable=False),
        sa.Column("paused_at", INSTANT, nullable=True),
        sa.Column("paused_by", ID, nullable=True),
        sa.Column("edited_at", INSTANT, nullable=True),
        sa.Column("edited_by", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attention_budget")),
    )
    op.create_table(
        "attention_pauses",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("began_by", ID, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("ended_by", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attention_pauses")),
    )
    op.create_table(
        "hold_out_shares",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("began_by", ID, nullable=False),
        sa.Column("per_mille", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold_out_shares")),
    )


def _value_tiers() -> None:
    op.create_table(
        "value_tiers",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("top_fen", ID, nullable=False),
        sa.Column("high_fen", ID, nullable=False),
        sa.Column("counted_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_value_tiers")),
    )


def _balancing() -> None:
    op.create_table(
        "balance_schedules",
        sa.Column("associate_id", ID, autoincrement=False, nullable=False),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("counted_until", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("associate_id", name=op.f("pk_balance_schedules")),
    )
    op.create_table(
        "overflows",
        sa.Column("work_item_id", ID, autoincrement=False, nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("store_id", ID, nullable=False),
        sa.Column("associate_id", ID, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("to_id", ID, nullable=True),
        sa.Column("until", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("work_item_id", "decided_at", name=op.f("pk_overflows")),
    )
    with op.batch_alter_table("overflows", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_overflows_decided_at_store_id"), ["decided_at", "store_id"], unique=False
        )


def _shifts() -> None:
    op.create_table(
        "shifts",
        sa.Column("associate_id", ID, autoincrement=False, nullable=False),
        sa.Column("work_on", sa.Date(), nullable=False),
        sa.Column("starts_at", sa.Time(), nullable=True),
        sa.Column("ends_at", sa.Time(), nullable=True),
        sa.PrimaryKeyConstraint("associate_id", "work_on", name=op.f("pk_shifts")),
    )
    with op.batch_alter_table("shifts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shifts_work_on"), ["work_on"], unique=False)


def _columns_elsewhere() -> None:
    with op.batch_alter_table("member_care", schema=None) as batch_op:
        batch_op.add_column(sa.Column("opted_out_at", INSTANT, nullable=True))
    with op.batch_alter_table("heartbeats", schema=None) as batch_op:
        batch_op.add_column(sa.Column("back_at", INSTANT, nullable=True))
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=16), nullable=False, server_default="opened"))


def _work_items() -> None:
    with op.batch_alter_table("work_items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_service", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("value_fen", ID, nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("rank", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("postponed_until", INSTANT, nullable=True))
        batch_op.add_column(sa.Column("urge_level", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("next_urge_at", INSTANT, nullable=True))
        batch_op.add_column(sa.Column("urged_at", INSTANT, nullable=True))
        batch_op.add_column(sa.Column("asked_at", INSTANT, nullable=True))
        batch_op.add_column(
            sa.Column("elsewhere", sa.String(length=16), nullable=False, server_default="contact")
        )
        batch_op.create_index(batch_op.f("ix_work_items_state_due_at"), ["state", "due_at"], unique=False)


def _tasks() -> None:
    with op.batch_alter_table("follow_up_tasks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("script_code", sa.String(length=64), nullable=False, server_default=""))
        batch_op.add_column(
            sa.Column("chosen_because", sa.String(length=255), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("note", sa.String(length=1024), nullable=False, server_default=""))


def _enrollments() -> None:
    with op.batch_alter_table("enrollments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("arm", sa.String(length=16), nullable=False, server_default="treated"))
        batch_op.add_column(sa.Column("waiting_for", sa.String(length=16), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("global_per_mille", sa.Integer(), nullable=False, server_default="0"))
        batch_op.create_index(
            batch_op.f("ix_enrollments_plan_id_enrolled_at"), ["plan_id", "enrolled_at"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("enrollments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_enrollments_plan_id_enrolled_at"))
        batch_op.drop_column("global_per_mille")
        batch_op.drop_column("waiting_for")
        batch_op.drop_column("arm")
    with op.batch_alter_table("follow_up_tasks", schema=None) as batch_op:
        for column in ("note", "chosen_because", "script_code"):
            batch_op.drop_column(column)
    with op.batch_alter_table("work_items", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_work_items_state_due_at"))
        for column in (
            "elsewhere",
            "asked_at",
            "urged_at",
            "next_urge_at",
            "urge_level",
            "postponed_until",
            "rank",
            "value_fen",
            "is_service",
        ):
            batch_op.drop_column(column)
    with op.batch_alter_table("member_care", schema=None) as batch_op:
        batch_op.drop_column("opted_out_at")
    with op.batch_alter_table("heartbeats", schema=None) as batch_op:
        batch_op.drop_column("back_at")
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.drop_column("kind")
    op.drop_table("shifts")
    op.drop_table("overflows")
    op.drop_table("balance_schedules")
    op.drop_table("value_tiers")
    op.drop_table("hold_out_shares")
    op.drop_table("attention_pauses")
    op.drop_table("attention_budget")
