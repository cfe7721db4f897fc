"""What the corp's administrator has set for the app; moved by the control API for tests."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Rules:
    """app_enabled: else 50003 · contact_api: the app may call 客户联系, else 48002 ·
    trusted_ips: 企业可信IP, None for any, else 60020 · callback_url_set: may send callback cards, else 43012."""

    app_enabled: bool = True
    contact_api: bool = True
    trusted_ips: tuple[str, ...] | None = None
    callback_url_set: bool = False


def of(connection: sqlite3.Connection) -> Rules:
    """The rules in force."""
    row = connection.execute("SELECT value FROM setting WHERE name = 'rules'").fetchone()
    if row is None:
        return Rules()
    stored = json.loads(row["value"])
    ips = stored.pop("trusted_ips")
    return Rules(trusted_ips=None if ips is None else tuple(ips), **stored)


def put(connection: sqlite3.Connection, rules: Rules) -> None:
    """Replace the rules in force."""
    connection.execute("INSERT OR REPLACE INTO setting VALUES ('rules', ?)", (json.dumps(asdict(rules)),))
