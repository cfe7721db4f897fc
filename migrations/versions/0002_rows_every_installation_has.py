"""Rows every installation has: the clock's and the nodes that ids are made with"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NODES = 1024
clock_offset = sa.table("clock_offset", sa.column("id", sa.BigInteger), sa.column("offset_us", sa.BigInteger))
id_nodes = sa.table("id_nodes", sa.column("node", sa.Integer), sa.column("leased_until_s", sa.BigInteger))


def upgrade() -> None:
    op.bulk_insert(clock_offset, [{"id": 1, "offset_us": 0}])
    op.bulk_insert(id_nodes, [{"node": node, "leased_until_s": 0} for node in range(NODES)])


def downgrade() -> None:
    op.execute(id_nodes.delete())
    op.execute(clock_offset.delete())
