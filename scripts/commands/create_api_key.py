"""Make an API key for a partner system and print it once; or end the keys of one.

Usage: scripts/create_api_key NAME --source pos        scripts/create_api_key NAME --end
"""

from __future__ import annotations

import argparse
import sys

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.partner_api.keys import create_key, end_keys
from config.settings import Settings, SettingsError
from scripts.commands.complaints import database_failed
from scripts.commands.import_purchases import source_name

MAX_NAME = 64


def main() -> int:
    """Entry of scripts/create_api_key."""
    arguments = _parser().parse_args()
    try:
        database = Database(Settings.from_env().database_url)
        return _change_keys(database, arguments)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except SQLAlchemyError as error:
        return database_failed(error, 1)


def _change_keys(database: Database, arguments: argparse.Namespace) -> int:
    with database.transaction() as session:
        if arguments.end:
            print(f"{end_keys(session, arguments.name)} keys ended")
            return 0
        key = create_key(session, arguments.name, arguments.source)
    print(key)
    sys.stderr.write("Keep it now: it cannot be shown again.\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/create_api_key", description=__doc__.splitlines()[0])
    parser.add_argument("name", type=_name, metavar="NAME", help="whose key it is, e.g. 'POS head office'")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--source", type=source_name, help="the system's short name; numbers of receipts are unique within it"
    )
    what.add_argument("--end", action="store_true", help="end the keys of this name; with the next request")
    return parser


def _name(text: str) -> str:
    if not text.strip() or len(text) > MAX_NAME or not text.isprintable():
        raise argparse.ArgumentTypeError(f"1 to {MAX_NAME} printable characters")
    return text.strip()


if __name__ == "__main__":
    sys.exit(main())
