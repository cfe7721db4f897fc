"""Field types of the partner API: codes, texts, instants. Strict; what is wrong is said at its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from flask_babel import lazy_gettext as _
from marshmallow import fields, validate

FIRST_YEAR = 1970
INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})|\d{4}-\d{2}-\d{2}", re.ASCII
)
DAY_LENGTH = 10


class Code(fields.String):
    """An identifier: blanks around it do not count, control characters are refused."""

    default_error_messages = {"unprintable": _("Control characters are not allowed.")}

    def __init__(self, longest: int, *, shortest: int = 1, **options: Any) -> None:
        super().__init__(validate=validate.Length(shortest, longest), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **more)).strip()
        if not text.isprintable():
            raise self.make_error("unprintable")
        return text


class Words(fields.String):
    """Text for people; cut at its length, because it only decorates."""

    default_error_messages = {"unprintable": _("This is not valid text.")}

    def __init__(self, longest: int, **options: Any) -> None:
        super().__init__(**options)
        self._longest = longest

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **more)).strip()
        if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise self.make_error("unprintable")
        return text[: self._longest]


class InstantOrDay(fields.String):
    """An instant with its offset from UTC, or a day of the store's calendar where the time is not known."""

    default_error_messages = {
        "format": _("Write 2026-03-01T18:30:00+08:00 (the offset is required) or 2026-03-01."),
        "range": _("The date is out of range."),
    }

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> Any:
        text = str(super()._deserialize(value, attr, data, **more)).strip()
        if INSTANT.fullmatch(text) is None:
            raise self.make_error("format")
        try:
            read: date | datetime = (
                date.fromisoformat(text)
                if len(text) == DAY_LENGTH
                else datetime.fromisoformat(text).astimezone(UTC)
            )
        except (ValueError, OverflowError) as error:
            raise self.make_error("range") from error
        if read.year < FIRST_YEAR:
            raise self.make_error("range")
        return read
