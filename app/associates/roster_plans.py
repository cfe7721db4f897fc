"""Shifts and days off as another system plans them: of whom it tells anything, that is what counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.associates.models import Associate, Shift
from app.associates.roster import Times
from app.db import table_of, upsert_rows

DAY_S = 86_400
MIDNIGHT = datetime.combine(date.min, time())

# By day: the one shift, or None for a day off.
Plan = Mapping[date, Times | None]


def shift_of(sections: Iterable[tuple[int, int]]) -> Times | None:
    """The one shift that sections of a day make, in seconds from its beginning: from the first to the end of the last.

    None for no section: a day off. A section that does not end after it begins ends the next day.
    """
    spans = [(begins, ends if ends > begins else ends + DAY_S) for begins, ends in sections]
    if not spans:
        return None
    return Times(_clock(min(begins for begins, _ in spans)), _clock(max(ends for _, ends in spans)))


def userids_after(session: Session, after: str, most: int) -> list[str]:
    """The accounts of people who are here, in their order, from behind `after`."""
    query = select(Associate.wecom_userid).where(Associate.ended_at.is_(None), Associate.wecom_userid > after)
    return list(session.scalars(query.order_by(Associate.wecom_userid).limit(most)))


def replace_shifts(session: Session, plans: Mapping[int, Plan], first: date, last: date) -> Mapping[str, int]:
    """Let these plans be all that is known of these people from `first` to `last`; how many days that changed."""
    table = table_of(Shift)
    its = table.c.associate_id.in_(sorted(plans)) & table.c.work_on.between(first, last)
    known = {
        (row.associate_id, row.work_on): None if row.starts_at is None else Times(row.starts_at, row.ends_at)
        for row in session.execute(select(table).where(its))
    }
    wanted = {
        (associate_id, on): times
        for associate_id, plan in plans.items()
        for on, times in plan.items()
        if first <= on <= last
    }
    changed = {key: times for key, times in wanted.items() if key not in known or known[key] != times}
    gone = sorted(known.keys() - wanted.keys())
    for associate_id in sorted({key[0] for key in gone}):
        days = [on for who, on in gone if who == associate_id]
        theirs = (table.c.associate_id == associate_id) & table.c.work_on.in_(days)
        session.connection().execute(delete(table).where(theirs))
    upsert_rows(session, Shift, [_row(key, changed[key]) for key in sorted(changed)])
    added = len(changed.keys() - known.keys())
    return Counter(added=added, changed=len(changed) - added, ended=len(gone))


def _clock(second: int) -> time:
    return (MIDNIGHT + timedelta(seconds=second % DAY_S)).time()


def _row(key: tuple[int, date], times: Times | None) -> dict[str, object]:
    hours = (None, None) if times is None else (times.starts_at, times.ends_at)
    return {"associate_id": key[0], "work_on": key[1], "starts_at": hours[0], "ends_at": hours[1]}
