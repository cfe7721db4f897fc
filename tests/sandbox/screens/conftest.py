"""Phones in Chromium, over a sandbox of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.sandbox.stage import LOCAL, Stage


@pytest.fixture(scope="session")
def base_url() -> str:
    """None: a phone is a host of its own, so every address here is whole."""
    return ""


@pytest.fixture
def stage(settings, machine) -> Iterator[Stage]:
    stage = Stage(settings, machine)
    yield stage
    stage.close()


@pytest.fixture
def page(page: Page, stage: Stage) -> Iterator[Page]:
    """A page that fails the test on a script error and on any request that leaves this machine."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if not LOCAL.match(request.url) else None)
    yield page
    page.goto("about:blank")
    assert wrong == []
