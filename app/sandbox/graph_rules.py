"""What the console has set about customers, moved by the control API for tests; and per member."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class GraphRules:
    """unionid_bound: a WeChat developer account is bound, so that WeChat contacts have a unionid ·
    tag_cap: corp tags there may be, 10,000 or 3,000 by the age of the corp (facts 3.5, 9.1) ·
    way_cap: lasting contact ways there may be · temp_chats: the corp is one of medicine and may make
    temporary chats (facts 3.6)."""

    unionid_bound: bool = True
    tag_cap: int = 10_000
    way_cap: int = 500_000
    temp_chats: bool = False


@dataclass(frozen=True)
class MemberSwitches:
    """console_welcome: the console has a welcome of its own for this member, so that no code is given
    (facts 3.7) · real_named: else no contact way may name the member (40098)."""

    console_welcome: bool = False
    real_named: bool = True


def of(connection: sqlite3.Connection) -> GraphRules:
    """The rules in force."""
    row = connection.execute("SELECT value FROM setting WHERE name = 'graph_rules'").fetchone()
    return GraphRules(**json.loads(row["value"])) if row else GraphRules()


def put(connection: sqlite3.Connection, rules: GraphRules) -> None:
    """Replace the rules in force."""
    value = json.dumps(asdict(rules))
    connection.execute("INSERT OR REPLACE INTO setting VALUES ('graph_rules', ?)", (value,))


def switches_of(connection: sqlite3.Connection, userid: str) -> MemberSwitches:
    """What is set for this member."""
    row = connection.execute("SELECT * FROM member_switch WHERE userid = ?", (userid,)).fetchone()
    if row is None:
        return MemberSwitches()
    return MemberSwitches(bool(row["console_welcome"]), bool(row["real_named"]))


def put_switches(connection: sqlite3.Connection, userid: str, switches: MemberSwitches) -> None:
    """Replace what is set for this member."""
    values = (userid, switches.console_welcome, switches.real_named)
    connection.execute("INSERT OR REPLACE INTO member_switch VALUES (?, ?, ?)", values)
