"""Lists that do not fit on one page say so: which rows are shown, of how many, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields, pre_load, validate

LAST_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """Where a page of a list stands: rows `first` to `last` of `total`; `page` counts from 1."""

    first: int
    last: int
    total: int
    page: int = 1

    @property
    def is_whole(self) -> bool:
        """Nothing is left out."""
        return self.first <= 1 and self.last >= self.total

    @property
    def before(self) -> int | None:
        """The page before this one."""
        return self.page - 1 if self.page > 1 else None

    @property
    def after(self) -> int | None:
        """The page after this one; None at the end."""
        return self.page + 1 if self.first <= self.last < self.total else None


def part_of(page: int, size: int, shown: int, total: int) -> Part:
    """The page with this number, of `size` rows each, on which so many are shown."""
    ahead = (page - 1) * size
    return Part(ahead + 1, ahead + shown, total, page)


class FilterSchema(Schema):
    """What a page is filtered by: a field that a form sends empty is not filtered by."""

    @pre_load
    def leave_out_empty(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """A browser sends every field of a form."""
        return {name: value for name, value in data.items() if value != ""}


class PageSchema(FilterSchema):
    """`page`: which page of a list, from 1."""

    page = fields.Integer(load_default=1, validate=validate.Range(1, LAST_PAGE))
