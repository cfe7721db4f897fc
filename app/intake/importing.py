"""Brings a purchase file into the system: streaming, in batches, as often as one likes.

Events count once by their key, so a run that was killed is simply repeated. An edge: every batch commits itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from io import BufferedReader
from pathlib import Path

from app import clock
from app.db import Database
from app.errors import NotFound
from app.intake.building import Context
from app.intake.imports import Counts, note_progress, start_import
from app.intake.layouts import Column
from app.intake.reading import (
    LocalSpan,
    ReadInvoice,
    RefusedInvoice,
    RefusedRow,
    read_local_span,
    read_purchases,
)
from app.intake.refusals import UnreadableFile
from app.intake.report import RefusalReport
from app.intake.service import MAX_BATCH, apply_events
from app.intake.sifting import CLOCK_SKEW, EventResult, EventStatus
from app.sealing import Keyring
from app.stores.queries import stores_by_code

MAX_BATCH_CHARS = 8_000_000
ROWS_PER_PROGRESS = 5_000
# Where the row is wrong that intake refused.
COLUMNS = {
    "unknown_store": Column.STORE,
    "wrong_currency": Column.CURRENCY,
    "in_future": Column.DATE,
    "contradicts_stored": Column.INVOICE,
}


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a file is to be read.

    `stores` receive the rows that name no store, each member always in the same one. `enrolls` False stores facts
    only. `shift_days` moves every purchase by whole days of the stores' calendars. Refused rows are written to
    `report`; None: they are counted only. `phones` seals members' numbers; without it they are not taken over.
    `should_stop` ends the run after the current batch.
    """

    stores: tuple[str, ...] = ()
    source: str = "pos"
    currency: str = ""
    shift_days: int = 0
    enrolls: bool = True
    report: Path | None = None
    batch: int = MAX_BATCH
    phones: Keyring | None = None
    should_stop: Callable[[], bool] = bool


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far a run is."""

    counts: Counts
    bytes_read: int
    bytes_total: int


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What a run did. `report` names the file of refused rows, None where none was written."""

    import_id: int
    counts: Counts
    refused_rows: int
    report: Path | None
    stopped: bool


OnProgress = Callable[[ImportProgress], None]


def import_file(
    database: Database, path: Path, options: ImportOptions, on_progress: OnProgress = lambda _: None
) -> ImportSummary:
    """Apply every purchase and refund of a file; what was applied before is counted as repeated.

    Raises `UnreadableFile` where the file is none of the layouts or stops being readable, `NotFound` for a store in
    `options` that does not exist. Refused rows are no error: they are counted and written to the report.
    """
    digest = file_hash(path)
    with database.reading() as session:
        stores = stores_by_code(session)
        latest = clock.now(session) + CLOCK_SKEW
    for code in options.stores:
        if code not in stores:
            raise NotFound("unknown_store", place=code)
    context = Context(stores, options.stores, latest, options.currency, options.shift_days, options.phones)
    with _opened(path) as file:
        invoices = _guarded(read_purchases(file, context))
        with database.transaction() as session:
            import_id = start_import(session, options.source, path.name, digest, options.shift_days)
        run = _Run(database, import_id, options, RefusalReport(options.report))
        return run.work_off(invoices, lambda: on_progress(_progress(run.counts, file, path)))


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content. Raises `UnreadableFile`."""
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def local_span(path: Path) -> LocalSpan | None:
    """When the purchases of a file begin and end on the stores' clocks; None without any. Reads it once."""
    with _opened(path) as file:
        return read_local_span(file)


def last_local_date(path: Path) -> date | None:
    """The local date of a file's last purchase."""
    span = local_span(path)
    return None if span is None else span.last.date()


class _Run:
    """One pass over a file."""

    def __init__(
        self, database: Database, import_id: int, options: ImportOptions, report: RefusalReport
    ) -> None:
        self._database = database
        self._import_id = import_id
        self._options = options
        self._report = report
        self._batch: list[ReadInvoice] = []
        self._chars = 0
        self.counts = Counts()

    def work_off(
        self, invoices: Iterator[ReadInvoice | RefusedInvoice], tell: Callable[[], None]
    ) -> ImportSummary:
        """Apply batch by batch until the file ends or the run is to stop."""
        stopped, told_at = False, 0
        try:
            for invoice in invoices:
                self._take(invoice)
                if len(self._batch) >= self._options.batch or self._chars > MAX_BATCH_CHARS:
                    self._apply_batch()
                elif self.counts.rows - told_at < ROWS_PER_PROGRESS:
                    continue
                told_at = self.counts.rows
                tell()
                if stopped := self._options.should_stop():
                    break
            self._apply_batch(finished=not stopped)
            tell()
        finally:
            self._report.close()
        return ImportSummary(self._import_id, self.counts, self._report.rows, self._report.path, stopped)

    def _take(self, invoice: ReadInvoice | RefusedInvoice) -> None:
        self.counts.rows += len(invoice.rows)
        if isinstance(invoice, RefusedInvoice):
            self.counts.refused += not invoice.continues
            self._report.write(invoice.ref, invoice.rows)
        else:
            self._batch.append(invoice)
            self._chars += sum([len(row.raw) for row in invoice.rows])

    def _apply_batch(self, *, finished: bool = False) -> None:
        options = self._options
        events = [invoice.event for invoice in self._batch]
        results = apply_events(self._database, options.source, events, enrolls=options.enrolls)
        for invoice, result in zip(self._batch, results, strict=True):
            self._note(invoice, result)
        self._report.flush()
        with self._database.transaction() as session:
            note_progress(session, self._import_id, self.counts, finished=finished)
        self._batch, self._chars = [], 0

    def _note(self, invoice: ReadInvoice, result: EventResult) -> None:
        name = str(result.status)
        setattr(self.counts, name, getattr(self.counts, name) + 1)
        if result.status in {EventStatus.REFUSED, EventStatus.QUARANTINED}:
            self._report.write(invoice.event.ref, _refused_rows(invoice, result))


def _refused_rows(invoice: ReadInvoice, result: EventResult) -> Sequence[RefusedRow]:
    column = COLUMNS.get(result.code, "")
    return [RefusedRow(row.number, column, result.code, 0, row.raw) for row in invoice.rows]


def _opened(path: Path) -> BufferedReader:
    if not path.is_file():
        raise UnreadableFile("no_such_file", str(path))
    try:
        return path.open("rb")
    except OSError as error:
        raise UnreadableFile("unreadable_file", str(error)) from error


def _guarded(invoices: Iterator[ReadInvoice | RefusedInvoice]) -> Iterator[ReadInvoice | RefusedInvoice]:
    """A disk that fails in the middle is the file's fault, not the database's."""
    try:
        yield from invoices
    except OSError as error:
        raise UnreadableFile("unreadable_file", str(error)) from error


def _progress(counts: Counts, file: BufferedReader, path: Path) -> ImportProgress:
    return ImportProgress(counts, file.tell(), path.stat().st_size)
