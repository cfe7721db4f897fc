"""Load a chain: branches, stores, associates, products, scripts, members. Repeating it updates, never doubles.

Usage: scripts/load_chain FOLDER      FOLDER holds chain.json and optionally scripts.json and members.csv
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Iterator
from datetime import time
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate, Role
from app.catalogue.models import Product
from app.db import Base, Database
from app.follow_ups.plans.versions import publish
from app.ids import new_id
from app.members.service import NewContact, NewMember, bind_contacts, register_members
from app.sales_scripts.models import SalesScript
from app.stores.models import Branch, Store
from config.settings import ROOT, Settings
from scripts.commands.publish_plan import read_plan

PLAN = ROOT / "config" / "plans" / "after_purchase.toml"
SCRIPTS = ROOT / "config" / "demo" / "scripts.json"
MEMBERS_AT_ONCE = 1000

Row = dict[str, Any]


def load_chain(database: Database, folder: Path) -> None:
    """Load the chain in `folder` and publish the default plan."""
    chain = json.loads((folder / "chain.json").read_text(encoding="utf-8"))
    scripts = folder / "scripts.json"
    with database.transaction() as session:
        _load_organisation(session, chain)
        _upsert(session, Product, "sku", chain["products"])
        _upsert(
            session,
            SalesScript,
            "code",
            json.loads((scripts if scripts.exists() else SCRIPTS).read_text("utf-8")),
        )
        publish(session, read_plan(PLAN))
    members = folder / "members.csv"
    if members.exists():
        with members.open(encoding="utf-8", newline="") as file:
            load_members(database, csv.DictReader(file))


def load_members(database: Database, rows: Iterable[Row]) -> None:
    """Register members with owner and WeCom contact, a thousand at a time (columns: see members.csv)."""
    remaining = iter(rows)
    while chunk := list(islice(remaining, MEMBERS_AT_ONCE)):
        with database.transaction() as session:
            _load_members(session, chunk)


def contacts_of(rows: Iterable[Row]) -> Iterator[Row]:
    """The members' WeCom contacts as the sandbox takes them."""
    for row in rows:
        if row["ExternalUserID"] and row["OwnerID"]:
            follow = [{"userid": row["OwnerID"], "remark": row["Name"]}]
            yield {"external_userid": row["ExternalUserID"], "name": row["Name"], "follow": follow}


def _load_organisation(session: Session, chain: Row) -> None:
    _upsert(session, Branch, "code", chain["branches"])
    branches = {branch.code: branch.id for branch in session.scalars(select(Branch))}
    zone, currency = chain["time_zone"], chain["currency"]
    stores = [
        {
            "code": store["code"],
            "branch_id": branches[store["branch"]],
            "name": store["name"],
            "time_zone": zone,
            "currency": currency,
            "opens_at": time.fromisoformat(store["opens_at"]),
            "closes_at": time.fromisoformat(store["closes_at"]),
        }
        for store in chain["stores"]
    ]
    _upsert(session, Store, "code", stores)
    ids = {store.code: store.id for store in session.scalars(select(Store))}
    people = [
        {
            "wecom_userid": person["userid"].lower(),
            "name": person["name"],
            "store_id": ids[person["store"]] if person["store"] else None,
            "role": Role(person["role"]),
        }
        for person in chain["associates"]
    ]
    _upsert(session, Associate, "wecom_userid", people)


def _load_members(session: Session, rows: list[Row]) -> None:
    stores = {store.code: store.id for store in session.scalars(select(Store))}
    people = {person.wecom_userid: person.id for person in session.scalars(select(Associate))}
    now = clock.now(session)
    members = register_members(
        session,
        [
            NewMember(
                row["MemberCode"],
                row["Name"],
                stores[row["StoreCode"]],
                people.get(row["OwnerID"].lower()),
                now,
            )
            for row in rows
        ],
    )
    contacts = [
        NewContact(
            row["ExternalUserID"], row["Name"], members[row["MemberCode"]], people[row["OwnerID"].lower()]
        )
        for row in rows
        if row["ExternalUserID"] and row["OwnerID"]
    ]
    bind_contacts(session, contacts, now)


def _upsert(session: Session, model: type[Base], key: str, rows: Iterable[Row]) -> None:
    """Insert or update rows by their natural key."""
    known = {getattr(entity, key): entity for entity in session.scalars(select(model))}
    for row in rows:
        entity = known.get(row[key])
        if entity is None:
            session.add(model(id=new_id(session), **row))
        else:
            for name, value in row.items():
                setattr(entity, name, value)
    session.flush()


def main() -> None:
    """Entry of scripts/load_chain."""
    parser = argparse.ArgumentParser(
        prog="scripts/load_chain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    load_chain(Database(Settings.from_env().database_url), parser.parse_args().folder)


if __name__ == "__main__":
    main()
