"""Alembic's entry, called by scripts/migrate with the database's url in `config.attributes`."""

from __future__ import annotations

from alembic import context

from app import ids
from app.aside import WorkAside
from app.associates import models as associates
from app.catalogue import models as catalogue
from app.clock import ClockOffset
from app.db import Base, Database
from app.follow_ups import models as follow_ups
from app.follow_ups.forecasting import models as forecasting
from app.follow_ups.linking import models as linking
from app.follow_ups.measuring import models as measuring
from app.follow_ups.reconciling import models as reconciling
from app.follow_ups.texting import models as texting
from app.group_chats import models as group_chats
from app.inbound import models as inbound
from app.intake import models as intake
from app.livings import models as livings
from app.member_events import models as member_events
from app.members import models as members
from app.messaging import models as messaging
from app.nightly import NightlyJob
from app.orders import models as orders
from app.organisation import models as organisation
from app.partner_api import models as partner_api
from app.sales_scripts import models as sales_scripts
from app.sessions import models as sessions
from app.stores import models as stores
from app.tagging import models as tagging
from app.timers import Timer
from app.wecom import models as wecom
from app.worklist import models as worklist

TABLES = (
    associates, catalogue, ClockOffset, follow_ups, forecasting, group_chats, inbound, intake, linking, livings,
    measuring, member_events, members, messaging, NightlyJob, orders, organisation, partner_api, reconciling,
    sales_scripts, sessions, stores, tagging, texting, Timer, wecom, WorkAside, worklist,
)  # fmt: skip


def run() -> None:
    """Apply migrations in one connection; SQLite needs batch mode to alter tables."""
    database = Database(context.config.attributes["url"])
    with database.engine.execution_options(begin="BEGIN IMMEDIATE").connect() as connection:
        if not database.is_sqlite:
            # New tables take it over. Receipts and members are told apart by case; most servers' default would not.
            connection.exec_driver_sql("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        context.configure(
            connection=connection,
            target_metadata=[Base.metadata, ids.nodes.metadata],
            render_as_batch=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    database.close()


run()
