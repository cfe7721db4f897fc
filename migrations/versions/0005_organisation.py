"""The organisation: departments, accounts, full syncs, and what the sync has to know of an associate"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
PAYLOAD = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")


def upgrade() -> None:
    with op.batch_alter_table("associates", schema=None) as batch_op:
        batch_op.add_column(sa.Column("access_from", INSTANT, nullable=True))
        batch_op.add_column(sa.Column("is_synced", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(
            sa.Column("is_role_granted", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_associates_manager_has_store"), "role <> 'store_manager' OR store_id IS NOT NULL"
        )

    op.create_table(
        "departments",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("parent_id", ID, nullable=False),
        sa.Column("sort", ID, nullable=False),
        sa.Column("leaders", sa.Text(), nullable=False),
        sa.Column("is_gone", sa.Boolean(), nullable=False),
        sa.Column("choice", sa.String(length=16), nullable=True),
        sa.Column("settled", sa.String(length=16), nullable=True),
        sa.Column("branch_id", ID, nullable=True),
        sa.Column("store_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"]),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"]),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_departments")),
        sa.UniqueConstraint("branch_id", name=op.f("uq_departments_branch_id")),
        sa.UniqueConstraint("store_id", name=op.f("uq_departments_store_id")),
        comment="WeCom's departments as last seen, and what HQ maps them to",
    )
    with op.batch_alter_table("departments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_departments_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "known_accounts",
        sa.Column("wecom_userid", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("main_department_id", ID, nullable=False),
        sa.Column("departments", sa.Text(), nullable=False),
        sa.Column("leads", sa.Text(), nullable=False),
        sa.Column("is_here", sa.Boolean(), nullable=False),
        sa.Column("version", ID, nullable=False),
        sa.Column("came_at_s", ID, server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("wecom_userid", name=op.f("pk_known_accounts")),
        comment="WeCom's accounts as last seen",
    )
    op.create_table(
        "organisation_state",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("version", ID, nullable=False),
        sa.Column("tree_version", ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation_state")),
        comment="one row: which change of the organisation was the last",
    )
    op.create_table(
        "organisation_syncs",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_by", ID, nullable=True),
        sa.Column("is_unattended", sa.Boolean(), nullable=False),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("plan", PAYLOAD, nullable=True),
        sa.Column("changed_meanwhile", sa.Boolean(), nullable=False),
        sa.Column("may_end_many", sa.Boolean(), nullable=False),
        sa.Column("ends_unknown", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation_syncs")),
        comment="full syncs of the organisation, each with its plan",
    )


def downgrade() -> None:
    timers = sa.table("timers", sa.column("lane", sa.String))
    op.execute(timers.delete().where(timers.c.lane == "organisation"))
    op.drop_table("organisation_syncs")
    op.drop_table("organisation_state")
    op.drop_table("known_accounts")
    op.drop_table("departments")
    with op.batch_alter_table("associates", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_associates_manager_has_store"), type_="check")
        batch_op.drop_column("is_role_granted")
        batch_op.drop_column("is_synced")
        batch_op.drop_column("access_from")
