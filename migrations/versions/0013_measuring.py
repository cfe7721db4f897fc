"""What follow-ups bring: attribution and results of scripts"""

from __future__ import annotations

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled by its subject."""


def downgrade() -> None:
    """Filled by its subject."""
