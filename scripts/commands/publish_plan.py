"""Publish a follow-up plan as its next version; members already in the plan keep theirs.

Usage: scripts/publish_plan config/plans/after_purchase.toml
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Any

from app.criteria.refusing import explain_refusal
from app.criteria.words import Language
from app.db import Database
from app.errors import Invalid
from app.follow_ups.plans.versions import publish
from config.settings import Settings


def read_plan(path: Path) -> dict[str, Any]:
    """The plan document in a TOML file."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _in_words(refusal: Invalid) -> str:
    """Of a rule that cannot be read where it stands, what is wrong and what was perhaps meant."""
    if "rule" not in refusal.details:
        return f"{refusal} {refusal.details}"
    zh, en = (explain_refusal(refusal, language) for language in (Language.ZH, Language.EN))
    return f"{refusal}: {refusal.details['rule']}\n  {zh}\n  {en}"


def main() -> None:
    """Entry of scripts/publish_plan; exit code 2 where the file is no plan."""
    parser = argparse.ArgumentParser(
        prog="scripts/publish_plan", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, metavar="FILE.toml")
    path: Path = parser.parse_args().file
    database = Database(Settings.from_env().database_url)
    try:
        document = read_plan(path)
        with database.transaction() as session:
            version, is_new = publish(session, document)
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        sys.exit(f"{path}: not a plan: {error}")
    except Invalid as refusal:
        sys.exit(f"{path}: {_in_words(refusal)}")
    sys.stdout.write(
        f"{document['code']}: {'published' if is_new else 'unchanged'}, {len(version.steps)} steps\n"
    )


if __name__ == "__main__":
    main()
