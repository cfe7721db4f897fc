"""How money and time are written on a page. Instants come in UTC and are shown in a store's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from babel.numbers import format_currency, get_currency_precision
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _

CHAIN_ZONE = ZoneInfo("Asia/Shanghai")


def day_bounds(on: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants between which a local date lies, 23 to 25 hours apart."""
    start = datetime.combine(on, time.min, tzinfo=zone).astimezone(UTC)
    return start, datetime.combine(on + timedelta(days=1), time.min, tzinfo=zone).astimezone(UTC)


def money(minor: int, currency: str) -> str:
    """Integer minor units as people write them: `¥18,640`, `¥99.50`, `£12`; no decimals where they are zero."""
    digits = get_currency_precision(currency)
    amount = Decimal(minor).scaleb(-digits)
    whole = amount == amount.to_integral_value()
    pattern = "¤#,##0;-¤#,##0" if whole else f"¤#,##0.{'0' * digits};-¤#,##0.{'0' * digits}"
    return str(format_currency(amount, currency, pattern, locale=get_locale(), currency_digits=False))


def day(value: date, today: date) -> str:
    """A date, with its year only where it is not this one's."""
    return str(format_date(value, _pattern(value.year == today.year), locale=get_locale()))


def clock(value: datetime, zone: ZoneInfo) -> str:
    """The time of day on the store's wall, `21:05`."""
    return str(format_time(value.astimezone(zone), "HH:mm", locale="en"))


def days_ago(value: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    """How long ago a day was, as the store's calendar counts."""
    if value is None:
        return "–"
    passed = (now.astimezone(zone).date() - value.astimezone(zone).date()).days
    if passed <= 0:
        return str(_("today"))
    if passed < 60:
        return str(ngettext("%(num)s day ago", "%(num)s days ago", passed))
    months = passed // 30
    return str(ngettext("%(num)s month ago", "%(num)s months ago", months))


def until(deadline: datetime, now: datetime, zone: ZoneInfo) -> str:
    """A deadline as one says it: `today before 21:00`, `tomorrow before 12:00`, `25 Nov before 22:00`."""
    local, today = deadline.astimezone(zone), now.astimezone(zone).date()
    at = clock(deadline, zone)
    if local.date() == today:
        return str(_("today before %(time)s", time=at))
    if local.date() == today + timedelta(days=1):
        return str(_("tomorrow before %(time)s", time=at))
    return str(_("%(day)s before %(time)s", day=day(local.date(), today), time=at))


def percent(part: int, whole: int) -> str:
    """A rate in whole percent, rounded down so that 100 % means all; a dash where there is nothing to divide by."""
    return f"{100 * part // whole}%" if whole else "–"


def initial(name: str) -> str:
    """The letter that stands for someone without a picture: the family name's first."""
    return name.strip()[:1] or "·"


def _pattern(this_year: bool) -> str:
    """CLDR date patterns, in the catalogue because the order of day and month is a matter of language."""
    return str(_("d MMM") if this_year else _("d MMM y"))
