"""The web application with a spool of its own, and what WeCom would send it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.callbacks.routes import Door
from app.db import Database
from app.wecom.callbacks import CallbackCipher
from tests.callbacks.envelopes import AES_KEY, CORP_ID, TOKEN, Sender
from tests.faces.web import KnownCodes, make_app


@pytest.fixture
def sender() -> Sender:
    return Sender()


@pytest.fixture
def cipher() -> CallbackCipher:
    return CallbackCipher(TOKEN, AES_KEY, CORP_ID)


@pytest.fixture
def spool_folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def app(database: Database, spool_folder: Path) -> Iterator[Flask]:
    made = make_app(database, KnownCodes(), CALLBACK_SPOOL=str(spool_folder))
    yield made
    made.extensions["callbacks"].keeper.close()
    made.extensions["database"].close()


@pytest.fixture
def door(app: Flask) -> Door:
    found: Door = app.extensions["callbacks"]
    return found


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
