"""What is done once a night: at three, piece by piece, each once; trouble in one job is no other's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import Database, add_to_rows, table_of
from app.follow_ups.measuring.models import ScriptDay
from app.lanes import Deadline, Progress
from app.nightly import NextPiece, NightlyJob, Piece, ensure_jobs, next_night, nights, run_nightly
from app.timers import Lane, Timer
from tests.world import at

EVENING = "2026-03-01 22:00"
PIECES = 3


def write_one(session: Session) -> None:
    add_to_rows(
        session,
        ScriptDay,
        [
            {
                "plan_id": 1,
                "due_on": date(2026, 3, 1),
                "step_kind": "thanks",
                "script_code": "a",
                "sent": 1,
                "succeeded": 0,
            }
        ],
    )


def three_pieces(session: Session, cursor: str) -> Piece:
    """Counts one three times a night; the cursor is how often it has in all."""
    done = int(cursor or 0) + 1
    return Piece(write_one, str(done), is_last=done % PIECES == 0)


def broken(session: Session, cursor: str) -> Piece:
    raise KeyError("what it needs")


def breaks_the_tables(session: Session, cursor: str) -> Piece:
    def write(session: Session) -> None:
        write_one(session)
        raise ValueError("half way")

    return Piece(write, "1", is_last=True)


def stands_still(session: Session, cursor: str) -> Piece:
    return Piece(write_one, cursor, is_last=False)


def counted(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(ScriptDay.sent)) or 0


def move_to(database: Database, when: str) -> None:
    with database.transaction() as session:
        clock.jump_to(session, at(when))


def tonight(database: Database, jobs: Mapping[str, NextPiece], when: str = "2026-03-02 03:00") -> Progress:
    move_to(database, EVENING)
    ensure_jobs(database, jobs)
    move_to(database, when)
    return run_nightly(database, jobs, Deadline(60))


def dues(database: Database) -> list[datetime]:
    with database.reading() as session:
        table = table_of(Timer)
        query = select(table.c.due_at).where(table.c.lane == str(Lane.NIGHTLY)).order_by(table.c.due_at)
        owners = sorted(session.scalars(select(NightlyJob.next_due_at)))
        found = list(session.scalars(query))
    assert found == owners
    return found


@pytest.mark.parametrize(
    ("now", "night"),
    [
        ("2026-03-01 02:59", "2026-03-01 03:00"),
        ("2026-03-01 03:00", "2026-03-02 03:00"),
        ("2026-12-31 23:00", "2027-01-01 03:00"),
    ],
)
def test_the_night_is_at_three_where_the_chain_is(now: str, night: str):
    assert next_night(at(now)) == at(night)
    assert next_night(at(now)).tzinfo is UTC


def test_nothing_is_done_before_three_and_everything_once_after(database: Database):
    assert tonight(database, {"count": three_pieces}, "2026-03-02 02:59").done == 0
    move_to(database, "2026-03-02 03:00")
    assert run_nightly(database, {"count": three_pieces}, Deadline(60)) == Progress(PIECES, more=False)
    assert run_nightly(database, {"count": three_pieces}, Deadline(60)).done == 0
    assert counted(database) == PIECES
    assert dues(database) == [at("2026-03-03 03:00")]


def test_after_days_without_service_it_is_done_once(database: Database):
    assert tonight(database, {"count": three_pieces}, "2026-03-09 15:00").done == PIECES
    assert dues(database) == [at("2026-03-10 03:00")]


def test_a_deadline_leaves_the_rest_for_the_next_bell(database: Database):
    move_to(database, EVENING)
    ensure_jobs(database, {"count": three_pieces})
    move_to(database, "2026-03-02 03:00")
    looks = iter([False, True])
    first = run_nightly(database, {"count": three_pieces}, Deadline(60, lambda: next(looks)))
    assert first == Progress(1, more=True)
    assert run_nightly(database, {"count": three_pieces}, Deadline(60)).done == PIECES - 1
    assert counted(database) == PIECES


def test_a_piece_somebody_else_did_meanwhile_is_not_counted_again(database: Database):
    """The second process thinks out the same piece, and finds it done as it comes to write."""
    jobs: dict[str, NextPiece] = {"count": three_pieces}
    ahead = iter([True])

    def overtaken(session: Session, cursor: str) -> Piece:
        if next(ahead, False):
            run_nightly(database, jobs, Deadline(60))
        return three_pieces(session, cursor)

    assert tonight(database, {"count": overtaken}).done == 0
    assert counted(database) == PIECES


@pytest.mark.parametrize("trouble", [broken, breaks_the_tables, stands_still])
def test_a_job_in_trouble_says_so_waits_for_the_next_night_and_holds_nobody_up(
    database: Database, trouble: NextPiece
):
    tonight(database, {"bad": trouble, "count": three_pieces})
    assert counted(database) == PIECES
    assert dues(database) == [at("2026-03-03 03:00")] * 2
    with database.reading() as session:
        found = nights(session, ["bad", "count", "unknown"])
    assert sorted(found) == ["bad", "count"]
    assert found["bad"].finished_at is None
    assert found["bad"].trouble
    assert found["count"].finished_at is not None
    assert found["count"].finished_at >= at("2026-03-02 03:00")
    assert found["count"].trouble == ""


def test_trouble_that_is_over_is_forgotten(database: Database):
    tonight(database, {"count": broken})
    move_to(database, "2026-03-03 03:00")
    run_nightly(database, {"count": three_pieces}, Deadline(60))
    with database.reading() as session:
        assert nights(session, ["count"])["count"].trouble == ""
    assert counted(database) == PIECES


def test_a_job_this_release_does_not_know_waits_with_its_trouble(database: Database):
    tonight(database, {"gone": three_pieces} | {"count": three_pieces}, "2026-03-01 22:30")
    move_to(database, "2026-03-02 03:00")
    run_nightly(database, {"count": three_pieces}, Deadline(60))
    assert dues(database) == [at("2026-03-03 03:00")] * 2


def test_jobs_are_set_once(database: Database):
    move_to(database, EVENING)
    for _ in range(2):
        ensure_jobs(database, ["count", "other"])
    assert dues(database) == [at("2026-03-02 03:00")] * 2
    ensure_jobs(database, ["count", "third"])
    assert len(dues(database)) == 3
