"""A shop for each test; whatever the test did to it, what always holds is looked at in the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.db import Database
from tests.worklist.shop import Shop


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    opened = Shop(database)
    yield opened
    opened.check()
