"""What the corp's administrator, or WeCom itself, has set for group sends, moments, handovers and group chats."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass, field

from app.sandbox.clock import HOUR, SECOND

QUOTAS = ("month", "week", "day")


@dataclass(frozen=True)
class CampaignRules:
    """Durations are microseconds of the sandbox's time.

    dispatch_us: how long a new group send is being dispatched, 41063 meanwhile · quota: what one customer may get,
    a message for each day of the month ("month"), 7 a "week", 1 a "day" (facts 3.8) · job_us: how long each of the
    first two states of a moment's job lasts at most · transfer_us: when a handover completes by itself ·
    customers_most: userid → how many customers that member can have · visible_most: members the app may see
    before a list of groups needs a filter (81017).
    """

    dispatch_us: int = SECOND
    quota: str = "month"
    job_us: int = 5 * SECOND
    transfer_us: int = 24 * HOUR
    customers_most: dict[str, int] = field(default_factory=dict)
    visible_most: int = 1_000

    def most_customers(self, userid: str) -> int | None:
        """How many customers the member can have; None where nothing was set."""
        return {name.lower(): most for name, most in self.customers_most.items()}.get(userid.lower())


def of(connection: sqlite3.Connection) -> CampaignRules:
    """The rules in force."""
    row = connection.execute("SELECT value FROM setting WHERE name = 'campaign_rules'").fetchone()
    return CampaignRules(**json.loads(row["value"])) if row else CampaignRules()


def put(connection: sqlite3.Connection, rules: CampaignRules) -> None:
    """Replace the rules in force."""
    connection.execute(
        "INSERT OR REPLACE INTO setting VALUES ('campaign_rules', ?)", (json.dumps(asdict(rules)),)
    )
