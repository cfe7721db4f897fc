"""What the corp's administrator has set for the app; moved by the control API for tests."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from app.sandbox.answers import WeComError
from app.sandbox.calls import Endpoint
from app.sandbox.settings import AppCredentials

SYNC_PATHS = ("user/", "department/")


@dataclass(frozen=True)
class Rules:
    """The switches.

    app_enabled: else 50003 · trusted_ips: 企业可信IP, None for any, else 60020 · callback_url_set: may send callback
    cards, else 43012 · scope: 可见范围, departments with all below them, None for the whole corp.
    contact_api, pay_api, living_api, checkin_api: the app is on the list of 客户联系, 对外收款, 直播, 打卡, else
    48002 · mini_program: the linked mini program's appid, "" for none, else 48002.
    account_limit: accounts the corp bought, times 200 is what an app may send a day (45009; facts 5.1) ·
    unlicensed: members without an interface licence, named in unlicenseduser ·
    images_a_day, images_a_month: media/uploadimg (45009; facts 3.13).
    """

    app_enabled: bool = True
    contact_api: bool = True
    pay_api: bool = True
    living_api: bool = True
    checkin_api: bool = True
    mini_program: str = ""
    trusted_ips: tuple[str, ...] | None = None
    callback_url_set: bool = False
    scope: tuple[int, ...] | None = None
    account_limit: int = 10_000
    unlicensed: tuple[str, ...] = ()
    images_a_day: int = 1_000
    images_a_month: int = 3_000


def of(connection: sqlite3.Connection) -> Rules:
    """The rules in force."""
    row = connection.execute("SELECT value FROM setting WHERE name = 'rules'").fetchone()
    return Rules() if row is None else _read(row["value"])


@lru_cache(maxsize=8)
def _read(text: str) -> Rules:
    """The same text says the same; every call asks several times."""
    return from_json(json.loads(text))


def put(connection: sqlite3.Connection, rules: Rules) -> None:
    """Replace the rules in force."""
    connection.execute("INSERT OR REPLACE INTO setting VALUES ('rules', ?)", (json.dumps(asdict(rules)),))


def from_json(stored: dict[str, Any]) -> Rules:
    """Rules out of what JSON can say; raises TypeError for a name that is none."""
    given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in stored.items()}
    return Rules(**given)


def check_permission(endpoint: Endpoint, app: AppCredentials, path: str, in_force: Rules) -> None:
    """Raises 50003 for a disabled app, 48002 where this app or secret may not call this path."""
    if not in_force.app_enabled:
        raise WeComError(50003)
    allowed = (
        (in_force.contact_api or not endpoint.contacts)
        and (in_force.pay_api or not endpoint.pay)
        and (in_force.living_api or not endpoint.living)
        and (in_force.checkin_api or not endpoint.checkin)
        and (bool(in_force.mini_program) or not endpoint.mini_program)
        and (path.startswith(SYNC_PATHS) if app.contacts_sync else not endpoint.sync)
    )
    if not allowed:
        raise WeComError(48002)
