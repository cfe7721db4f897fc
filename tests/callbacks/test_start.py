"""A web process that starts while the database is away takes callbacks all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.factory import create_app
from config.settings import Settings
from tests.callbacks.envelopes import PATH, Sender, added, xml
from tests.house.test_settings import PRODUCTION
from tests.servers.process import free_port


@pytest.fixture
def app(spool_folder: Path) -> Iterator[Flask]:
    nobody = f"mysql+pymysql://nobody@127.0.0.1:{free_port()}/dianban"
    environment = {**PRODUCTION, "DATABASE_URL": nobody, "REDIS_URL": "", "CALLBACK_SPOOL": str(spool_folder)}
    made = create_app(Settings.from_env(environment))
    yield made
    made.extensions["callbacks"].keeper.close()


def test_production_starts_without_its_database_and_spools(app: Flask, spool_folder: Path):
    sender = Sender(
        PRODUCTION["WECOM_CALLBACK_TOKEN"], PRODUCTION["WECOM_CALLBACK_AES_KEY"], PRODUCTION["WECOM_CORP_ID"]
    )
    letter = sender.letter(xml(added(1)))
    answer = app.test_client().post(
        PATH, query_string=letter.query, data=letter.body, base_url="https://localhost"
    )
    assert answer.status_code == 200
    assert len(list(spool_folder.glob("*.callback"))) == 1
