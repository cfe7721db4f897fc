"""Import shifts and days off from a CSV file: every row, or none where one is bad.

Columns: UserID (the WeCom account), Date (2026-03-01, the store's), Starts and Ends (09:30; both empty: a day off).
A shift that ends at or before its beginning ends the next day. A row replaces what was known of that person and day;
of a day without a row nothing is known, and the person is on duty whenever their store is open.

Usage: scripts/import_roster FILE.csv, or scripts/import_roster --template > FILE.csv
Exit code 0, 1 where rows were refused or the database cannot be reached, 2 where the file cannot be read at all.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.associates.roster_files import TEMPLATE, UnreadableRoster, import_roster, reason_of
from app.db import Database
from config.settings import Settings, SettingsError
from scripts.commands.complaints import database_failed


def main() -> int:
    """Entry of scripts/import_roster."""
    arguments = _parser().parse_args()
    if arguments.template:
        sys.stdout.write(TEMPLATE)
        return 0
    path: Path = arguments.file
    try:
        database = Database(Settings.from_env().database_url)
        rows, bad = database.in_transaction(lambda session: import_roster(session, path))
    except UnreadableRoster as error:
        return _complain(f"{path}: {reason_of(error.code)}", 2)
    except SettingsError as error:
        return _complain(str(error), 2)
    except SQLAlchemyError as error:
        return database_failed(error, 1)
    for each in bad:
        place = f"{each.row} {each.column}".rstrip()
        sys.stderr.write(f"{path}:{place}: {reason_of(each.code)}\n")
    if bad:
        return _complain(f"{len(bad)} bad rows: nothing was imported", 1)
    print(f"{rows} rows imported")
    return 0


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/import_roster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("file", type=Path, metavar="FILE.csv", nargs="?")
    what.add_argument("--template", action="store_true", help="print an example to begin with")
    return parser


if __name__ == "__main__":
    sys.exit(main())
