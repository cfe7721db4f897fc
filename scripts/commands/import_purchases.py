"""Import the purchases and refunds of a CSV file, as often as one likes: nothing is ever doubled.

Usage: scripts/import_purchases FILE --store CODE [--store CODE …]
Exit code 0 (also with refused rows: they are counted and written to the report), 1 where the database cannot be
reached, 2 where the file cannot be read at all or an argument is wrong, 130 when stopped; repeating it goes on.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.errors import NotFound
from app.inbound.models import BY_LANE
from app.intake.importing import ImportOptions, ImportProgress, ImportSummary, import_file
from app.intake.refusals import UnreadableFile, reason_of
from app.intake.service import MAX_BATCH
from app.members.phones import PURPOSE
from app.sealing import Keyring
from config.settings import ROOT, Settings, SettingsError
from scripts.commands.complaints import database_failed

MAX_SHIFT_DAYS = 36_500
SHOWN_EVERY_S = 1.0


def default_report(path: Path) -> Path:
    """Where the refused rows of a file are written unless one says otherwise."""
    return ROOT / ".local" / "reports" / f"refused-{path.stem}.csv"


class ProgressPrinter:
    """Says on stderr about once a second how far a run is."""

    def __init__(self) -> None:
        self._started = self._shown = time.monotonic()

    def __call__(self, progress: ImportProgress) -> None:
        now = time.monotonic()
        if now - self._shown < SHOWN_EVERY_S and progress.bytes_read < progress.bytes_total:
            return
        self._shown = now
        counts = progress.counts
        percent = 100 * progress.bytes_read // max(progress.bytes_total, 1)
        rate = counts.rows / max(now - self._started, 0.001)
        sys.stderr.write(
            f"{percent:3d}%  {counts.rows:,} rows  {rate:,.0f}/s  applied {counts.applied:,}  "
            f"repeated {counts.repeated:,}  refused {counts.refused:,}  quarantined {counts.quarantined:,}\n"
        )


def print_progress(progress: ImportProgress) -> None:
    """The progress of this process's import, on stderr."""
    _printer(progress)


def main() -> int:
    """Entry of scripts/import_purchases."""
    arguments = _parser().parse_args()
    path: Path = arguments.file
    report: Path = arguments.report or default_report(path)
    if report.exists() and (report.samefile(path) if path.exists() else False):
        return _complain("--report must not be the file itself")
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        return _complain(str(error))
    options = ImportOptions(
        stores=tuple(arguments.store),
        source=arguments.source,
        currency=arguments.currency,
        shift_days=arguments.shift_days,
        enrolls=not arguments.facts_only,
        report=report,
        batch=arguments.batch,
        phones=Keyring(settings.secret_keys, PURPOSE),
        should_stop=_stop_on_signals(),
    )
    try:
        summary = import_file(Database(settings.database_url), path, options, print_progress)
    except UnreadableFile as error:
        return _complain(f"{path}: {_both(error.code)}{f': {error.detail}' if error.detail else ''}")
    except NotFound as error:
        return _complain(f"--store {error.place}: {_both(error.code)}")
    except SQLAlchemyError as error:
        return database_failed(error, 1, "Repeat the command: nothing is doubled.\n")
    return _tell(summary)


def _tell(summary: ImportSummary) -> int:
    counts = summary.counts
    print(
        f"{counts.rows} rows: {counts.applied} applied, {counts.repeated} repeated, {counts.refused} refused, "
        f"{counts.quarantined} quarantined (receipts)"
    )
    if summary.refused_rows:
        missing = counts.refused + counts.quarantined
        print(f"{missing} receipts ({summary.refused_rows} rows) were not imported, see {summary.report}")
    if summary.stopped:
        print("stopped before the end: repeat the command to go on")
        return 130
    return 0


def _both(code: str) -> str:
    """Why, in Chinese and in English."""
    reason = reason_of(code)
    return f"{reason.zh} / {reason.en}"


def _complain(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return 2


def _stop_on_signals() -> Callable[[], bool]:
    """True once Ctrl-C or a terminate came; a second one ends at once (the batch is then rolled back)."""
    asked: list[int] = []

    def note(number: int, _frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        sys.stderr.write("stopping after this batch…\n")

    signal.signal(signal.SIGINT, note)
    signal.signal(signal.SIGTERM, note)
    return lambda: bool(asked)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/import_purchases", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--store",
        action="append",
        default=[],
        metavar="CODE",
        help="where rows without a StoreCode happened; several: each member always at the same one",
    )
    parser.add_argument(
        "--source", default="pos", type=source_name, help="which system reports (default: pos)"
    )
    parser.add_argument(
        "--currency", default="", metavar="GBP", help="of the file's amounts (default: the stores')"
    )
    parser.add_argument(
        "--shift-days", default=0, type=_between(-MAX_SHIFT_DAYS, MAX_SHIFT_DAYS), metavar="N"
    )
    parser.add_argument("--facts-only", action="store_true", help="store purchases, enroll nobody")
    parser.add_argument("--report", type=Path, metavar="CSV", help="default: .local/reports/refused-FILE.csv")
    parser.add_argument("--batch", default=MAX_BATCH, type=_between(1, MAX_BATCH), metavar="N")
    return parser


def source_name(text: str) -> str:
    """The short name of a reporting system, as an argument. Raises `ArgumentTypeError`."""
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", text) or text in BY_LANE:
        raise argparse.ArgumentTypeError(
            f"1 to 32 lower-case letters, digits, - or _; none of {', '.join(BY_LANE)}"
        )
    return text


def _between(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,9}", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"a whole number from {low} to {high}")
        return int(text)

    return read


_printer = ProgressPrinter()

if __name__ == "__main__":
    sys.exit(main())
