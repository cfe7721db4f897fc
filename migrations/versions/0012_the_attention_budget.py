"""Every installation has one attention budget"""

from __future__ import annotations

from datetime import time

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NAMES = ("cap_days", "cap_touches", "daily_capacity", "hold_out_per_mille", "urge_after_minutes")
attention_budget = sa.table(
    "attention_budget",
    sa.column("id", sa.BigInteger),
    sa.column("quiet_from", sa.Time),
    sa.column("quiet_until", sa.Time),
    *(sa.column(name, sa.Integer) for name in NAMES),
    sa.column("escalate_after_minutes", sa.Integer),
)


def upgrade() -> None:
    op.bulk_insert(
        attention_budget,
        [
            {
                "id": 1,
                "quiet_from": time(22),
                "quiet_until": time(8),
                "cap_days": 7,
                "cap_touches": 2,
                "daily_capacity": 60,
                "hold_out_per_mille": 0,
                "urge_after_minutes": 240,
                "escalate_after_minutes": 1440,
            }
        ],
    )


def downgrade() -> None:
    op.execute(attention_budget.delete())
