"""Who receives an app message: members, departments and tags named, of those the app may see (facts 3.14)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from app.sandbox import scope
from app.sandbox.answers import WeComError
from app.sandbox.calls import Body
from app.sandbox.rules import Rules

USERS_MOST, PARTIES_MOST, TAGS_MOST = 1_000, 100, 100


@dataclass
class Receivers:
    """Who is to get a message, and which of the names given are nobody's."""

    userids: list[str] = field(default_factory=list)
    invalid: dict[str, list[str]] = field(default_factory=dict)

    def invalid_fields(self) -> dict[str, str]:
        """invaliduser, invalidparty, invalidtag, unlicenseduser: joined by |, only those that are relevant."""
        return {name: "|".join(values) for name, values in self.invalid.items() if values}


def names_of(body: Body, name: str) -> list[str]:
    """The parts of `a|b|c`; 40058 for another type."""
    value = body.get(name) or ""
    if not isinstance(value, str):
        raise WeComError(40058, f"{name} is not a string")
    return [part for part in value.split("|") if part]


def check_given(body: Body) -> None:
    """Raises 82001 for nobody, 40032, 82002 or 82003 for too many."""
    users, parties, tags = (names_of(body, name) for name in ("touser", "toparty", "totag"))
    if not users and not parties and not tags:
        raise WeComError(82001)
    if len(users) > USERS_MOST:
        raise WeComError(40032)
    if len(parties) > PARTIES_MOST:
        raise WeComError(82002)
    if len(tags) > TAGS_MOST:
        raise WeComError(82003)


def receivers_of(connection: sqlite3.Connection, body: Body, rules: Rules) -> Receivers:
    """The members meant, each once; with @all the other two fields are ignored.

    Raises 81013 where nobody is left, 701008 where only members without a licence are.
    """
    users = names_of(body, "touser")
    found = _everybody(connection) if users == ["@all"] else _named(connection, body, users)
    unlicensed = {name.lower() for name in rules.unlicensed}
    without = [userid for userid in found.userids if userid.lower() in unlicensed]
    found.invalid["unlicenseduser"] = [userid.lower() for userid in without]
    if not found.userids:
        raise WeComError(81013, **found.invalid_fields())
    found.userids = [userid for userid in found.userids if userid not in without]
    if not found.userids:
        raise WeComError(701008, **found.invalid_fields())
    return found


def members_of(connection: sqlite3.Connection, party: str) -> list[str]:
    """The members of a department and of those below it whom the app may see."""
    below = scope.with_below(connection, [int(party)]) if party.isdigit() else set()
    return scope.visible(connection, below)


def _everybody(connection: sqlite3.Connection) -> Receivers:
    return Receivers(scope.visible(connection, None))


def _named(connection: sqlite3.Connection, body: Body, users: list[str]) -> Receivers:
    found: dict[str, None] = {}
    invalid: dict[str, list[str]] = {
        "invaliduser": [],
        "invalidparty": [],
        "invalidtag": names_of(body, "totag"),
    }
    limited = scope.departments_seen(connection) is not None
    for name in users:
        row = connection.execute(
            "SELECT userid FROM person WHERE userid = ? AND status = 1", (name,)
        ).fetchone()
        if row is None or (limited and not scope.sees(connection, row["userid"])):
            invalid["invaliduser"].append(name.lower())
        else:
            found[row["userid"]] = None
    for party in names_of(body, "toparty"):
        members = members_of(connection, party)
        if not members:
            invalid["invalidparty"].append(party)
        found.update(dict.fromkeys(members))
    return Receivers(list(found), invalid)
