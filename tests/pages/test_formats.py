"""How money and time are written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask_babel import Babel, force_locale

from app.follow_ups.pending import HeldBy
from app.follow_ups.states import Evidence, StepOutcome, StepReason
from app.pages import formats
from app.pages.words import CLOSE_REASON, EVIDENCE, HELD_BY, OUTCOME, REASON, STATE
from app.worklist.models import WorkState

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)  # 13:00 in Shanghai


@pytest.fixture(autouse=True)
def chinese() -> Iterator[None]:
    app = Flask("app.factory", root_path="app")
    Babel(app, default_locale="zh_Hans_CN")
    with app.test_request_context():
        yield


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (0, "CNY", "¥0"),
        (1864000, "CNY", "¥18,640"),
        (309950, "CNY", "¥3,099.50"),
        (5, "CNY", "¥0.05"),
        (-45900, "CNY", "-¥459"),
        (1250, "GBP", "£12.50"),
        (1250, "JPY", "JP¥1,250"),
    ],
)
def test_money_is_written_from_minor_units(minor: int, currency: str, written: str):
    assert formats.money(minor, currency) == written


@pytest.mark.parametrize(
    ("ahead", "written"),
    [
        (timedelta(hours=8), "今天 21:00 前"),
        (timedelta(hours=23), "明天 12:00 前"),
        (timedelta(days=3), "11月24日 13:00 前"),
        (timedelta(days=60), "2027年1月20日 13:00 前"),
    ],
)
def test_deadlines_are_said_as_people_say_them(ahead: timedelta, written: str):
    assert formats.until(NOW + ahead, NOW, SHANGHAI) == written


@pytest.mark.parametrize(
    ("ago", "written"),
    [
        (timedelta(0), "今天"),
        (timedelta(hours=14), "1 天前"),
        (timedelta(days=12), "12 天前"),
        (timedelta(days=190), "6 个月前"),
    ],
)
def test_days_ago_count_the_stores_calendar_days(ago: timedelta, written: str):
    assert formats.days_ago(NOW - ago, NOW, SHANGHAI) == written


def test_a_day_has_23_to_25_hours():
    start, end = formats.day_bounds(date(2026, 3, 29), ZoneInfo("Europe/London"))
    assert end - start == timedelta(hours=23)
    start, end = formats.day_bounds(date(2026, 10, 25), ZoneInfo("Europe/London"))
    assert end - start == timedelta(hours=25)


def test_rates_are_never_rounded_up_to_all():
    assert formats.percent(999, 1000) == "99%"
    assert formats.percent(0, 0) == "–"


def test_english_dates_are_english():
    with force_locale("en"):
        assert formats.day(date(2026, 11, 24), NOW.date()) == "24 Nov"


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (REASON, StepReason),
        (OUTCOME, StepOutcome),
        (EVIDENCE, Evidence),
        (STATE, WorkState),
        (HELD_BY, HeldBy),
    ],
)
def test_everything_a_person_may_meet_has_words(words: dict[str, object], kinds: type[StepReason]):
    for kind in kinds:
        assert str(words[kind])
    assert CLOSE_REASON
