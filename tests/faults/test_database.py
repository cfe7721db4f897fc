"""MariaDB killed with -9 and started again under working processes: nothing it had said was committed is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import Base, Database, insert_rows, table_of
from app.follow_ups.firing.falling_due import DueTimer, take_due
from app.members.models import MemberCare
from app.orders.models import MemberPurchases, Order, RefundLine
from app.timers import Lane, Timer, TimerKey, set_timers
from app.worklist.claiming import claim_items
from scripts.commands.migrate import migrate
from tests.checker import violations
from tests.conftest import FAST
from tests.faults.chain import DIGEST_WITHIN, Chain, comes_true, userids, wait_until
from tests.faults.crew import Crew, stop_cleanly
from tests.intake.files import LINES, line
from tests.servers.mariadb import MariaDB
from tests.wecom.local_sandbox import LocalSandbox
from tests.world import World, at

pytestmark = pytest.mark.skipif(FAST, reason="needs MariaDB: left out of scripts/test --fast")
INVOICES = 900


@pytest.fixture
def new_database(durable: MariaDB) -> Iterator[Callable[[str], Database]]:
    opened: list[Database] = []

    def new(name: str) -> Database:
        url = durable.create_database(name)
        migrate(url)
        opened.append(Database(url))
        return opened[-1]

    yield new
    for database in opened:
        database.close()


def test_killed_while_clocks_fire_and_send_nothing_is_lost_or_doubled(
    durable: MariaDB,
    new_database: Callable[[str], Database],
    crew_on: Callable[..., Crew],
    sandbox: LocalSandbox,
):
    before = sum(len(sandbox.messages(userid)) for userid in userids())
    database = new_database("firing")
    chain = Chain(database, 1_500)
    crew = crew_on(durable.url("firing"), sandbox.url)
    clocks = [crew.clock(), crew.clock()]
    chain.fall_due()
    for opened in (200, 800):
        wait_for_opened(chain, opened)
        kill_and_restart(durable, database)
        assert all(clock.running() for clock in clocks)
    wait_for_opened(chain, chain.members)
    chain.jump(DIGEST_WITHIN)
    wait_until(lambda: bool(chain.messages()))
    kill_and_restart(durable, database)
    send_all(chain)
    stop_cleanly(*clocks)
    chain.assert_everything_opened_once()
    assert sum(len(sandbox.messages(userid)) for userid in userids()) - before == len(chain.messages())


def test_killed_while_importing_and_repeated_it_counts_once(
    durable: MariaDB, new_database: Callable[[str], Database], crew_on: Callable[..., Crew], tmp_path: Path
):
    path = tmp_path / "many.csv"
    write_many(path)
    once = import_with_kills(durable, new_database("once"), crew_on(durable.url("once")), path, ())
    again = import_with_kills(durable, new_database("again"), crew_on(durable.url("again")), path, (100, 400))
    assert again == once
    assert once["orders"] == INVOICES * 9 // 10


def import_with_kills(
    durable: MariaDB, database: Database, crew: Crew, path: Path, kill_at: tuple[int, ...]
) -> dict[str, int]:
    World(database)
    arguments = (str(path), "--store", "S1", "--batch", "20", "--report", str(path.with_suffix(".refused")))
    for orders in kill_at:
        importing = crew.importer(*arguments)
        wait_for_orders(database, orders)
        kill_and_restart(durable, database)
        assert importing.wait(60) == 1, importing.log.read_text()
        assert "Repeat the command" in importing.log.read_text()
        assert violations(database) == []
    last = crew.importer(*arguments)
    assert last.wait(60) == 0, last.log.read_text()
    assert violations(database) == []
    return counts(database)


def kill_and_restart(server: MariaDB, ours: Database) -> None:
    server.kill()
    server.start()
    ours.close()  # our own connections are gone as well


def wait_for_opened(chain: Chain, steps: int) -> None:
    wait_until(lambda: chain.opened() >= steps)


def wait_for_orders(database: Database, wanted: int) -> None:
    wait_until(lambda: counts(database)["orders"] >= wanted)


def send_all(chain: Chain) -> None:
    """Waits until everything is sent; a lease that a death left behind is ended on the way."""
    for _ in range(10):
        if comes_true(chain.is_idle, within_s=3):
            return
        chain.end_leases()
    raise AssertionError("messages are still waiting")


def counts(database: Database) -> dict[str, int]:
    with database.reading() as session:
        sums = select(func.count(), func.sum(Order.amount_fen), func.sum(Order.refunded_fen))
        orders, bought, refunded = session.execute(sums.select_from(Order)).one()
        kept = select(func.sum(MemberPurchases.orders), func.sum(MemberPurchases.refunded_fen))
        member_orders, member_refunded = session.execute(kept).one()
        lines = session.scalar(select(func.count()).select_from(RefundLine))
    return {
        "orders": orders,
        "bought": int(bought or 0),
        "refunded": int(refunded or 0),
        "member_orders": int(member_orders or 0),
        "member_refunded": int(member_refunded or 0),
        "refund_lines": lines or 0,
    }


def write_many(path: Path) -> None:
    """Purchases of 200 members and, for every tenth invoice, the refund of the one before."""
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{LINES},Cancels\n")
        for number in range(INVOICES):
            at = f"2026-02-{1 + number % 28:02d} {10 + number % 12}:00:00"
            if number % 10 == 9:
                row = line(f"C{number}", "A", "-1", at, "10", f"c{(number - 1) % 200}", str(number - 1))
                file.write(f"{row}\n")
            else:
                file.write(line(str(number), "A", "1", at, "10", f"c{number % 200}", "") + "\n")


def test_a_server_that_came_back_and_takes_the_members_for_few_locks_no_more_of_them_than_are_claimed(
    durable: MariaDB,
):
    """It counts what a load brought when it finds the time; killed before, it would begin with members, all of them."""
    database = Database(durable.create_database("few"))
    tables = [table_of(Timer), table_of(MemberCare)]
    with database.engine.begin() as connection:
        Base.metadata.create_all(connection, tables)
    due, number = at("2026-03-02 14:00"), 300
    with Session(database.engine, info={}) as session, session.begin():
        insert_rows(session, MemberCare, [{"member_id": n, "opted_out_at": None} for n in range(number)])
        for lane, timers in ((Lane.URGE, 14), (Lane.DAYS, number)):
            set_timers(session, [(TimerKey(lane, due, n), n) for n in range(timers)])
    with durable.connect("few") as administrator, administrator.cursor() as cursor:
        cursor.execute("UPDATE mysql.innodb_table_stats SET n_rows = 0 WHERE table_name = 'member_care'")
    kill_and_restart(durable, database)
    free = select(MemberCare.member_id).with_for_update(skip_locked=True)
    for claim in (
        lambda session: claim_items(session, Lane.URGE, due, 14),
        lambda session: take_due(session, Lane.DAYS, 14, due),
        lambda session: take_due(session, Lane.DAYS, 14, due, DueTimer(Lane.DAYS, due, 99, 99, False)),
    ):
        with Session(database.engine) as session, Session(database.engine) as other:
            assert len(claim(session)) == 14
            assert len(other.scalars(free).all()) == number - 14
    database.close()
