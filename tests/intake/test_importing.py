"""Importing files into a database: counts, repeats, reports, interruptions, real kills."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.db import Base, Database, table_of
from app.errors import NotFound
from app.follow_ups.models import Enrollment, StepRecord
from app.inbound.models import Inbound
from app.intake import report as report_module
from app.intake.importing import ImportOptions, file_hash, import_file, last_local_date
from app.intake.imports import find_import
from app.intake.models import PurchaseImport
from app.intake.refusals import UnreadableFile
from app.members.models import Member
from app.orders.models import MemberPurchases, Order, OrderLine, Refund, RefundLine
from app.timers import Timer
from tests.intake.files import LINES, line
from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
EXCERPT = ROOT / "config" / "demo" / "purchases_excerpt.csv"
COUNTED: tuple[type[Base], ...] = (
    *(Inbound, Order, OrderLine, Refund, RefundLine, Member, MemberPurchases, Enrollment, StepRecord, Timer),
)
STORE = "S1"


def counts(database: Database) -> dict[str, int]:
    """How many rows every table has that an import writes, and the money in them."""
    with database.reading() as session:
        found = {
            model.__tablename__: session.scalar(select(func.count()).select_from(table_of(model))) or 0
            for model in COUNTED
        }
        totals = select(func.sum(Order.amount_fen), func.sum(Order.refunded_fen))
        amount, refunded = session.execute(totals).one()
    return found | {"amount_fen": int(amount or 0), "refunded_fen": int(refunded or 0)}


def write_file(folder: Path, *rows: str, more: str = "") -> Path:
    path = folder / "till.csv"
    path.write_text("\n".join((LINES + more, *rows)) + "\n", encoding="utf-8")
    return path


def run(database: Database, path: Path, **options):
    return import_file(database, path, ImportOptions(stores=(STORE,), **options))


@pytest.fixture
def chain(database: Database) -> Database:
    World(database)
    return database


def test_importing_the_real_excerpt_twice_changes_nothing_the_second_time(chain: Database):
    first = run(chain, EXCERPT)
    once = counts(chain)
    second = run(chain, EXCERPT)
    assert counts(chain) == once
    assert (first.counts.applied, first.counts.refused) == (32, 4)
    assert (second.counts.applied, second.counts.repeated, second.counts.refused) == (0, 32, 4)
    assert (once["orders"], once["refunds"]) == (26, 6)


def test_a_run_is_kept_with_its_counts_and_found_by_the_files_content(chain: Database):
    summary = run(chain, EXCERPT, shift_days=7)
    with chain.reading() as session:
        found = find_import(session, "pos", file_hash(EXCERPT))
        assert find_import(session, "pos", "0" * 64) is None
    assert found is not None
    assert found.finished_at is not None
    assert (found.id, found.shift_days, found.rows_read) == (summary.import_id, 7, 147)
    assert (found.applied, found.repeated, found.refused, found.quarantined) == (32, 0, 4, 0)


def test_facts_only_enrolls_nobody(chain: Database):
    run(chain, EXCERPT, enrolls=False)
    found = counts(chain)
    assert found["orders"] == 26
    assert found["enrollments"] == 0


def test_refused_rows_are_reported_so_that_a_spreadsheet_can_open_them(chain: Database, tmp_path: Path):
    rows = (
        line(ref="=1+1", at="2026-02-01", price="x"),
        line(ref="2", at="2026-02-01"),
        line(ref="3", at="2026-02-01", sku="A"),
        line(ref="3", at="2026-02-01", quantity="0"),
    )
    report = tmp_path / "reports" / "refused.csv"
    summary = run(chain, write_file(tmp_path, *rows), report=report)
    with report.open(encoding="utf-8-sig", newline="") as file:
        reported = list(csv.DictReader(file))
    assert [(row["Row"], row["Column"], row["Code"]) for row in reported] == [
        ("2", "UnitPrice", "bad_price"),
        ("4", "", "invoice_refused"),
        ("5", "Quantity", "zero_quantity"),
    ]
    assert reported[0]["InvoiceNo"] == "'=1+1"
    assert reported[0]["Raw"].startswith("'=1+1,A,")
    assert "第 5 行" in reported[1]["Reason"]
    assert (summary.counts.applied, summary.counts.refused, summary.refused_rows) == (1, 2, 3)


def test_a_report_ends_where_a_spreadsheet_would(
    chain: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(report_module, "MAX_ROWS", 2)
    rows = [line(ref=str(number), at="2026-02-01", price="x") for number in range(5)]
    written = tmp_path / "refused.csv"
    assert run(chain, write_file(tmp_path, *rows), report=written).refused_rows == 5
    with written.open(encoding="utf-8-sig", newline="") as file:
        reported = list(csv.DictReader(file))
    assert [(row["Code"], row["Raw"]) for row in reported[2:]] == [("more", "3")]


def test_nothing_refused_leaves_no_report(chain: Database, tmp_path: Path):
    report = tmp_path / "refused.csv"
    report.write_text("of an earlier run")
    summary = run(chain, write_file(tmp_path, line(at="2026-02-01")), report=report)
    assert summary.report is None
    assert not report.exists()


def test_a_number_reported_with_other_content_is_refused_and_changes_nothing(chain: Database, tmp_path: Path):
    run(chain, write_file(tmp_path, line(at="2026-02-01", price="10")))
    once = counts(chain)
    report = tmp_path / "refused.csv"
    rows = (line(at="2026-02-01", price="11"), line(ref="2", at="2026-02-01"), line(at="2026-02-01"))
    summary = run(chain, write_file(tmp_path, *rows), report=report)
    assert counts(chain)["orders"] == once["orders"] + 1
    assert "contradicts_stored" in report.read_text(encoding="utf-8-sig")
    assert (summary.counts.applied, summary.counts.repeated, summary.counts.refused) == (1, 1, 1)


def test_an_unknown_seller_is_no_seller(chain: Database, tmp_path: Path):
    rows = [line(*("1", "A", "1", "2026-02-01", "5", "c1", "nobody"))]
    assert run(chain, write_file(tmp_path, *rows, more=",SellerID")).counts.applied == 1
    with chain.reading() as session:
        assert session.scalars(select(Order)).one().seller_id is None


def test_a_store_that_does_not_exist_is_named_before_anything_is_read(chain: Database):
    with pytest.raises(NotFound) as refused:
        import_file(chain, EXCERPT, ImportOptions(stores=("NOPE",)))
    assert refused.value.place == "NOPE"


def test_what_is_no_file_is_refused_and_leaves_no_run(chain: Database, tmp_path: Path):
    for path, code in ((tmp_path, "no_such_file"), (tmp_path / "none.csv", "no_such_file")):
        with pytest.raises(UnreadableFile) as refused:
            run(chain, path)
        assert refused.value.code == code
    (tmp_path / "zip.csv").write_bytes(b"PK\x03\x04")
    with pytest.raises(UnreadableFile):
        run(chain, tmp_path / "zip.csv")
    with chain.reading() as session:
        assert session.scalar(select(func.count()).select_from(PurchaseImport)) == 0


def test_a_stopped_run_is_gone_on_with(chain: Database):
    steps = iter((False, True))
    first = run(chain, EXCERPT, batch=5, should_stop=lambda: next(steps))
    assert first.stopped
    assert first.counts.applied == 10
    with chain.reading() as session:
        found = find_import(session, "pos", file_hash(EXCERPT))
        assert found is not None
        assert found.finished_at is None
    second = run(chain, EXCERPT, batch=5)
    assert (second.counts.repeated, second.counts.applied) == (10, 22)


def test_progress_is_told_after_every_batch(chain: Database):
    seen = []
    import_file(
        chain,
        EXCERPT,
        ImportOptions(stores=(STORE,), batch=10),
        lambda p: seen.append(p.bytes_read / p.bytes_total),
    )
    assert seen == sorted(seen)
    assert len(seen) == 4
    assert seen[-1] == 1


def test_the_last_local_date_of_a_file_is_found_without_a_database():
    assert str(last_local_date(EXCERPT)) == "2010-12-05"


class TestCommand:
    """scripts/import_purchases as people and kills meet it."""

    pytestmark = pytest.mark.process

    def start(self, url: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(ROOT / "scripts" / "import_purchases"), *arguments],
            env=os.environ | {"DATABASE_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, url: str, *arguments: str) -> tuple[int, str, str]:
        process = self.start(url, *arguments)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def test_refusals_are_no_failure(self, chain: Database, database_url: str, tmp_path: Path):
        report = tmp_path / "refused.csv"
        code, out, err = self.run(database_url, str(EXCERPT), "--store", STORE, "--report", str(report))
        assert (code, out.splitlines()[0]) == (
            0,
            "147 rows: 32 applied, 0 repeated, 4 refused, 0 quarantined (receipts)",
        )
        assert "4 receipts (" in out.splitlines()[1]
        assert "100%" in err
        assert str(report) in out

    @pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
    def test_what_cannot_be_read_at_all_is_one(self, chain: Database, database_url: str, tmp_path: Path):
        for arguments, word in (
            ((str(tmp_path / "none.csv"), "--store", STORE), "no such file"),
            ((str(EXCERPT), "--store", "NOPE"), "NOPE: 没有这家门店，或门店已关闭 / there is no such store"),
            ((str(EXCERPT),), "--store"),
            ((str(EXCERPT), "--store", STORE, "--batch", "501"), "--batch"),
            ((str(EXCERPT), "--store", STORE, "--report", str(EXCERPT)), "--report"),
        ):
            code, _, err = self.run(database_url, *arguments)
            assert (code, word in err) == (2, True), err
            assert "Traceback" not in err

    @pytest.mark.fault
    def test_killed_midway_and_repeated_is_as_once(self, new_database_url: Callable[[], str], tmp_path: Path):
        path = tmp_path / "many.csv"
        write_many(path, 440)
        once = self.import_with_kills(new_database_url(), path, kills=0)
        assert self.import_with_kills(new_database_url(), path, kills=2) == once
        assert once["orders"] == 400

    def import_with_kills(self, url: str, path: Path, kills: int) -> dict[str, int]:
        database = Database(url)
        World(database)
        arguments = (str(path), "--store", STORE, "--batch", "20")
        for round_ in range(kills):
            process = self.start(url, *arguments)
            wait_for_orders(database, 100 * (round_ + 1))
            process.kill()
            assert process.wait() == -signal.SIGKILL
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            process.stderr.close()
        assert self.run(url, *arguments)[0] == 0
        found = counts(database)
        database.close()
        return found

    def test_ctrl_c_ends_cleanly_after_a_batch(self, chain: Database, database_url: str, tmp_path: Path):
        path = tmp_path / "many.csv"
        write_many(path, 3_000)
        process = self.start(database_url, str(path), "--store", STORE, "--batch", "20")
        wait_for_orders(chain, 40)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "repeat the command" in out
        assert "Traceback" not in err


def write_many(path: Path, invoices: int) -> None:
    """Purchases of two lines and, for every tenth, the refund of it; 300 members."""
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{LINES},Cancels\n")
        for number in range(invoices):
            at = f"2026-0{1 + number % 2}-{1 + number % 28:02d} {10 + number % 12}:00:00"
            if number % 11 == 10:
                file.write(
                    line(f"C{number}", "A", "-1", at, "10", f"c{(number - 1) % 300}", str(number - 1)) + "\n"
                )
                continue
            for sku, quantity in (("A", "1"), ("B", "2")):
                file.write(line(str(number), sku, quantity, at, "10", f"c{number % 300}", "") + "\n")


def wait_for_orders(database: Database, wanted: int) -> None:
    """Until another process has committed that many."""
    for _ in range(2_000):
        with database.reading() as session:
            if (session.scalar(select(func.count()).select_from(Order)) or 0) >= wanted:
                return
        time.sleep(0.02)
    raise AssertionError("the import did not come so far")
