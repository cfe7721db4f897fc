"""Steps of plans stand in the versions' documents, and nowhere else"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.drop_table("plan_steps")
    with op.batch_alter_table("plan_versions", schema=None) as batch_op:
        batch_op.alter_column("document", existing_type=sa.Text(), nullable=False)
        batch_op.drop_column("product_fallback")


def downgrade() -> None:
    with op.batch_alter_table("plan_versions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("product_fallback", sa.String(length=64), nullable=False, server_default="")
        )
        batch_op.alter_column("document", existing_type=sa.Text(), nullable=True)
    op.create_table(
        "plan_steps",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("plan_version_id", ID, nullable=False),
        sa.Column("step_no", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("offset_minutes", sa.Integer(), nullable=True),
        sa.Column("offset_days", sa.Integer(), nullable=True),
        sa.Column("valid_days", sa.Integer(), nullable=False),
        sa.Column("valid_to_noon", sa.Boolean(), nullable=False),
        sa.Column("on_repurchase", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=255), nullable=False),
        sa.Column("script_code", sa.String(length=64), nullable=False),
        sa.Column("invite_script_code", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_version_id"],
            ["plan_versions.id"],
            name=op.f("fk_plan_steps_plan_version_id_plan_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_steps")),
        sa.UniqueConstraint("plan_version_id", "step_no", name=op.f("uq_plan_steps_plan_version_id_step_no")),
    )
