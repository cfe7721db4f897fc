"""What messages say. There is no request here whose language could be asked: they are Chinese."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.support import NullTranslations, Translations

LOCALE = "zh_Hans_CN"
TRANSLATIONS = Path(__file__).parent.parent / "translations"


def title(members: int) -> str:
    """How many members wait."""
    text = _catalogue().ngettext(
        "%(num)d member is waiting for you", "%(num)d members are waiting for you", members
    )
    return text % {"num": members}


def more(notices: int) -> str:
    """How many lines there was no room for."""
    return _catalogue().ngettext("and %(num)d more", "and %(num)d more", notices) % {"num": notices}


def not_done(tasks: int) -> str:
    """How many tasks wait for longer than they should; none of them is too late."""
    return _catalogue().ngettext("%(num)d task not done yet", "%(num)d tasks not done yet", tasks) % {
        "num": tasks
    }


def not_done_one(text: str) -> str:
    """The one task that does."""
    return _catalogue().gettext("Not done yet: %(task)s") % {"task": text}


def not_done_of(name: str, tasks: int) -> str:
    """How many tasks of somebody else do."""
    line = _catalogue().ngettext(
        "%(name)s: %(num)d task not done yet", "%(name)s: %(num)d tasks not done yet", tasks
    )
    return line % {"name": name, "num": tasks}


def notice_title() -> str:
    """What stands above a mini-program notice: 4 to 12 characters."""
    return _catalogue().gettext("New follow-up")


def notice_task() -> str:
    """What the line of a mini-program notice is called that names the task."""
    return _catalogue().gettext("Task")


def open_button() -> str:
    """What the button is called that opens the worklist."""
    return _catalogue().gettext("Open")


def later_button() -> str:
    """What the button is called that puts everything off for two hours."""
    return _catalogue().gettext("Later")


def put_off(until: datetime, zone: ZoneInfo, now: datetime) -> str:
    """What stands on a card whose tasks were put off; the day only where it is not today."""
    local = until.astimezone(zone)
    pattern = "HH:mm" if local.date() == now.astimezone(zone).date() else _catalogue().gettext("d MMM HH:mm")
    at = format_datetime(local, pattern, tzinfo=zone, locale=LOCALE)
    return _catalogue().gettext("Put off until %(time)s") % {"time": at}


def do_now() -> str:
    """What stands on a card of which nothing can wait any longer."""
    return _catalogue().gettext("Cannot wait: please do it now")


def all_done() -> str:
    """What stands on a card of which nothing is left to do."""
    return _catalogue().gettext("All of this is done")


def taken() -> str:
    """What stands on a card in place of the buttons once one was pressed."""
    return _catalogue().gettext("Taken care of")


@cache
def _catalogue() -> NullTranslations:
    return Translations.load(TRANSLATIONS, [LOCALE])
