"""Made-up people behind the customer numbers of a real purchase file, so that a demo has somebody to write to.

The published data has numbers only. Names, owners and WeCom contacts are drawn from the number itself: the same file
always gives the same people. Every twentieth has no owner, three in ten are not in WeCom; of a quarter no number is
known.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.intake.building import spread_over
from scripts.chain_generator.names import GIVEN_OF_MEMBERS, SURNAMES

OWNERLESS_PERCENT = 5
OUTSIDE_WECOM_PERCENT = 30
NUMBERLESS = 64  # of 256


def demo_members(purchases: Path, chain: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """A members.csv row for every customer number of the file, in ascending order."""
    stores = sorted(store["code"] for store in chain["stores"])
    teams: dict[str, list[str]] = {code: [] for code in stores}
    for person in chain["associates"]:
        if person["role"] == "associate":
            teams[person["store"]].append(person["userid"])
    for customer in sorted(_customers(purchases)):
        store = spread_over(stores, customer)
        yield _member(customer, store, teams[store])


def _customers(purchases: Path) -> set[str]:
    with purchases.open(encoding="utf-8", newline="") as file:
        return {row["CustomerID"].strip() for row in csv.DictReader(file) if row.get("CustomerID")} - {""}


def _member(customer: str, store: str, team: Sequence[str]) -> dict[str, str]:
    draw = hashlib.blake2b(customer.encode(), digest_size=12).digest()
    owner = "" if draw[0] * 100 < OWNERLESS_PERCENT * 256 else team[draw[1] % len(team)]
    in_wecom = bool(owner) and draw[2] * 100 >= OUTSIDE_WECOM_PERCENT * 256
    surname, _ = SURNAMES[draw[3] % len(SURNAMES)]
    given = GIVEN_OF_MEMBERS[draw[4] % len(GIVEN_OF_MEMBERS)]
    return {
        "MemberCode": customer,
        "Name": surname + given,
        "StoreCode": store,
        "OwnerID": owner,
        "ExternalUserID": f"wm{draw.hex()}" if in_wecom else "",
        "Phone": f"199{int.from_bytes(draw[5:9], 'big') % 10**8:08d}" if draw[9] >= NUMBERLESS else "",
    }
