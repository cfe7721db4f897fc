"""A chain in which any number of follow-up steps are due, for `scripts/bench fire`.

A thousand members buy through the same intake as everybody, their first step is fired and its validity runs out, and
business time stands at the day of the second. What they are by then, in every table, is copied under other ids until
as many steps are due as were asked for.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select, text

from app import clock
from app.db import Base, Database, table_of
from app.follow_ups.firing.lane import fire_due
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.series.resuming import ask_served_again
from app.inbound.events import Line, PurchaseReported
from app.intake.service import MAX_BATCH, apply_events
from app.lanes import Deadline
from app.members.models import ContactBinding, ExternalContact, Member, MemberCare, MemberIdentity
from app.messaging.models import Notice
from app.orders.models import MemberPurchases, Order, OrderLine
from app.timers import Lane, Timer
from app.worklist.expiry import expire_due
from app.worklist.models import WorkItem
from config.settings import ROOT
from scripts.commands.load_chain import load_chain
from scripts.commands.migrate import migrate
from tests.servers.mariadb import MariaDB

MODELS = 1_000  # members whose rows are copied
MEMBERS_A_STORE = 1_500
BOUGHT_AT = datetime(2026, 3, 2, 6, tzinfo=UTC)  # early afternoon in the stores
FIRST_DUE_AT = BOUGHT_AT + timedelta(hours=1)
FIRST_OVER_AT = BOUGHT_AT + timedelta(days=2)
SECOND_DUE_AT = BOUGHT_AT + timedelta(days=3)
COPIES_AT_ONCE = 25
PATIENCE_S = 600.0

# Of each table that grows with members: the columns that name a copied row, and the text that must differ.
COPIED: dict[type[Base], tuple[frozenset[str], str]] = {
    Member: (frozenset({"id"}), ""),
    MemberIdentity: (frozenset({"member_id"}), "value"),
    MemberCare: (frozenset({"member_id"}), ""),
    ExternalContact: (frozenset({"id", "member_id"}), "external_userid"),
    ContactBinding: (frozenset({"id", "external_contact_id"}), ""),
    Order: (frozenset({"id", "member_id"}), "ref"),
    OrderLine: (frozenset({"order_id"}), ""),
    MemberPurchases: (frozenset({"member_id"}), ""),
    Enrollment: (frozenset({"id", "member_id"}), ""),
    StepRecord: (frozenset({"enrollment_id", "task_id"}), ""),
    FollowUpTask: (frozenset({"id", "work_item_id", "enrollment_id"}), ""),
    WorkItem: (frozenset({"id", "member_id"}), ""),
    Notice: (frozenset({"id", "work_item_id"}), ""),
    Timer: (frozenset({"subject_id", "member_id"}), ""),
}


@dataclass(frozen=True, slots=True)
class World:
    """A database at `url` in which `due` steps of the days lane are due."""

    url: str
    due: int


def build_world(server: MariaDB, name: str, folder: Path, due: int) -> World:
    """Make the database `name` with `due` due steps (rounded up to whole copies); `folder` takes the chain's files."""
    copies = -(-due // MODELS)
    url = server.create_database(name)
    migrate(url)
    database = Database(url)
    _generate(folder, max(1, due // MEMBERS_A_STORE))
    _jump(database, BOUGHT_AT)
    load_chain(database, folder)
    _buy(database, folder)
    _live_until_second_step(database)
    _copy(database.engine, copies - 1)
    found = count_due(database)
    database.close()
    assert found == copies * MODELS, f"{found} steps are due, not {copies * MODELS}"
    return World(url, found)


def count_due(database: Database) -> int:
    """How many steps wait in the days lane for an instant that has come."""
    with database.reading() as session:
        query = select(func.count()).where(Timer.lane == str(Lane.DAYS), Timer.due_at <= clock.now(session))
        return session.scalar(query) or 0


def _generate(folder: Path, stores: int) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "generate_chain"), "--seed", "1", "--days", "1"]
    command += ["--members", str(MODELS), "--stores", str(stores), "--out", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _jump(database: Database, instant: datetime) -> None:
    with database.transaction() as session:
        clock.jump_to(session, instant)


def _buy(database: Database, folder: Path) -> None:
    events = list(_purchases(folder))
    for start in range(0, len(events), MAX_BATCH):
        apply_events(database, "pos", events[start : start + MAX_BATCH], enrolls=True)


def _purchases(folder: Path) -> Iterator[PurchaseReported]:
    """Two articles for each member of the chain, in their own store, within the last half hour."""
    products = json.loads((folder / "chain.json").read_text(encoding="utf-8"))["products"]
    with (folder / "members.csv").open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            lines = tuple(
                Line(product["sku"], product["name"], 1, f"{fen / 100:.2f}", fen)
                for fen, product in (
                    (39_900, products[number % len(products)]),
                    (9_900, products[(number + 1) % len(products)]),
                )
            )
            at = BOUGHT_AT - timedelta(seconds=number % 1_800)
            yield PurchaseReported(
                f"R{number}",
                row["StoreCode"],
                row["MemberCode"],
                row["OwnerID"],
                at,
                True,
                "CNY",
                49_800,
                lines,
            )


def _live_until_second_step(database: Database) -> None:
    _jump(database, FIRST_DUE_AT)
    fire_due(database, Lane.MINUTES, Deadline(PATIENCE_S))
    _jump(database, FIRST_OVER_AT)
    expire_due(database, ask_served_again, Deadline(PATIENCE_S))
    _jump(database, SECOND_DUE_AT)


def _copy(engine: Engine, copies: int) -> None:
    """Copies get smaller ids, which nobody will be given any more, and are written in ascending order."""
    with engine.begin() as connection:
        span = _span(connection)
        for model in COPIED:
            _keep_model(connection, table_of(model).name)
    for most in range(copies, 0, -COPIES_AT_ONCE):
        least = max(1, most - COPIES_AT_ONCE + 1)
        for model in COPIED:
            with engine.begin() as connection:
                connection.exec_driver_sql(_copying(model, span), (least, most))
    with engine.begin() as connection:
        for model in COPIED:
            connection.exec_driver_sql(f"DROP TABLE model_{table_of(model).name}")
            connection.exec_driver_sql(f"ANALYZE TABLE {table_of(model).name}").all()


def _span(connection: Connection) -> int:
    """What lies between the ids of two copies of the same row: more than between any two of the models' ids."""
    bounds = [
        connection.execute(text(f"SELECT MIN({column}), MAX({column}) FROM {table_of(model).name}")).one()  # noqa: S608
        for model, (columns, _) in COPIED.items()
        for column in columns
    ]
    return int(max(high for _, high in bounds if high) - min(low for low, _ in bounds if low) + 1)


def _keep_model(connection: Connection, name: str) -> None:
    of_members = " WHERE member_id IS NOT NULL" if name == "timers" else ""
    connection.exec_driver_sql(f"CREATE TABLE model_{name} AS SELECT * FROM {name}{of_members}")  # noqa: S608


def _copying(model: type[Base], span: int) -> str:
    table, (moved, renamed) = table_of(model), COPIED[model]
    places = []
    for column in table.c:
        if column.name in moved:
            places.append(f"model.`{column.name}` - copy.seq * {span}")
        elif column.name == renamed:
            places.append(f"CONCAT(model.`{column.name}`, '-', copy.seq)")
        else:
            places.append(f"model.`{column.name}`")
    names = ", ".join(f"`{column.name}`" for column in table.c)
    order = ", ".join(f"model.`{column.name}`" for column in table.primary_key)
    return (
        f"INSERT INTO {table.name} ({names}) SELECT {', '.join(places)}"  # noqa: S608
        f" FROM seq_1_to_1000000 AS copy JOIN model_{table.name} AS model"
        f" WHERE copy.seq BETWEEN %s AND %s ORDER BY copy.seq DESC, {order}"
    )
