"""The report of refused rows: a CSV file a spreadsheet opens, with row, column, reason and the row itself.

It lists the first 200,000; a last line says where there are more.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from app.intake.reading import RefusedRow
from app.intake.refusals import reason_of

HEADER = ("Row", "InvoiceNo", "Column", "Code", "Reason", "ReasonEn", "Raw")
MAX_RAW = 500
# A gigabyte of garbage is not copied into a report; the run counts all of it.
MAX_ROWS = 200_000
# A spreadsheet runs cells that begin with these, in full width too (OWASP, CSV injection).
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class RefusalReport:
    """Writes the file at `path`, replacing what was there; makes none while nothing was refused. None: counts only."""

    def __init__(self, path: Path | None) -> None:
        self.rows = 0
        self._path = path
        self._file: IO[str] | None = None
        if path is not None:
            path.unlink(missing_ok=True)

    @property
    def path(self) -> Path | None:
        """The file, where one was written."""
        return self._path if self._file is not None else None

    def write(self, ref: str, rows: Iterable[RefusedRow]) -> None:
        """Add the refused rows of one invoice."""
        rows = tuple(rows)
        listed = rows[: max(MAX_ROWS - self.rows, 0)]
        self.rows += len(rows)
        if self._path is None:
            return
        writer = csv.writer(self._opened(self._path))
        for row in listed:
            reason = reason_of(row.code)
            zh, en = (text.format(cause=row.cause) for text in (reason.zh, reason.en))
            cells = (ref, row.column, row.code, zh, en, row.raw.rstrip("\r\n")[:MAX_RAW])
            writer.writerow((row.number, *map(neutralise, cells)))

    def flush(self) -> None:
        """Hand what was written to the system, so that a kill loses nothing of it."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Nothing can be written afterwards."""
        if self._file is None:
            return
        if self.rows > MAX_ROWS:
            more = reason_of("more")
            csv.writer(self._file).writerow(("", "", "", "more", more.zh, more.en, self.rows - MAX_ROWS))
        self._file.close()

    def _opened(self, path: Path) -> IO[str]:
        if self._file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8-sig", newline="")
            csv.writer(self._file).writerow(HEADER)
        return self._file


def neutralise(cell: str) -> str:
    """The cell as text a spreadsheet never runs."""
    return f"'{cell}" if cell.startswith(DANGEROUS) else cell
