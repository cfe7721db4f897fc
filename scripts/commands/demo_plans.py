"""What the demo shows beside purchases: plans for what else happens to a member, and birthdays that come up soon.

Published once members and purchases are loaded: who was there before did not join just now.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.follow_ups.plans.versions import publish
from app.ids import new_id
from app.members.dates import NewDate, YearlyDay, seal_day, write_dates
from app.members.models import DateCalendar, DateKind, Member, MemberDate
from app.members.service import lock_members
from app.sealing import Keyring
from app.stores.queries import stores_by_id
from config.settings import ROOT
from scripts.commands.publish_plan import read_plan

PLANS: tuple[Path, ...] = tuple(
    ROOT / "config" / "plans" / f"{code}.toml"
    for code in ("join", "birthday", "silence", "visit", "satisfaction", "after_sales")
)
CELEBRATING = 60
# The first is asked about tomorrow, three days before their birthday; then one a day.
FIRST_IN_DAYS = 4


def publish_more(database: Database, keys: Keyring) -> None:
    """Publish `PLANS` and tell the birthdays of some members; repeating it changes nothing."""
    with database.transaction() as session:
        for path in PLANS:
            publish(session, read_plan(path))
        if session.scalar(select(MemberDate.member_id).limit(1)) is None:
            _tell_birthdays(session, keys)


def _tell_birthdays(session: Session, keys: Keyring) -> None:
    members = session.scalars(select(Member).order_by(Member.id).limit(CELEBRATING)).all()
    lock_members(session, [member.id for member in members])
    now, stores = clock.now(session), stores_by_id(session)
    told = []
    for number, member in enumerate(members):
        today = stores[member.store_id].hours.local_date(now)
        day = today + timedelta(days=FIRST_IN_DAYS + number)
        its = YearlyDay(DateCalendar.SOLAR, day.month, day.day)
        sealed = seal_day(keys, DateKind.BIRTHDAY, its, salt=str(member.id))
        told.append(NewDate(member.id, DateKind.BIRTHDAY, sealed, new_id(session), now))
    write_dates(session, told)
