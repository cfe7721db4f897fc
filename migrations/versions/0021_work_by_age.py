"""A member's work items are found by when they were opened, too"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("work_items", schema=None) as batch_op:
        batch_op.drop_index("ix_work_items_member_id_state")
        batch_op.create_index(
            batch_op.f("ix_work_items_member_id_state_opened_at"),
            ["member_id", "state", "opened_at"],
            unique=False,
        )


def downgrade() -> None:
    with op.batch_alter_table("work_items", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_work_items_member_id_state_opened_at"))
        batch_op.create_index("ix_work_items_member_id_state", ["member_id", "state"], unique=False)
