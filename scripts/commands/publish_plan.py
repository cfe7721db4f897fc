"""Publish a follow-up plan as its next version, everywhere or first in some stores; members in the plan keep theirs.

Usage: scripts/publish_plan config/plans/after_purchase.toml [--stores S1,S2] [--withdraw]

With --withdraw nobody enters the plan of the file any more, everywhere or in those stores (scripts/withdraw_plan also
ends what is under way). What a plan would bring is told before by scripts/dry_run.
Exit code 0, 1 where the database cannot be reached, 2 where the file is no plan or a store is not known.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.criteria.refusing import explain_refusal
from app.criteria.words import Language
from app.db import Database
from app.errors import Invalid, NotFound
from app.follow_ups.plans.drafts import Mistake, check_text, plan_of_code, publish_text
from app.follow_ups.plans.releases import history, release
from app.follow_ups.plans.versions import get_version
from app.stores.queries import stores_by_code, stores_by_id
from config.settings import Settings, SettingsError
from scripts.commands.complaints import database_failed

SHOWN = 5


def read_plan(path: Path) -> dict[str, Any]:
    """The plan document in a TOML file."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def mistake_in_words(mistake: Mistake) -> str:
    """What is wrong: of a rule that cannot be read, where, and what was perhaps meant."""
    details = dict(mistake.error.details)
    if "rule" in details:
        zh, en = (explain_refusal(mistake.error, language) for language in (Language.ZH, Language.EN))
        return f"{mistake.place}: {details['rule']}\n  {zh}\n  {en}"
    problem = str(details.pop("problem", mistake.error.code))
    more = ", ".join(f"{name} {value}" for name, value in details.items())
    return f"{mistake.place}: {problem}" + (f" ({more})" if more else "")


def store_ids_of(session: Session, codes: Sequence[str] | None) -> list[int] | None:
    """The stores of these codes. Raises `NotFound` for one there is not."""
    if codes is None:
        return None
    known = stores_by_code(session, codes)
    for code in codes:
        if code not in known:
            raise NotFound("unknown_store", place=code)
    return [known[code].id for code in codes]


def standing(session: Session, plan_id: int) -> str:
    """Which version is in force where, and since when: the newest releases as lines."""
    stores = stores_by_id(session)
    lines = []
    for one in history(session, plan_id)[:SHOWN]:
        version = f"version {get_version(session, one.version_id).number}" if one.version_id else "withdrawn"
        codes = sorted(stores[store_id].code for store_id in one.store_ids or ())
        where = "everywhere" if one.store_ids is None else ", ".join(codes)
        mark = "*" if one.is_in_force else " "
        lines.append(f"  {mark} {version:<12} {one.at:%Y-%m-%d %H:%M}  {where}")
    return "\n".join(lines)


def publish_file(database: Database, text: str, codes: Sequence[str] | None) -> tuple[int, str]:
    """Put what a file says in force; returns the plan and what was done. Raises `Invalid` and `NotFound`."""

    def put_in_force(session: Session) -> tuple[int, str]:
        store_ids = store_ids_of(session, codes)
        document = check_text(session, text).document
        plan = plan_of_code(session, document.code) if document else None
        before = len(history(session, plan.id)) if plan else 0
        version = publish_text(session, text, store_ids=store_ids)
        is_same = len(history(session, version.plan_id)) == before
        what = "unchanged" if is_same else f"version {version.number} published"
        return version.plan_id, f"{version.document.code}: {what}, {len(version.steps)} steps"

    return database.in_transaction(put_in_force)


def withdraw_file(database: Database, text: str, codes: Sequence[str] | None) -> tuple[int, str]:
    """Withdraw the plan that a file is of. Raises `NotFound`."""
    with database.transaction() as session:
        code = str(tomllib.loads(text).get("code", ""))
        plan = plan_of_code(session, code)
        if plan is None:
            raise NotFound("unknown_plan", place=code)
        release(session, plan.id, None, store_ids=store_ids_of(session, codes))
        return plan.id, f"{code}: withdrawn"


def main() -> int:
    """Entry of scripts/publish_plan."""
    arguments = _parser().parse_args()
    path: Path = arguments.file
    codes = arguments.stores.split(",") if arguments.stores else None
    try:
        database = Database(Settings.from_env().database_url)
        text = path.read_text(encoding="utf-8")
        with database.reading() as session:
            mistakes = () if arguments.withdraw else check_text(session, text).mistakes
        for mistake in mistakes:
            sys.stderr.write(f"{path}:{mistake.line or 1}: {mistake_in_words(mistake)}\n")
        if mistakes:
            return 2
        act = withdraw_file if arguments.withdraw else publish_file
        plan_id, said = act(database, text, codes)
        with database.reading() as session:
            sys.stdout.write(f"{said}\n{standing(session, plan_id)}\n")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, SettingsError, Invalid, NotFound) as error:
        sys.stderr.write(f"{path}: {error}\n")
        return 2
    except SQLAlchemyError as error:
        return database_failed(error, 1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/publish_plan", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, metavar="FILE.toml")
    parser.add_argument("--stores", metavar="S1,S2", help="in these stores only")
    parser.add_argument("--withdraw", action="store_true", help="nobody enters the plan any more")
    return parser


if __name__ == "__main__":
    sys.exit(main())
