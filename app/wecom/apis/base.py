"""What every API of ours shares: reading answers that may lack anything, and following cursors to their end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any, Self

from wechatpy.client.api.base import BaseWeChatAPI

from app.wecom.errors import WeComRetryable

Answer = Mapping[str, Any]
MOST_PAGES = 10_000
COMES_AGAIN = "a page names one that was read already"


class Code(IntEnum):
    """One of WeCom's numbered states. Each kind has UNKNOWN (-1): what WeCom adds later is no error here."""

    @classmethod
    def _missing_(cls, value: object) -> Self:
        return cls["UNKNOWN"]


class CorpAPI(BaseWeChatAPI):  # type: ignore[misc]  # wechatpy has no types
    """One subject. Made by the client with itself as the only argument; every call raises `WeComError` only."""

    def _pages(
        self, path: str, query: Mapping[str, Any], *, post: bool = True, most: int = MOST_PAGES
    ) -> Iterator[Answer]:
        """Each page's answer, until one names no next cursor.

        Raises `WeComRetryable` where a cursor comes again, as the pages would for ever, and after `most` pages.
        """
        cursor, seen = "", set()
        for _ in range(most):
            asked = {**query, "cursor": cursor} if cursor else dict(query)
            answer = self._post(path, data=asked) if post else self._get(path, params=asked)
            yield answer
            cursor = text(answer, "next_cursor")
            if not cursor:
                return
            if cursor in seen:
                raise WeComRetryable(path, COMES_AGAIN)
            seen.add(cursor)
        raise WeComRetryable(path, f"more than {most} pages")


def text(answer: Answer, name: str) -> str:
    """A string, empty where it is absent or something else."""
    value = answer.get(name)
    return value if isinstance(value, str) else ""


def number(answer: Answer, name: str) -> int:
    """An integer, 0 where it is absent; WeCom writes some of them as strings."""
    value = answer.get(name)
    if isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return value if isinstance(value, int) else 0


def items(answer: Answer, name: str) -> list[Any]:
    """A list, empty where it is absent or null."""
    value = answer.get(name)
    return value if isinstance(value, list) else []


def part(answer: Answer, name: str) -> dict[str, Any]:
    """An object, empty where it is absent or something else."""
    value = answer.get(name)
    return value if isinstance(value, dict) else {}


def needed(path: str, answer: Answer, name: str) -> str:
    """A string without which the answer is worth nothing; raises `WeComRetryable` where it is absent."""
    value = text(answer, name)
    if not value:
        raise WeComRetryable(path, f"the answer has no {name}")
    return value


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None: WeCom takes a null for a wrong type."""
    return {name: value for name, value in fields.items() if value is not None}
