"""Taking over the shifts of some associates from WeCom's check-in (打卡排班), for today and the weeks to come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app import clock
from app.associates.queries import ids_by_userid
from app.associates.roster import Times
from app.associates.roster_plans import replace_shifts, shift_of
from app.db import Database
from app.wecom.apis.rosters import DAYS_A_CALL
from app.wecom.port import WeComPort

# The corp's calendar, whatever the stores' zones are.
ZONE = ZoneInfo("Asia/Shanghai")


def compare_shifts(database: Database, wecom: WeComPort, userids: Sequence[str]) -> Mapping[str, int]:
    """Bring the shifts of these accounts (at most 100) to what WeCom plans; what became of how many days.

    Of whom WeCom plans nothing in these weeks, what was imported stays. Raises as the port does.
    """
    with database.reading() as session:
        first = clock.now(session).astimezone(ZONE).date()
    last = first + timedelta(days=DAYS_A_CALL - 1)
    planned: dict[str, dict[date, Times | None]] = defaultdict(dict)
    for day in wecom.rosters.days(_begin_of(first), _begin_of(last + timedelta(days=1)) - 1, userids):
        planned[day.wecom_userid][day.on] = shift_of(day.sections)
    with database.transaction() as session:
        people = ids_by_userid(session, planned)
        plans = {people[userid]: plan for userid, plan in planned.items() if userid in people}
        changes = replace_shifts(session, plans, first, last)
    return {"seen": sum(map(len, plans.values())), **changes}


def _begin_of(on: date) -> int:
    return int(datetime.combine(on, time(), ZONE).timestamp())
