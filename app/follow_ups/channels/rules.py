"""Limits of group sends and moments, and when they are looked after. Pure."""

from __future__ import annotations

import calendar
import hashlib
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.follow_ups.states import Channel
from app.sales_scripts.rules import unfilled

# In which WeCom counts months.
CHINA = ZoneInfo("Asia/Shanghai")
# Members of one step that fall due a moment apart still make one order.
GATHER = timedelta(minutes=1)
# WeCom takes 10,000 customers a call; what came of an order's members is written in one transaction.
MOST_MEMBERS = 500
# Associates who publish the same words are asked with one call; WeCom would take 100,000, a transaction fewer.
MOST_TOGETHER = 500
# So long a call waits for associates whose members fell due with the first one's.
TOGETHER = timedelta(seconds=5)
# WeCom makes ten moments a minute for a corp.
PACE_OF_MOMENTS = timedelta(seconds=6.5)
GROUP_SEND_BYTES = 4_000
MOMENT_CHARACTERS = 2_000
# A claim's life, real time: longer than the port's longest call.
LEASE = timedelta(seconds=120)
# When an order of which nobody knows whether it was made is looked for, after each look (real time).
LOOKS = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
# By WeCom's clock an order may be this much older or younger than we think.
SKEW = timedelta(minutes=10)
REMIND_AFTER = timedelta(hours=3)
# How often WeCom is asked, by how old the order is: soon after it came it is likely to be confirmed.
PACE = (
    (timedelta(minutes=10), timedelta(minutes=1)),
    (timedelta(hours=2), timedelta(minutes=5)),
    (timedelta(days=1), timedelta(minutes=30)),
)
SLOWEST = timedelta(hours=2)
# So long after its end WeCom is asked about an order that it does not answer for.
PATIENCE = timedelta(days=1)


def month_of(instant: datetime) -> str:
    """The month in China, e.g. "2026-03"."""
    return instant.astimezone(CHINA).strftime("%Y-%m")


def quota_of(month: str) -> int:
    """How many group sends a customer may have in this month: as many as it has days (WeCom, 2025-11-17).

    Messages of the corp and of its people count together; of the latter only WeCom knows, which then says so itself.
    """
    year, number = map(int, month.split("-"))
    return calendar.monthrange(year, number)[1]


def has_words(channel: Channel, text: str) -> bool:
    """True for a text that WeCom takes and in which nothing is left to fill in."""
    if not text.strip() or unfilled(text):
        return False
    if channel is Channel.MOMENT:
        return len(text) <= MOMENT_CHARACTERS
    return len(text.encode()) <= GROUP_SEND_BYTES


def key_of(*parts: object) -> str:
    """One text for what belongs into one order."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def next_look(ordered_at: datetime, valid_until: datetime, now: datetime) -> datetime:
    """When WeCom is asked next; the end of its validity is not missed."""
    age = now - ordered_at
    at = now + next((pace for until, pace in PACE if age < until), SLOWEST)
    return min(at, valid_until) if now < valid_until else at
