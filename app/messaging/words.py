"""What messages say. There is no request here whose language could be asked: they are Chinese."""

from __future__ import annotations

from functools import cache
from pathlib import Path

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


def late(tasks: int) -> str:
    """How many tasks should have been done."""
    return _catalogue().ngettext("%(num)d task late", "%(num)d tasks late", tasks) % {"num": tasks}


def late_one(text: str) -> str:
    """The one task that should have been done."""
    return _catalogue().gettext("Late: %(task)s") % {"task": text}


def late_of(name: str, tasks: int) -> str:
    """How many tasks somebody else should have done."""
    line = _catalogue().ngettext("%(name)s: %(num)d task late", "%(name)s: %(num)d tasks late", tasks)
    return line % {"name": name, "num": tasks}


def button() -> str:
    """What the link of the card is called: four characters at most."""
    return _catalogue().gettext("Get in touch")


def taken() -> str:
    """What stands on a card in place of the buttons once one was pressed."""
    return _catalogue().gettext("Taken care of")


@cache
def _catalogue() -> NullTranslations:
    return Translations.load(TRANSLATIONS, [LOCALE])
