"""Pages that never end: a cursor that comes again is met at once, not after ten thousand calls."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.wecom.app import WeComApp
from app.wecom.client import CorpClient
from app.wecom.errors import WeComRetryable
from app.wecom.token_cache import ProcessCache
from tests.wecom.local_sandbox import OURS
from tests.wecom.scripted_server import Answered, Asked, ScriptedServer

CONTACT = {"external_contact": {"external_userid": "wmA"}}


class Pages:
    """A server that answers each call but gettoken with the next of `pages`."""

    def __init__(self) -> None:
        self.pages: Iterator[dict[str, Any]] = iter(())
        self.server = ScriptedServer(self._answer)
        self.wecom = WeComApp(CorpClient(OURS, self.server.url, ProcessCache()))

    def _answer(self, asked: Asked) -> Answered:
        if asked.path.endswith("/gettoken"):
            return Answered({"errcode": 0, "access_token": "token", "expires_in": 7200})
        return Answered({"errcode": 0, **next(self.pages)})

    def asked(self) -> int:
        return sum(not asked.path.endswith("/gettoken") for asked in self.server.asked)


@pytest.fixture
def pages() -> Iterator[Pages]:
    found = Pages()
    with found.server.running():
        yield found


@pytest.mark.parametrize(
    ("page", "read"),
    [
        ({**CONTACT, "next_cursor": "same"}, lambda wecom: wecom.contacts.get("wmA")),
        ({"next_cursor": "same"}, lambda wecom: list(wecom.contact_ways.ids())),
        ({"next_key": "same"}, lambda wecom: list(wecom.livings.viewers("lv1"))),
        ({"next_key": "0"}, lambda wecom: list(wecom.livings.viewers("lv1"))),
        (
            {"next_offset": 1, "total": 9, "items": [{"owner": "lina"}]},
            lambda wecom: list(wecom.group_chats.figures_by_owner(1, 2)),
        ),
    ],
    ids=["contact", "cursor", "key", "first key", "offset"],
)
def test_a_cursor_that_comes_again_ends_the_reading(
    pages: Pages, page: dict[str, Any], read: Callable[[WeComApp], object]
):
    pages.pages = itertools.repeat(page)
    with pytest.raises(WeComRetryable, match="read already"):
        read(pages.wecom)
    assert pages.asked() <= 2


def test_cursors_that_come_in_turns_are_met_too(pages: Pages):
    pages.pages = itertools.cycle([{"next_cursor": "a"}, {"next_cursor": "b"}])
    with pytest.raises(WeComRetryable, match="read already"):
        list(pages.wecom.contact_ways.ids())
    assert pages.asked() == 3


def test_no_contact_is_followed_by_so_many_that_they_fill_the_memory(pages: Pages):
    pages.pages = ({**CONTACT, "next_cursor": str(number)} for number in itertools.count())
    with pytest.raises(WeComRetryable, match="more than 100 pages"):
        pages.wecom.contacts.get("wmA")
    assert pages.asked() == 100
