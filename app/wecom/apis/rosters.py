"""Who is planned to work when, in WeCom's check-in (打卡 → 排班) of those whose rule goes by shifts (document 94208).

The app has to be on the list 打卡 → 可调用接口的应用. 60 calls a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.wecom.apis.base import Answer, CorpAPI, items, number, part, text

PEOPLE_A_CALL = 100
DAYS_A_CALL = 28  # WeCom's limit is a month, however short


@dataclass(frozen=True, slots=True)
class PlannedDay:
    """A day of the corp's as it is planned for somebody: what they work, in seconds from its beginning; none: off."""

    wecom_userid: str  # lower case
    on: date
    sections: tuple[tuple[int, int], ...]


class RostersAPI(CorpAPI):
    """Shifts and days off."""

    def days(self, begin_s: int, end_s: int, wecom_userids: Sequence[str]) -> tuple[PlannedDay, ...]:
        """What is planned for up to 100 accounts in at most 28 days; days that nobody has planned are not told."""
        data = {"starttime": begin_s, "endtime": end_s, "useridlist": list(wecom_userids)}
        answer = self._post("checkin/getcheckinschedulist", data=data)
        return tuple(
            day
            for month in items(answer, "schedule_list")
            for one in items(part(month, "schedule"), "scheduleList")
            if (day := _day(month, one)) is not None
        )


def _day(month: Answer, one: Answer) -> PlannedDay | None:
    """None for a day that there is not, and for a shift that does not say when."""
    year_month, shift = number(month, "yearmonth"), part(one, "schedule_info")
    sections = tuple(
        (number(section, "work_sec"), number(section, "off_work_sec"))
        for section in items(shift, "time_section")
    )
    is_off = "schedule_id" in shift and number(shift, "schedule_id") == 0
    if not sections and not is_off:
        return None
    try:
        on = date(year_month // 100, year_month % 100, number(one, "day"))
    except ValueError:
        return None
    return PlannedDay(text(month, "userid").lower(), on, () if is_off else sections)
