"""Load a chain: branches, stores, associates, products, scripts, members. Repeating it updates, never doubles.

Usage: scripts/load_chain FOLDER      FOLDER holds chain.json and optionally scripts.json and members.csv
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, time
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
from app.members.phones import PURPOSE, NewPhone, read_phone, seal_phone, write_phones
from app.members.service import NewContact, NewMember, bind_contacts, lock_members, register_members
from app.sealing import Keyring
from app.stores.models import Branch, Store
from config.settings import ROOT, Settings
from scripts.commands.load_scripts import read_scripts, write_scripts
from scripts.commands.publish_plan import read_plan

PLAN = ROOT / "config" / "plans" / "after_purchase.toml"
SCRIPTS = ROOT / "config" / "demo" / "scripts.json"
MEMBERS_AT_ONCE = 1000

Row = dict[str, Any]


def load_chain(database: Database, folder: Path, phones: Keyring | None = None) -> None:
    """Load the chain in `folder` and publish the default plan. `phones` seals members' numbers, else they are left out.

    Raises `BadScripts` for scripts that cannot be used, and `ValueError` for a number that is none.
    """
    chain = json.loads((folder / "chain.json").read_text(encoding="utf-8"))
    scripts = folder / "scripts.json"
    with database.transaction() as session:
        _load_organisation(session, chain)
        _upsert(session, Product, "sku", chain["products"])
        write_scripts(session, read_scripts((scripts if scripts.exists() else SCRIPTS).read_text("utf-8")))
        publish(session, read_plan(PLAN))
    members = folder / "members.csv"
    if members.exists():
        with members.open(encoding="utf-8", newline="") as file:
            load_members(database, csv.DictReader(file), phones)


def load_members(database: Database, rows: Iterable[Row], phones: Keyring | None = None) -> None:
    """Register members with owner, WeCom contact and maybe Phone, a thousand at a time (columns: see members.csv)."""
    remaining = iter(rows)
    while chunk := list(islice(remaining, MEMBERS_AT_ONCE)):
        with database.transaction() as session:
            _load_members(session, chunk, phones)


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


def _load_members(session: Session, rows: list[Row], phones: Keyring | None = None) -> None:
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
    numbered = [row for row in rows if row.get("Phone") and phones is not None]
    lock_members(session, [members[row["MemberCode"]] for row in numbered])
    if phones is not None:
        write_phones(session, [_phone(row, members[row["MemberCode"]], phones, now) for row in numbered])


def _phone(row: Row, member_id: int, phones: Keyring, now: datetime) -> NewPhone:
    number = read_phone(row["Phone"])
    if number is None:
        raise ValueError(f"member {row['MemberCode']}: Phone is no mobile number")
    return NewPhone(member_id, seal_phone(phones, number, salt=row["MemberCode"]), member_id, now)


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
    settings = Settings.from_env()
    phones = Keyring(settings.secret_keys, PURPOSE)
    load_chain(Database(settings.database_url), parser.parse_args().folder, phones)


if __name__ == "__main__":
    main()
