"""Rows in numbers: what is written is what is read, on both databases, whatever stands in the texts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pymysql.converters import escape_string
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import Database, add_to_rows, insert_rows, is_among, read_rows, table_of, update_rows, upsert_rows
from app.db.writing import ESCAPED
from app.follow_ups.models import Enrollment
from app.messaging.models import DigestSchedule, Notice
from app.worklist.models import BalanceSchedule
from tests.conftest import FAST

AT = datetime(2026, 3, 2, 6, 7, 8, 9, tzinfo=UTC)
WHOLE = datetime(2026, 3, 2, 6, tzinfo=UTC)
TEXTS = (
    "",
    'it\'s "quoted"',
    "100 % of %s and %(name)s",
    "back\\slash\\",
    "line\nbreak\ttab\rreturn",
    ":name ? {curly}",
    "\u534a\u9ad8\u9886 \U0001f9e3",
    "NULL",
    "\x1a",
)


mariadb_only = pytest.mark.parametrize("database_kind", [] if FAST else ["mariadb"], indirect=True)


def notice(number: int, words: str) -> dict[str, Any]:
    return {
        "id": number,
        "associate_id": 7,
        "work_item_id": number,
        "kind": "opened",
        "text": words,
        "state": "waiting",
        "written_at": AT,
    }


def enrollment(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": number,
        "plan_id": 1,
        "plan_version_id": 2,
        "member_id": number,
        "store_id": 3,
        "anchor_event": "purchase:2026-03-02",
        "anchor_at": AT,
        "anchor_on": date(2026, 3, 2),
        "time_known": number % 2 == 0,
        "state": "active",
        "ended_reason": "",
        "next_step_no": 2,
        "next_lane": "days",
        "next_due_at": WHOLE,
        "enrolled_at": AT,
        "arm": "treated",
        "global_per_mille": 0,
        "waiting_for": "",
        **changed,
    }


def texts(session: Session) -> list[str]:
    return list(session.scalars(select(Notice.text).order_by(Notice.id)))


def test_a_text_is_stored_as_it_is(database: Database) -> None:
    with database.transaction() as session:
        insert_rows(session, Notice, [notice(number, words) for number, words in enumerate(TEXTS, start=1)])
    with database.reading() as session:
        assert texts(session) == list(TEXTS)


@mariadb_only
def test_a_backslash_is_one_where_the_server_takes_it_for_nothing_else(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES')"))
        insert_rows(session, Notice, [notice(number, words) for number, words in enumerate(TEXTS, start=1)])
        session.execute(text("SET SESSION sql_mode = REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', '')"))
    with database.reading() as session:
        assert texts(session) == list(TEXTS)


def test_every_character_the_driver_escapes_is_left_to_it() -> None:
    changed = [sign for sign in map(chr, range(0x250)) if escape_string(sign) != sign]
    assert changed
    assert all(ESCAPED.search(sign) for sign in changed)


def test_more_rows_than_fit_into_a_statement_are_all_written(database: Database) -> None:
    long = "\u8863" * 120
    with database.transaction() as session:
        insert_rows(session, Notice, [notice(number, long) for number in range(1, 2_001)])
    with database.reading() as session:
        assert texts(session) == [long] * 2_000


def test_who_reads_sees_one_picture_whatever_others_write_meanwhile(database: Database) -> None:
    with database.transaction() as session:
        insert_rows(session, Notice, [notice(1, "before")])
    with database.reading() as reader:
        assert texts(reader) == ["before"]
        with database.transaction() as session:
            insert_rows(session, Notice, [notice(2, "meanwhile")])
        assert texts(reader) == ["before"]
    with database.transaction() as session:
        assert texts(session) == ["before", "meanwhile"]


def test_a_naive_datetime_is_refused(database: Database) -> None:
    naive = notice(1, "") | {"written_at": datetime(2026, 3, 2)}  # noqa: DTZ001
    with pytest.raises(Exception, match="naive"), database.transaction() as session:
        insert_rows(session, Notice, [naive])


@pytest.mark.parametrize("number", [1, 3, 700])
def test_rows_are_read_at_once_as_they_are_one_by_one(database: Database, number: int) -> None:
    table = table_of(Enrollment)
    with database.transaction() as session:
        insert_rows(session, Enrollment, [enrollment(each) for each in range(1, number + 1)])
        update_rows(
            session, Enrollment, [{"id": 1, "next_step_no": None, "next_lane": None, "next_due_at": None}]
        )
    with database.reading() as session:
        query = select(table).where(is_among(table.c.id, range(1, 600)))
        one_by_one = sorted(map(tuple, session.execute(query)))
        assert sorted(map(tuple, read_rows(session, query))) == one_by_one
        assert len(one_by_one) == min(number, 599)
        first = min(read_rows(session, query), key=lambda row: row.id)
        assert (first.anchor_at, first.anchor_on, first.next_due_at) == (AT, date(2026, 3, 2), None)
        assert first.time_known is False
        assert read_rows(session, select(table.c.id).where(is_among(table.c.id, ()))) == []


@mariadb_only
def test_more_than_the_server_packs_into_one_value_is_read_too(database: Database) -> None:
    """Wherever it cuts: a row has fewer characters than there are tries."""
    query = select(table_of(DigestSchedule))
    rows = [{"associate_id": number, "next_due_at": AT} for number in range(1, 41)]
    with database.transaction() as session:
        insert_rows(session, DigestSchedule, rows)
        for most in range(1_100, 1_160):
            session.execute(text(f"SET SESSION group_concat_max_len = {most}"))
            assert sorted(row.associate_id for row in read_rows(session, query)) == list(range(1, 41))
        session.execute(text("SET SESSION group_concat_max_len = DEFAULT"))


@mariadb_only
def test_what_was_to_be_written_stands_in_no_error(database: Database) -> None:
    with pytest.raises(IntegrityError) as raised, database.transaction() as session:
        insert_rows(session, Notice, [notice(1, "a name"), notice(1, "another")])
    assert "INSERT INTO" in str(raised.value)
    assert "a name" not in str(raised.value)


def test_only_the_named_columns_are_overwritten(database: Database) -> None:
    with database.transaction() as session:
        insert_rows(session, Enrollment, [enrollment(each) for each in (1, 2, 3)])
        update_rows(
            session,
            Enrollment,
            [
                {"id": 1, "next_step_no": 3, "next_due_at": AT},
                {"id": 2, "next_step_no": None, "next_due_at": None},
            ],
        )
    with database.reading() as session:
        table = table_of(Enrollment)
        rows = sorted(map(dict, session.execute(select(table)).mappings()), key=lambda row: row["id"])
    assert rows == [
        enrollment(1, next_step_no=3, next_due_at=AT),
        enrollment(2, next_step_no=None, next_due_at=None),
        enrollment(3),
    ]


def test_only_the_named_counts_are_added(database: Database) -> None:
    row = {"associate_id": 1, "next_due_at": AT, "counted": 2, "counted_until": AT}
    with database.transaction() as session:
        upsert_rows(session, BalanceSchedule, [row])
        add_to_rows(
            session,
            BalanceSchedule,
            [{**row, "next_due_at": None, "counted": 3, "counted_until": None}],
            {"counted"},
        )
        add_to_rows(session, DigestSchedule, [{"associate_id": 1, "next_due_at": AT}], added=())
        add_to_rows(session, DigestSchedule, [{"associate_id": 1, "next_due_at": None}], added=())
        upsert_rows(session, BalanceSchedule, [{**row, "associate_id": 2, "counted": 9}])
    with database.reading() as session:
        counted = session.execute(select(table_of(BalanceSchedule)).order_by(BalanceSchedule.associate_id))
        assert [tuple(each) for each in counted] == [(1, AT, 5, AT), (2, AT, 9, AT)]
        assert session.scalar(select(DigestSchedule.next_due_at)) == AT
