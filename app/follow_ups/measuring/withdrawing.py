"""Taking a task's part in purchases back, because it was not done after all.

The ledger is only added to but for this: what rests on a word that is taken back within minutes was never true. The
purchases are booked again as if it had never been said, so others are credited where it is their merit.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.db import table_of
from app.errors import Conflict
from app.follow_ups.measuring.attributing import attribute
from app.follow_ups.measuring.crediting import booked_on
from app.follow_ups.measuring.models import Attribution
from app.stores.queries import stores_by_id


def check_withdrawable(session: Session, task_id: int, now: datetime) -> None:
    """Raises `Conflict` `too_late_to_undo` where taking the task's part back would change a month that is closed."""
    table = table_of(Attribution)
    orders = _orders_of(session, task_id)
    entries = session.execute(select(table).where(table.c.order_id.in_(orders))).all() if orders else []
    if any(_is_closed(session, entry, now) for entry in entries):
        raise Conflict("too_late_to_undo", place="task")


def withdraw(session: Session, task_id: int, now: datetime) -> None:
    """Book anew the purchases in which this task, which is not done any more, has a part.

    Callers hold its member's `member_care` row and have seen to `check_withdrawable`.
    """
    if orders := _orders_of(session, task_id):
        table = table_of(Attribution)
        session.execute(delete(table).where(table.c.order_id.in_(orders)))
        attribute(session, orders, now)


def _orders_of(session: Session, task_id: int) -> list[int]:
    table = table_of(Attribution)
    return sorted(set(session.scalars(select(table.c.order_id).where(table.c.task_id == task_id))))


def _is_closed(session: Session, entry: Any, now: datetime) -> bool:
    on: date = entry.booked_on
    today = stores_by_id(session, [entry.store_id])[entry.store_id].hours.local_date(now)
    return booked_on(on, today) > on
