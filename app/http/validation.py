"""What a schema says is wrong, as a list of places, in the reader's language.

marshmallow speaks English and fills its sentences itself: those it uses here are known to the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _

# Known to the catalogue because they stand here; found in it by their English.
WHOLE = (
    _("Unknown field."),
    _("Missing data for required field."),
    _("Field may not be null."),
    _("Invalid input type."),
    _("Invalid value."),
    _("Not a valid string."),
    _("Not a valid integer."),
    _("Not a valid number."),
    _("Not a valid boolean."),
    _("Not a valid date."),
    _("Not a valid datetime."),
    _("Not a valid list."),
    _("Not a valid mapping type."),
    _("Not a valid UTF-8 string."),
    _("String does not match expected pattern."),
    _("Number too large."),
)
FILLED = (
    (re.compile(r"Must be one of: (?P<choices>.+)\."), _("Must be one of: %(choices)s.")),
    (re.compile(r"Shorter than minimum length (?P<min>\d+)\."), _("Shorter than minimum length %(min)s.")),
    (re.compile(r"Longer than maximum length (?P<max>\d+)\."), _("Longer than maximum length %(max)s.")),
    (
        re.compile(r"Length must be between (?P<min>\d+) and (?P<max>\d+)\."),
        _("Length must be between %(min)s and %(max)s."),
    ),
    (re.compile(r"Length must be (?P<equal>\d+)\."), _("Length must be %(equal)s.")),
    (
        re.compile(
            r"Must be greater than or equal to (?P<min>.+) and less than or equal to (?P<max>[^ ]+)\."
        ),
        _("Must be greater than or equal to %(min)s and less than or equal to %(max)s."),
    ),
    (
        re.compile(r"Must be greater than or equal to (?P<min>[^ ]+)\."),
        _("Must be greater than or equal to %(min)s."),
    ),
    (re.compile(r"Must be greater than (?P<min>[^ ]+)\."), _("Must be greater than %(min)s.")),
    (
        re.compile(r"Must be less than or equal to (?P<max>[^ ]+)\."),
        _("Must be less than or equal to %(max)s."),
    ),
)


def places(messages: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every place that is wrong, as `lines.3.amount`, and what is wrong there, from marshmallow's nested messages."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            step = "" if name == "_schema" else str(name)
            yield from places(inner, ".".join(part for part in (path, step) if part))
        return
    for message in messages if isinstance(messages, list | tuple) else [messages]:
        if isinstance(message, dict) and message.keys() == {"place", "message"}:
            yield str(message["place"]), str(message["message"])
        else:
            yield path, str(message)


def in_readers_language(message: str) -> str:
    """A sentence of marshmallow's in the reader's language; any other as it is."""
    for pattern, text in FILLED:
        found = pattern.fullmatch(message)
        if found:
            return str(text) % found.groupdict() if "%(" in str(text) else str(text)
    return gettext(message) if message else ""
