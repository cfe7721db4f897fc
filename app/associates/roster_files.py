"""Rosters as CSV files: read whole before anything is written, so that either every row counts or none."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from pathlib import Path

from sqlalchemy.orm import Session

from app.associates.models import Shift
from app.associates.queries import ids_by_userid
from app.db import upsert_rows

COLUMNS = ("UserID", "Date", "Starts", "Ends")
TEMPLATE = "UserID,Date,Starts,Ends\nlina,2026-03-01,10:00,18:30\nlina,2026-03-02,,\n"
MOST_ROWS = 200_000
MOST_NAMED = 1_000
CHUNK = 1_000
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
TIME = re.compile(r"\d{1,2}:\d{2}")
TEXTS = Path(__file__).with_name("roster_refusals.toml")


@dataclass(frozen=True, slots=True)
class Planned:
    """One row: when somebody works on a day; without times it is a day off."""

    associate_id: int
    work_on: date
    starts_at: time | None
    ends_at: time | None


@dataclass(frozen=True, slots=True)
class BadRow:
    """What is wrong with a row; rows count from 1, the header's."""

    row: int
    column: str
    code: str


class UnreadableRoster(Exception):
    """Nothing of the file can be read; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Refused(Exception):
    def __init__(self, column: str, code: str) -> None:
        super().__init__(code)
        self.column = column
        self.code = code


@lru_cache(maxsize=1)
def _texts() -> dict[str, dict[str, str]]:
    with TEXTS.open("rb") as file:
        return tomllib.load(file)


def reason_of(code: str) -> str:
    """Why, in Chinese and in English."""
    text = _texts()[code]
    return f"{text['zh']} / {text['en']}"


def import_roster(session: Session, path: Path) -> tuple[int, list[BadRow]]:
    """Take over every row of the file, or none where one is bad; returns how many, and the bad ones.

    A row replaces what was known of that person and day. At most a thousand bad rows are named. Raises
    `UnreadableRoster` for a file that is no roster at all.
    """
    planned, bad = read_roster(path, ids_by_userid(session))
    if bad:
        return 0, bad
    ordered = sorted(planned, key=lambda row: (row.associate_id, row.work_on))
    for start in range(0, len(ordered), CHUNK):
        upsert_rows(session, Shift, [_row(each) for each in ordered[start : start + CHUNK]])
    return len(ordered), []


def read_roster(path: Path, people: Mapping[str, int]) -> tuple[list[Planned], list[BadRow]]:
    """Every row of the file and everything that is wrong with it. `people`: ids by WeCom account, in lower case."""
    planned: dict[tuple[int, date], Planned] = {}
    bad: list[BadRow] = []
    for number, cells in _rows(path):
        if number > MOST_ROWS:
            raise UnreadableRoster("too_many_rows")
        try:
            row = _planned(cells, people)
            if (row.associate_id, row.work_on) in planned:
                raise _Refused("Date", "repeated_day")
            planned[row.associate_id, row.work_on] = row
        except _Refused as refused:
            bad.append(BadRow(number, refused.column, refused.code))
            if len(bad) == MOST_NAMED:
                break
    return list(planned.values()), bad


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            if tuple(_stripped(next(rows, []))) != COLUMNS:
                raise UnreadableRoster("wrong_header")
            for number, cells in enumerate(rows, 2):
                if any(cells):
                    yield number, _stripped(cells)
    except UnicodeDecodeError as error:
        raise UnreadableRoster("not_utf8_file") from error
    except csv.Error as error:
        raise UnreadableRoster("not_csv") from error
    except OSError as error:
        raise UnreadableRoster("unreadable_file") from error


def _stripped(cells: Iterable[str]) -> list[str]:
    return [cell.strip() for cell in cells]


def _planned(cells: list[str], people: Mapping[str, int]) -> Planned:
    if len(cells) != len(COLUMNS):
        raise _Refused("", "wrong_number_of_cells")
    userid, on, starts, ends = cells
    if userid.lower() not in people:
        raise _Refused("UserID", "unknown_person")
    if bool(starts) != bool(ends):
        raise _Refused("Ends" if starts else "Starts", "half_a_shift")
    day = _day(on)
    starts_at, ends_at = _time("Starts", starts), _time("Ends", ends)
    if starts_at is not None and starts_at == ends_at:
        raise _Refused("Ends", "no_length")
    return Planned(people[userid.lower()], day, starts_at, ends_at)


def _day(text: str) -> date:
    try:
        if not DATE.fullmatch(text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError as error:
        raise _Refused("Date", "bad_date") from error


def _time(column: str, text: str) -> time | None:
    if not text:
        return None
    try:
        if not TIME.fullmatch(text):
            raise ValueError(text)
        hour, minute = text.split(":")
        return time(int(hour), int(minute))
    except ValueError as error:
        raise _Refused(column, "bad_time") from error


def _row(planned: Planned) -> dict[str, object]:
    return {
        "associate_id": planned.associate_id,
        "work_on": planned.work_on,
        "starts_at": planned.starts_at,
        "ends_at": planned.ends_at,
    }
