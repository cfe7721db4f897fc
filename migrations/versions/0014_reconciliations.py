"""Balances kept for the console, by plan, store and day"""

from __future__ import annotations

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled by its subject."""


def downgrade() -> None:
    """Filled by its subject."""
