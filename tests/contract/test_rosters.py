"""Who is planned to work when: checkin/getcheckinschedulist (document 94208)."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

from app.wecom.apis.rosters import PlannedDay
from app.wecom.app import WeComApp
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import LocalSandbox

CHINA = timezone(timedelta(hours=8))
EARLY, LATE, NIGHT = [32_400, 43_200], [50_400, 64_800], [79_200, 93_600]


def at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=CHINA).timestamp())


def test_shifts_and_days_off_are_told_and_what_nobody_planned_is_not(
    wecom: WeComApp, corp: LocalSandbox, place: Place
):
    planned = {
        "2031-03-30": [EARLY, LATE],
        "2031-03-31": [],
        "2031-04-01": [NIGHT],
        "2031-04-20": [EARLY],
    }
    days = [{"userid": place.userid, "day": day, "sections": its} for day, its in planned.items()]
    corp.control("PUT", "planned_days", days)
    people = [place.userid, place.idle_userid, place.unknown_userid]
    found = wecom.rosters.days(at("2031-03-30"), at("2031-04-19"), people)
    assert found == (
        PlannedDay("lina", date(2031, 3, 30), ((32_400, 43_200), (50_400, 64_800))),
        PlannedDay("lina", date(2031, 3, 31), ()),
        PlannedDay("lina", date(2031, 4, 1), ((79_200, 93_600),)),
    )
    corp.control("PUT", "planned_days", [{"userid": place.userid, "day": "2031-03-31", "sections": None}])
    assert wecom.rosters.days(at("2031-03-31"), at("2031-03-31"), [place.userid]) == ()


def test_an_app_that_is_not_on_the_list_of_check_in_sees_no_shifts(
    wecom: WeComApp, corp: LocalSandbox, place: Place
):
    corp.set_rules(checkin_api=False)
    with refused(48002):
        wecom.rosters.days(at("2031-03-30"), at("2031-03-30"), [place.userid])


def test_any_account_is_asked_about_without_being_refused(wecom: WeComApp, place: Place):
    assert wecom.rosters.days(at("2031-05-01"), at("2031-05-28"), [place.idle_userid]) == ()
