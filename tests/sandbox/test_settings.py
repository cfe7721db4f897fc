"""The SANDBOX_* environment."""

from __future__ import annotations

import sqlite3

import pytest

from app.sandbox.settings import Settings, SettingsError
from app.sandbox.store import StateFileMismatch, Store

ENV = {"SANDBOX_STATE": "s.sqlite3", "SANDBOX_CORP_ID": "ww1", "SANDBOX_AGENT_ID": "7", "SANDBOX_SECRET": "s"}


def test_what_is_not_given_has_its_place_on_this_machine():
    settings = Settings.from_env(ENV)
    assert settings.toolbar_url == "http://{userid}.localhost:8000/h5/"
    assert settings.console_url == "http://localhost:8000/console/"
    assert (settings.apps[0].agent_id, settings.travel_url) == (7, "")


def test_everything_missing_is_named_at_once():
    with pytest.raises(
        SettingsError, match=r"SANDBOX_STATE, SANDBOX_CORP_ID, SANDBOX_AGENT_ID, SANDBOX_SECRET"
    ):
        Settings.from_env({})
    with pytest.raises(SettingsError, match="whole number"):
        Settings.from_env({**ENV, "SANDBOX_AGENT_ID": "seven"})

    with pytest.raises(SettingsError, match="all or none"):
        Settings.from_env({**ENV, "SANDBOX_CALLBACK_URL": "http://127.0.0.1:8000/callbacks/wecom"})


def test_a_state_file_of_another_version_is_refused(tmp_path):
    path = tmp_path / "old.sqlite3"
    old = sqlite3.connect(path)
    old.execute("PRAGMA user_version = 99")
    old.close()
    with pytest.raises(StateFileMismatch, match="version 99"):
        Store(path)
