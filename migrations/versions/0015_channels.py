"""Steps that WeCom or the system carries out: group sends, moments, texts and notices"""

from __future__ import annotations

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled by its subject."""


def downgrade() -> None:
    """Filled by its subject."""
