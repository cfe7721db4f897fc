"""What processes without Redis share of WeCom's: tokens, tickets, refusals, blocks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    op.create_table(
        "wecom_values",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("value", sa.String(length=2048), nullable=True),
        sa.Column("ends_at", INSTANT, nullable=True),
        sa.Column("renewing_until", INSTANT, nullable=True),
        sa.Column("holder", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_wecom_values")),
    )


def downgrade() -> None:
    op.drop_table("wecom_values")
