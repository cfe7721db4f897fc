"""Plans: versions as documents, releases, drafts and the days on which calendar plans look for members"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    with op.batch_alter_table("plan_versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("document", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("published_by", ID, nullable=True))
    op.create_table(
        "plan_releases",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("plan_id", ID, nullable=False),
        sa.Column("plan_version_id", ID, nullable=True),
        sa.Column("is_everywhere", sa.Boolean(), nullable=False),
        sa.Column("released_at", INSTANT, nullable=False),
        sa.Column("released_by", ID, nullable=True),
        sa.Column("note", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_releases")),
    )
    with op.batch_alter_table("plan_releases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plan_releases_plan_id_id"), ["plan_id", "id"], unique=False)
    op.create_table(
        "plan_release_stores",
        sa.Column("release_id", ID, autoincrement=False, nullable=False),
        sa.Column("store_id", ID, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("release_id", "store_id", name=op.f("pk_plan_release_stores")),
    )
    op.create_table(
        "plan_drafts",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("edited_at", INSTANT, nullable=False),
        sa.Column("edited_by", ID, nullable=True),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_plan_drafts")),
    )
    op.create_table(
        "plan_sweeps",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("plan_id", ID, nullable=False),
        sa.Column("sweep_on", sa.Date(), nullable=False),
        sa.Column("cursor", ID, nullable=False),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.Column("looked_at", ID, nullable=False),
        sa.Column("enrolled", ID, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_sweeps")),
        sa.UniqueConstraint("plan_id", "sweep_on", name=op.f("uq_plan_sweeps_plan_id_sweep_on")),
    )


def downgrade() -> None:
    for table in ("plan_sweeps", "plan_drafts", "plan_release_stores", "plan_releases"):
        op.drop_table(table)
    with op.batch_alter_table("plan_versions", schema=None) as batch_op:
        batch_op.drop_column("published_by")
        batch_op.drop_column("document")
