"""The sandbox's settings; the only place of this package that reads the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """A setting is missing or wrong; the message names every such setting."""


@dataclass(frozen=True)
class AppCredentials:
    """One self-built app (自建应用) of the corp: its id and the secret that buys its tokens.

    `contacts_sync` is the 通讯录同步 secret instead, which belongs to no app.
    """

    agent_id: int
    secret: str
    name: str = "店伴"
    contacts_sync: bool = False


@dataclass(frozen=True)
class Settings:
    """Everything the sandbox needs to know; frozen, made once."""

    state: Path
    corp_id: str
    apps: tuple[AppCredentials, ...]
    toolbar_url: str
    console_url: str
    travel_url: str = ""
    travel_key: str = ""
    callback_url: str = ""
    callback_token: str = ""
    callback_aes_key: str = ""
    sms_key_id: str = "sandbox-sms"
    sms_key_secret: str = "sandbox-sms-secret"  # noqa: S105 - protects nothing but a demo
    sms_answers_url: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read SANDBOX_*; raise SettingsError naming all that are missing or wrong."""
        wrong = [name for name in _REQUIRED if not env.get(name)]
        if not env.get("SANDBOX_AGENT_ID", "0").isdigit():
            wrong.append("SANDBOX_AGENT_ID (a whole number)")
        if len({bool(env.get(name)) for name in _CALLBACK}) > 1:
            wrong.append(f"{', '.join(_CALLBACK)} (all or none)")
        if wrong:
            raise SettingsError("missing or wrong: " + ", ".join(wrong))
        app = AppCredentials(int(env["SANDBOX_AGENT_ID"]), env["SANDBOX_SECRET"])
        toolbar_url = env.get("SANDBOX_TOOLBAR_URL") or "http://{userid}.localhost:8000/h5/"
        return cls(
            state=Path(env["SANDBOX_STATE"]),
            corp_id=env["SANDBOX_CORP_ID"],
            apps=(app, *_sync_app(env)),
            toolbar_url=toolbar_url,
            console_url=env.get("SANDBOX_CONSOLE_URL") or _console_of(toolbar_url),
            travel_url=env.get("SANDBOX_TRAVEL_URL", ""),
            travel_key=env.get("SANDBOX_TRAVEL_KEY", ""),
            callback_url=env.get("SANDBOX_CALLBACK_URL", ""),
            callback_token=env.get("SANDBOX_CALLBACK_TOKEN", ""),
            callback_aes_key=env.get("SANDBOX_CALLBACK_AES_KEY", ""),
            sms_key_id=env.get("SANDBOX_SMS_KEY_ID", "sandbox-sms"),
            sms_key_secret=env.get("SANDBOX_SMS_KEY_SECRET", "sandbox-sms-secret"),
            sms_answers_url=env.get("SANDBOX_SMS_ANSWERS_URL", ""),
        )

    def app_of_agent(self, agent_id: int) -> AppCredentials | None:
        """The app with that id, or None."""
        return next((app for app in self.apps if app.agent_id == agent_id), None)

    def app_of_secret(self, secret: str) -> AppCredentials | None:
        """The app that owns the whole secret, or None."""
        return next((app for app in self.apps if app.secret == secret), None)


_REQUIRED = ("SANDBOX_STATE", "SANDBOX_CORP_ID", "SANDBOX_AGENT_ID", "SANDBOX_SECRET")
_CALLBACK = ("SANDBOX_CALLBACK_URL", "SANDBOX_CALLBACK_TOKEN", "SANDBOX_CALLBACK_AES_KEY")


def _sync_app(env: Mapping[str, str]) -> tuple[AppCredentials, ...]:
    secret = env.get("SANDBOX_CONTACTS_SYNC_SECRET")
    return (AppCredentials(0, secret, "通讯录同步", contacts_sync=True),) if secret else ()


def _console_of(toolbar_url: str) -> str:
    """The console's address beside the toolbar's: same scheme and port, no phone label."""
    parts = urlsplit(toolbar_url.replace("{userid}.", ""))
    return f"{parts.scheme}://{parts.netloc}/console/"
