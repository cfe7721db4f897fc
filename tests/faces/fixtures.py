"""Fixtures of tests/h5 and tests/console."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from app.db import Database
from tests.faces.chain import Chain, noon_today, seed
from tests.faces.web import KnownCodes, make_app


@pytest.fixture
def chain(database: Database) -> Chain:
    return seed(database, noon_today())


@pytest.fixture
def wecom() -> KnownCodes:
    return KnownCodes()


@pytest.fixture
def app(database: Database, chain: Chain, wecom: KnownCodes) -> Iterator[Flask]:
    made = make_app(database, wecom)
    yield made
    made.extensions["database"].close()
