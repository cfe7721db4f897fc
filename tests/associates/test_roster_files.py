"""Rosters come as files: every row counts, or none, and each bad one is named."""

from __future__ import annotations

import os
import subprocess
from datetime import date, time
from pathlib import Path

import pytest
from sqlalchemy import select

from app.associates.models import Role, Shift
from app.associates.roster_files import TEMPLATE, BadRow, UnreadableRoster, import_roster, reason_of
from app.associates.service import add_associate, end_associate
from app.db import Database
from tests.house.source import ROOT

HEADER = "UserID,Date,Starts,Ends\n"


@pytest.fixture
def staffed(database: Database) -> Database:
    with database.transaction() as session:
        for name in ("lina", "wangwei"):
            add_associate(session, name, name, Role.ASSOCIATE, None)
        gone = add_associate(session, "gone", "gone", Role.ASSOCIATE, None)
        end_associate(session, gone)
    return database


def load(database: Database, folder: Path, text: str) -> tuple[int, list[BadRow]]:
    file = folder / "roster.csv"
    file.write_text(text, encoding="utf-8")
    with database.transaction() as session:
        return import_roster(session, file)


def shifts(database: Database) -> list[tuple[date, time | None, time | None]]:
    with database.reading() as session:
        rows = session.scalars(select(Shift).order_by(Shift.associate_id, Shift.work_on))
        return [(row.work_on, row.starts_at, row.ends_at) for row in rows]


def test_the_template_is_a_roster(staffed: Database, tmp_path: Path):
    assert load(staffed, tmp_path, TEMPLATE) == (2, [])
    assert shifts(staffed) == [
        (date(2026, 3, 1), time(10), time(18, 30)),
        (date(2026, 3, 2), None, None),
    ]


def test_a_later_file_replaces_the_days_it_names_and_leaves_the_others(staffed: Database, tmp_path: Path):
    load(staffed, tmp_path, TEMPLATE)
    assert load(staffed, tmp_path, HEADER + "LINA, 2026-03-02 ,9:00,12:00\n") == (1, [])
    assert shifts(staffed)[1] == (date(2026, 3, 2), time(9), time(12))
    assert len(shifts(staffed)) == 2


def test_one_bad_row_and_nothing_is_imported_and_every_bad_row_is_named(staffed: Database, tmp_path: Path):
    rows = [
        "lina,2026-03-01,10:00,18:00",
        "nobody,2026-03-01,10:00,18:00",
        "gone,2026-03-01,10:00,18:00",
        "lina,2026-02-30,10:00,18:00",
        "lina,03/04/2026,10:00,18:00",
        "lina,2026-03-04,10,18:00",
        "lina,2026-03-04,10:00,24:00",
        "lina,2026-03-04,10:00,",
        "lina,2026-03-04,10:00,10:00",
        "",
        "lina,2026-03-01,,",
        "lina,2026-03-05",
    ]
    assert load(staffed, tmp_path, HEADER + "\n".join(rows)) == (
        0,
        [
            BadRow(3, "UserID", "unknown_person"),
            BadRow(4, "UserID", "unknown_person"),
            BadRow(5, "Date", "bad_date"),
            BadRow(6, "Date", "bad_date"),
            BadRow(7, "Starts", "bad_time"),
            BadRow(8, "Ends", "bad_time"),
            BadRow(9, "Ends", "half_a_shift"),
            BadRow(10, "Ends", "no_length"),
            BadRow(12, "Date", "repeated_day"),
            BadRow(13, "", "wrong_number_of_cells"),
        ],
    )
    assert shifts(staffed) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "wrong_header"),
        (b"UserID,Date\nlina,2026-03-01\n", "wrong_header"),
        ("UserID,Date,Starts,Ends\n李娜".encode("gb18030"), "not_utf8_file"),
        (b'UserID,Date,Starts,Ends\n"lina,2026', "not_csv"),
    ],
)
def test_what_is_no_roster_says_why(staffed: Database, tmp_path: Path, content: bytes, code: str):
    file = tmp_path / "roster.csv"
    file.write_bytes(content)
    with pytest.raises(UnreadableRoster) as refusal, staffed.transaction() as session:
        import_roster(session, file)
    assert refusal.value.code == code
    assert " / " in reason_of(code)
    with pytest.raises(UnreadableRoster), staffed.transaction() as session:
        import_roster(session, tmp_path / "missing.csv")


@pytest.mark.process
def test_the_command_imports_or_names_what_is_wrong(staffed: Database, database_url: str, tmp_path: Path):
    file = tmp_path / "roster.csv"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / "scripts" / "import_roster"), *arguments]
        environment = os.environ | {"DATABASE_URL": database_url}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    file.write_text(run("--template").stdout, encoding="utf-8")
    done = run(str(file))
    assert (done.returncode, done.stdout) == (0, "2 rows imported\n")
    file.write_text(HEADER + "nobody,2026-03-01,10:00,18:00\n", encoding="utf-8")
    refused = run(str(file))
    assert refused.returncode == 1
    assert f"{file}:2 UserID: 没有这个企业微信账号的在职人员" in refused.stderr
    file.write_bytes(b"\xff\xfe")
    assert run(str(file)).returncode == 2
