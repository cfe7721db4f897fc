"""A corp for the organisation's tests."""

from __future__ import annotations

import pytest

from tests.organisation.book import Book


@pytest.fixture
def book() -> Book:
    return Book()
