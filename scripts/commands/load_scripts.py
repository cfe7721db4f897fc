"""Write sales scripts from a file, or show those there are as such a file: what stands in it is what counts.

Usage: scripts/load_scripts > scripts.json      to begin with: all there are
       scripts/load_scripts scripts.json        new ones are added, known ones become what the file says, others stay

A file is a list of {"code", "title", "scene", "body", "sms_template", "link"}. `body` may use {member} {associate}
{store} {product} {purchased_on} {link}. `sms_template` is the template a gateway of text messages approved for these
words, needed where a step sends them by text message. `link` is the https address to which {link} leads.
Exit code 0, 1 where the database cannot be reached, 2 where the file is wrong: then nothing is written.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.db import Database
from app.follow_ups.linking.addresses import is_target
from app.ids import new_id
from app.sales_scripts.models import SalesScript
from app.sales_scripts.rules import LINK, unfilled
from config.settings import Settings, SettingsError
from scripts.commands.complaints import database_failed

Row = dict[str, Any]
# The longest each may be; 0 for one that may be as long as it likes.
LONGEST = {"code": 64, "title": 64, "scene": 32, "body": 0, "sms_template": 64, "link": 512}
NEEDED = ("code", "title", "body")
VARIABLES = frozenset({"member", "associate", "store", "product", "purchased_on", LINK})


class BadScripts(ValueError):
    """What is wrong with a file, one line each."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))


def read_scripts(text: str) -> list[Row]:
    """The scripts a file says, every field of each. Raises `BadScripts` naming every mistake by script and field."""
    try:
        listed = json.loads(text)
    except ValueError as error:
        raise BadScripts([f"no JSON: {error}"]) from None
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise BadScripts(["a list of scripts is expected"])
    mistakes = [mistake for number, one in enumerate(listed, start=1) for mistake in _mistakes(number, one)]
    codes = [str(one.get("code")) for one in listed]
    mistakes += [
        f"{code}: stands here twice" for code in sorted({one for one in codes if codes.count(one) > 1})
    ]
    if mistakes:
        raise BadScripts(mistakes)
    return [{name: one.get(name, "") for name in LONGEST} for one in listed]


def write_scripts(session: Session, rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Write them; returns what became of each: its code, and "new", "unchanged" or which fields changed."""
    codes = [row["code"] for row in rows]
    found = session.scalars(select(SalesScript).where(SalesScript.code.in_(codes)))
    known = {script.code: script for script in found}
    became = []
    for row in rows:
        script = known.get(row["code"])
        if script is None:
            session.add(SalesScript(id=new_id(session), **row))
            became.append((row["code"], "new"))
            continue
        changed = [name for name, value in row.items() if getattr(script, name) != value]
        for name in changed:
            setattr(script, name, row[name])
        became.append((row["code"], ", ".join(changed) or "unchanged"))
    session.flush()
    return became


def present_scripts(session: Session) -> list[Row]:
    """Those in use, by code, as a file has them."""
    query = select(SalesScript).where(SalesScript.ended_at.is_(None)).order_by(SalesScript.code)
    return [{name: getattr(script, name) for name in LONGEST} for script in session.scalars(query)]


def _mistakes(number: int, script: Mapping[str, Any]) -> Iterator[str]:
    place = str(script.get("code") or f"script {number}")
    for name in sorted(script.keys() - LONGEST.keys()):
        yield f"{place}: {name} is no field of a script"
    for name, longest in LONGEST.items():
        value = script.get(name, "")
        if not isinstance(value, str) or (longest and len(value) > longest):
            yield f"{place}: {name} is no text" + (f" of at most {longest} characters" if longest else "")
            return
        if name in NEEDED and not value.strip():
            yield f"{place}: {name} is missing"
    used, link = set(unfilled(script.get("body", ""))), script.get("link", "")
    for name in sorted(used - VARIABLES):
        yield f"{place}: body has {{{name}}}, which nobody can fill in"
    if link and not is_target(link):
        yield f"{place}: link is no https address"
    if bool(link) != (LINK in used):
        yield f"{place}: {{link}} stands in body and link is set, or neither"


def main() -> int:
    """Entry of scripts/load_scripts."""
    path: Path | None = _parser().parse_args().file
    try:
        rows = read_scripts(path.read_text(encoding="utf-8")) if path else None
        database = Database(Settings.from_env().database_url)
        if rows is None:
            with database.reading() as session:
                print(json.dumps(present_scripts(session), ensure_ascii=False, indent=2))
            return 0
        with database.transaction() as session:
            became = write_scripts(session, rows)
        print("\n".join(f"{code}: {what}" for code, what in became))
    except (OSError, UnicodeDecodeError, SettingsError, BadScripts) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except SQLAlchemyError as error:
        return database_failed(error, 1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/load_scripts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, metavar="FILE.json", nargs="?")
    return parser


if __name__ == "__main__":
    sys.exit(main())
