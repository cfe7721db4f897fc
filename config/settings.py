"""Settings: the only place that reads the environment. Every name is documented in the README."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SANDBOX_SECRET_KEY = "sandbox-only-not-a-secret"  # noqa: S105 - refused in production below
MIN_SECRET_LENGTH = 32
MINI_PROGRAM_PAGE = "pages/worklist"
SPOOL = str(ROOT / ".local" / "spool")
PLANS = ROOT / "config" / "plans"
# What WeCom's admin console makes: a Token of at most 32 letters and digits, a key of 43 that decodes to 32 bytes.
CALLBACK_TOKEN = re.compile(r"[A-Za-z0-9]{1,32}")
CALLBACK_AES_KEY = re.compile(r"[A-Za-z0-9]{43}")
# Part of an address, and all that keeps strangers from it.
ANSWERS_KEY = re.compile(r"[A-Za-z0-9_-]{16,128}")


class Mode(StrEnum):
    """Where we run: the sandbox has a fast-forward and demo secrets, production refuses both."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"


class SettingsError(Exception):
    """Settings are missing or wrong; the message names all of them at once."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs between installations."""

    mode: Mode
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    former_secret_keys: str = field(repr=False)
    public_url: str
    wecom_corp_id: str
    wecom_agent_id: int
    wecom_secret: str = field(repr=False)
    wecom_api_url: str
    wecom_oauth_url: str
    wecom_login_url: str
    wecom_jssdk_url: str
    wecom_mini_program: str
    wecom_mini_program_page: str
    wecom_shifts: str
    wecom_callback_token: str = field(repr=False)
    wecom_callback_aes_key: str = field(repr=False)
    sms_api_url: str
    sms_key_id: str
    sms_key_secret: str = field(repr=False)
    sms_sign_name: str
    sms_answers_key: str = field(repr=False)
    callback_spool: str
    travel_key: str = field(repr=False)
    failpoints: str
    log_level: str

    @property
    def secret_keys(self) -> list[str]:
        """The secret that seals now, then those that sealed before it."""
        return [self.secret_key, *filter(None, self.former_secret_keys.split(","))]

    @property
    def plans_folder(self) -> Path:
        """Where the plans are that come with the product."""
        return PLANS

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read and check all settings. Raises `SettingsError` listing every problem."""
        mode = _mode(environ.get("DIANBAN_MODE") or Mode.SANDBOX)
        defaults = _sandbox_defaults() if mode is Mode.SANDBOX else _production_defaults()
        values = {name: environ.get(name) or default for name, default in defaults.items()}
        problems = [f"{name} is not set" for name, value in values.items() if value is None]
        problems += _weaknesses(mode, values)
        if problems:
            raise SettingsError("; ".join(problems))
        known = {name.lower(): value or "" for name, value in values.items()}
        agent_id = int(known.pop("wecom_agent_id"))
        return cls(mode=mode, wecom_agent_id=agent_id, **known)


def _mode(text: str) -> Mode:
    if text not in set(Mode):
        raise SettingsError(f"DIANBAN_MODE is {text!r}, not one of {', '.join(Mode)}")
    return Mode(text)


def _sandbox_defaults() -> dict[str, str | None]:
    sandbox = "http://localhost:8001"
    return {
        "DATABASE_URL": f"sqlite:///{ROOT / '.local' / 'dianban.sqlite3'}",
        "REDIS_URL": "",
        "SECRET_KEY": SANDBOX_SECRET_KEY,
        "FORMER_SECRET_KEYS": "",
        "PUBLIC_URL": "http://localhost:8000",
        "WECOM_CORP_ID": "ww0000sandbox0000",
        "WECOM_AGENT_ID": "1000002",
        "WECOM_SECRET": "sandbox-app-secret",
        "WECOM_API_URL": sandbox,
        "WECOM_OAUTH_URL": sandbox,
        "WECOM_LOGIN_URL": sandbox,
        "WECOM_JSSDK_URL": "",
        "WECOM_MINI_PROGRAM": "",
        "WECOM_MINI_PROGRAM_PAGE": MINI_PROGRAM_PAGE,
        "WECOM_SHIFTS": "",
        "WECOM_CALLBACK_TOKEN": "sandboxCallback",
        "WECOM_CALLBACK_AES_KEY": "sandbox0callback0key0for0the0demo0only00000",
        "SMS_API_URL": f"{sandbox}/sms/",
        "SMS_KEY_ID": "sandbox-sms",
        "SMS_KEY_SECRET": "sandbox-sms-secret",
        "SMS_SIGN_NAME": "店伴",
        "SMS_ANSWERS_KEY": "sandbox-sms-answers",
        "CALLBACK_SPOOL": SPOOL,
        "TRAVEL_KEY": "sandbox-travel",
        "FAILPOINTS": "",
        "LOG_LEVEL": "INFO",
    }


def _production_defaults() -> dict[str, str | None]:
    return {
        "DATABASE_URL": None,
        "REDIS_URL": "",
        "SECRET_KEY": None,
        "FORMER_SECRET_KEYS": "",
        "PUBLIC_URL": None,
        "WECOM_CORP_ID": None,
        "WECOM_AGENT_ID": None,
        "WECOM_SECRET": None,
        "WECOM_API_URL": "https://qyapi.weixin.qq.com",
        "WECOM_OAUTH_URL": "https://open.weixin.qq.com",
        "WECOM_LOGIN_URL": "https://login.work.weixin.qq.com",
        "WECOM_JSSDK_URL": None,
        "WECOM_MINI_PROGRAM": "",
        "WECOM_MINI_PROGRAM_PAGE": MINI_PROGRAM_PAGE,
        "WECOM_SHIFTS": "",
        "WECOM_CALLBACK_TOKEN": None,
        "WECOM_CALLBACK_AES_KEY": None,
        "SMS_API_URL": "https://dysmsapi.aliyuncs.com/",
        "SMS_KEY_ID": "",
        "SMS_KEY_SECRET": "",
        "SMS_SIGN_NAME": "",
        "SMS_ANSWERS_KEY": "",
        "CALLBACK_SPOOL": SPOOL,
        "TRAVEL_KEY": "",
        "FAILPOINTS": "",
        "LOG_LEVEL": "INFO",
    }


def _weaknesses(mode: Mode, values: Mapping[str, str | None]) -> list[str]:
    problems = []
    agent_id = values["WECOM_AGENT_ID"]
    if agent_id is not None and not agent_id.isdigit():
        problems.append("WECOM_AGENT_ID is not a number")
    for name, form in (
        ("WECOM_CALLBACK_TOKEN", CALLBACK_TOKEN),
        ("WECOM_CALLBACK_AES_KEY", CALLBACK_AES_KEY),
    ):
        value = values[name]
        if value is not None and not form.fullmatch(value):
            problems.append(f"{name} is not {form.pattern}")
    if values["WECOM_SHIFTS"] not in ("", "yes"):
        problems.append("WECOM_SHIFTS is neither empty nor yes")
    sms = [name for name in ("SMS_KEY_ID", "SMS_KEY_SECRET", "SMS_SIGN_NAME") if not values[name]]
    if 0 < len(sms) < 3:
        problems.append(f"{', '.join(sms)} not set: a gateway of text messages takes all three, or none")
    answers = values["SMS_ANSWERS_KEY"]
    if answers and not ANSWERS_KEY.fullmatch(answers):
        problems.append(f"SMS_ANSWERS_KEY is not {ANSWERS_KEY.pattern}")
    return problems + (_unfit_for_production(values) if mode is Mode.PRODUCTION else [])


def _unfit_for_production(values: Mapping[str, str | None]) -> list[str]:
    problems = []
    known = _sandbox_defaults()
    callback = ("WECOM_CALLBACK_TOKEN", "WECOM_CALLBACK_AES_KEY")
    sms = ("SMS_KEY_SECRET", "SMS_ANSWERS_KEY")
    for name in ("SECRET_KEY", "WECOM_CORP_ID", "WECOM_SECRET", *sms, *callback):
        if values[name] == known[name]:
            problems.append(f"{name} is the sandbox's")
    if len(values["SECRET_KEY"] or "") < MIN_SECRET_LENGTH:
        problems.append(f"SECRET_KEY is shorter than {MIN_SECRET_LENGTH} characters")
    if values["TRAVEL_KEY"]:
        problems.append("TRAVEL_KEY is set: production has no fast-forward")
    if values["FAILPOINTS"]:
        problems.append("FAILPOINTS is set: production does not kill itself")
    return problems
