"""Every setting is documented, and production starts with no secret that everybody knows."""

from __future__ import annotations

import ast
import re

import pytest

from config.settings import Settings, SettingsError
from tests.house.source import ROOT, Source, product_sources

SETTING = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
READERS = ("config/settings.py", "app/sandbox/settings.py")
LONG_ENOUGH = "x" * 64
# A complete production environment; nothing in it is the sandbox's.
PRODUCTION = {
    "DIANBAN_MODE": "production",
    "DATABASE_URL": "mysql+pymysql://dianban@db.example/dianban",
    "REDIS_URL": "redis://redis.example/0",
    "SECRET_KEY": LONG_ENOUGH,
    "PUBLIC_URL": "https://dianban.example",
    "WECOM_CORP_ID": "ww1234567890abcdef",
    "WECOM_AGENT_ID": "1000007",
    "WECOM_SECRET": "s" * 43,
    "WECOM_JSSDK_URL": "https://static.example/wecom-jssdk.js",
    "WECOM_CALLBACK_TOKEN": "t" * 32,
    "WECOM_CALLBACK_AES_KEY": "k" * 43,
}


def names_read(source: Source) -> set[str]:
    """The names of settings as they stand in the text of a settings module."""
    texts = (node.value for node in ast.walk(source.tree) if isinstance(node, ast.Constant))
    return {text for text in texts if isinstance(text, str) and SETTING.fullmatch(text)}


def test_every_setting_is_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = {name for source in product_sources() if source.path in READERS for name in names_read(source)}
    assert {"DATABASE_URL", "SECRET_KEY", "SANDBOX_STATE"} <= names
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", readme)] == []


def test_a_complete_production_environment_is_accepted():
    assert Settings.from_env(PRODUCTION).secret_key == LONG_ENOUGH


def test_production_names_everything_that_is_missing_at_once():
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({"DIANBAN_MODE": "production"})
    for name in (
        "DATABASE_URL",
        "SECRET_KEY",
        "PUBLIC_URL",
        "WECOM_CORP_ID",
        "WECOM_AGENT_ID",
        "WECOM_SECRET",
        "WECOM_CALLBACK_TOKEN",
        "WECOM_CALLBACK_AES_KEY",
    ):
        assert name in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "SECRET_KEY",
        "WECOM_SECRET",
        "WECOM_CORP_ID",
        "WECOM_CALLBACK_TOKEN",
        "WECOM_CALLBACK_AES_KEY",
        "SMS_ANSWERS_KEY",
        "TRAVEL_KEY",
    ],
)
def test_production_refuses_what_the_sandbox_starts_with(name: str):
    sandbox = Settings.from_env({})
    with pytest.raises(SettingsError, match=name):
        Settings.from_env({**PRODUCTION, name: str(getattr(sandbox, name.lower()))})


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("WECOM_CALLBACK_TOKEN", "t" * 33),
        ("WECOM_CALLBACK_TOKEN", "a-b"),
        ("WECOM_CALLBACK_AES_KEY", "k" * 42),
        ("WECOM_CALLBACK_AES_KEY", "=" * 43),
        ("SMS_ANSWERS_KEY", "short"),
    ],
)
def test_what_wecoms_console_cannot_have_made_is_refused(name: str, wrong: str):
    with pytest.raises(SettingsError, match=name):
        Settings.from_env({**PRODUCTION, name: wrong})


@pytest.mark.parametrize("mode", ["prod", "Production", "PRODUCTION ", "test"])
def test_an_unknown_mode_is_refused_by_name(mode: str):
    with pytest.raises(SettingsError, match="DIANBAN_MODE"):
        Settings.from_env({**PRODUCTION, "DIANBAN_MODE": mode})


def test_secrets_do_not_show_when_settings_are_printed():
    assert LONG_ENOUGH not in repr(Settings.from_env(PRODUCTION))
