"""Fill an empty installation for scripts/run: a chain, people in the sandbox, real purchases that end today.

Repeating it loads nothing twice; an interrupted load is finished with the same shift of days.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app import clock
from app.db import Database
from app.intake.importing import ImportOptions, file_hash, import_file, local_span
from app.intake.imports import find_import
from app.intake.models import PurchaseImport
from app.intake.reading import LocalSpan
from app.intake.refusals import UnreadableFile, reason_of
from app.members.dates import PURPOSE
from app.members.phones import PURPOSE as OF_PHONES
from app.organisation.queries import is_adopted
from app.sealing import Keyring
from app.wecom.apis.contact_ways import NewWay
from app.wecom.app import open_app
from app.wecom.port import Credentials, WeComPort
from app.wecom.sandbox_control import SandboxControl
from config.settings import ROOT, Settings
from scripts.commands.demo_members import demo_members
from scripts.commands.demo_plans import publish_more
from scripts.commands.import_purchases import default_report, print_progress
from scripts.commands.load_chain import SCRIPTS, contacts_of, load_chain, load_members
from scripts.commands.sync_organisation import apply_now, plan_now

DEMO = ROOT / "config" / "demo"
EXCERPT = DEMO / "purchases_excerpt.csv"
SOURCE = "pos"
MINI_PROGRAM = "wx00demo00minishop"
SIGN_NAME = "店伴"


def prepare(
    database: Database,
    wecom: WeComPort,
    control: SandboxControl,
    purchases: Path,
    phones: Keyring | None = None,
) -> None:
    """Load the demo chain, link a mini program, load the purchases and let business time stand after the last one."""
    span = local_span(purchases)
    if span is None:
        raise UnreadableFile("empty_file")
    chain = json.loads((DEMO / "chain.json").read_text(encoding="utf-8"))
    load_chain(database, DEMO, phones)
    members = list(demo_members(purchases, chain))
    load_members(database, members, phones)
    control.put_people(people_of(chain))
    control.put_contacts(contacts_of(members))
    control.put_numbers(
        (row["ExternalUserID"], row["Phone"]) for row in members if row["ExternalUserID"] and row["Phone"]
    )
    control.approve_sms(SIGN_NAME, json.loads(SCRIPTS.read_text("utf-8")))
    _adopt_organisation(database, wecom)
    _hang_up_codes(wecom, chain)
    control.link_mini_program(MINI_PROGRAM)
    codes = sorted(store["code"] for store in chain["stores"])
    _load_purchases(database, control, purchases, span, ZoneInfo(chain["time_zone"]), codes)


def people_of(chain: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The chain's people as accounts of the corp: stores below their branches, managers leading theirs."""
    branches = {branch["code"]: branch["name"] for branch in chain["branches"]}
    paths = {store["code"]: f"{branches[store['branch']]}/{store['name']}" for store in chain["stores"]}
    for person in chain["associates"]:
        leads = person["role"] == "store_manager"
        yield {
            "userid": person["userid"],
            "name": person["name"],
            "department": paths.get(person["store"], "总部"),
            "position": chain["positions"][person["role"]],
            "leader": leads,
        }


def _adopt_organisation(database: Database, wecom: WeComPort) -> None:
    """What an administrator would do first: look at the plan, find that all is recognised, apply it."""
    with database.reading() as session:
        if is_adopted(session):
            return
    planned = plan_now(database, wecom)
    apply_now(database, wecom, planned.id, may_end_many=False, ends_unknown=False)


def _hang_up_codes(wecom: WeComPort, chain: Mapping[str, Any]) -> None:
    """A code at each store's till that leads to one of its people: the sandbox's phones can scan it."""
    hanging = {wecom.contact_ways.get(way).state for way in wecom.contact_ways.ids(start_s=0)}
    for store in chain["stores"]:
        state = f"till-{store['code']}"
        if state not in hanging:
            people = [person["userid"] for person in chain["associates"] if person["store"] == store["code"]]
            wecom.contact_ways.add(NewWay(people, is_multi=True, remark=store["name"], state=state))


def _load_purchases(
    database: Database,
    control: SandboxControl,
    purchases: Path,
    span: LocalSpan,
    zone: ZoneInfo,
    stores: list[str],
) -> None:
    with database.reading() as session:
        known = find_import(session, SOURCE, file_hash(purchases))
        now = clock.now(session)
    if known is not None and known.finished_at is not None:
        return
    shift = known.shift_days if known else (now.astimezone(zone).date() - span.last.date()).days
    _pass_last_purchase(database, control, span, shift, zone)
    options = ImportOptions(
        source=SOURCE, stores=tuple(stores), shift_days=shift, report=default_report(purchases)
    )
    summary = import_file(database, purchases, options, print_progress)
    counts = summary.counts
    sys.stderr.write(
        f"{purchases.name}: {counts.rows} rows, {counts.applied} receipts and refunds loaded, "
        f"{counts.refused} receipts ({summary.refused_rows} rows) refused (see {options.report})\n"
    )


def _pass_last_purchase(
    database: Database, control: SandboxControl, span: LocalSpan, shift: int, zone: ZoneInfo
) -> None:
    """Move business time past the last purchase of today, where that lies ahead: a demo never buys in the future."""
    last = (span.last + timedelta(days=shift)).replace(tzinfo=zone).astimezone(UTC) + timedelta(minutes=1)
    with database.transaction() as session:
        offset = clock.jump_to(session, max(last, clock.now(session)))
    control.set_clock(offset)


def main() -> None:
    """Entry, called by scripts/run; exit code 2 for a file that is no purchase file.

    Without a file the small excerpt is loaded, but only into a database that has no purchases yet.
    """
    parser = argparse.ArgumentParser(prog="scripts/run")
    parser.add_argument("--purchases", type=Path)
    arguments = parser.parse_args()
    settings = Settings.from_env()
    database = Database(settings.database_url)
    if arguments.purchases is None and _has_purchases(database):
        return
    purchases: Path = arguments.purchases or EXCERPT
    try:
        control, phones = SandboxControl(settings.wecom_api_url), Keyring(settings.secret_keys, OF_PHONES)
        prepare(database, _wecom(settings), control, purchases, phones)
        publish_more(database, Keyring(settings.secret_keys, PURPOSE))
    except UnreadableFile as problem:
        reason = reason_of(problem.code)
        sys.stderr.write(f"{purchases}: {reason.zh} / {reason.en}\n")
        sys.exit(2)


def _wecom(settings: Settings) -> WeComPort:
    credentials = Credentials(settings.wecom_corp_id, settings.wecom_agent_id, settings.wecom_secret)
    return open_app(
        credentials, settings.wecom_api_url, settings.redis_url, settings.database_url, settings.secret_key
    )


def _has_purchases(database: Database) -> bool:
    with database.reading() as session:
        return (
            session.scalar(select(PurchaseImport.id).where(PurchaseImport.finished_at.is_not(None)).limit(1))
            is not None
        )


if __name__ == "__main__":
    main()
