"""Splits a CSV file into records in bounded memory, whatever the file holds. Nothing here knows the columns.

A record that cannot be split (quotes, encoding, length) is reported alone and reading goes on with the line after
its first: one stray quote never swallows the rows behind it.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from app.intake.refusals import UnreadableFile

MAX_LINE_BYTES = 65_536
# A description may hold line breaks, but a quote still open after so many lines was never closed.
MAX_LINES_OF_A_RECORD = 20
BOM = b"\xef\xbb\xbf"
MAGIC = (
    (b"\x1f\x8b", "compressed_file"),
    (b"BZh", "compressed_file"),
    (b"\xfd7zXZ", "compressed_file"),
    (b"PK\x03\x04", "spreadsheet_file"),
    (b"\xd0\xcf\x11\xe0", "spreadsheet_file"),
    (b"\xff\xfe", "not_utf8_file"),
    (b"\xfe\xff", "not_utf8_file"),
)


class Record(NamedTuple):
    """A row as it stands in the file. `number` counts rows from 1, the header, as a spreadsheet does.

    `problem` is empty, or why there are no `fields`. `raw` ends with its line end unless the file stops there.
    """

    number: int
    raw: str
    fields: list[str]
    problem: str = ""


class _BadLine(NamedTuple):
    """A physical line that is not text."""

    raw: str
    problem: str


class _NotARecord(Exception):
    """The lines taken so far cannot become a record."""


def read_records(file: BinaryIO) -> Iterator[Record]:
    """Every record of the file, the header among them; blank rows are counted and left out.

    Raises `UnreadableFile` where the file's first bytes show that it is no text or that it is empty.
    """
    return iter(_Records(file, _first_line(file)))


def _first_line(file: BinaryIO) -> str | _BadLine:
    head = file.readline(MAX_LINE_BYTES)
    if not head.strip(BOM + b" \r\n\t"):
        raise UnreadableFile("empty_file")
    for magic, code in MAGIC:
        if head.startswith(magic):
            raise UnreadableFile(code)
    line = _text_of(head.removeprefix(BOM))
    if isinstance(line, _BadLine):
        raise UnreadableFile("not_utf8_file" if line.problem == "not_utf8" else "not_csv", line.raw[:80])
    if len(head) == MAX_LINE_BYTES:
        raise UnreadableFile("not_csv", line[:80])
    return line


def _text_of(line: bytes) -> str | _BadLine:
    if b"\0" in line:
        return _BadLine(line.decode("utf-8", "replace"), "nul_byte")
    try:
        return line.decode()
    except UnicodeDecodeError:
        return _BadLine(line.decode("utf-8", "replace"), "not_utf8")


class _Records:
    """Feeds the csv module line by line and remembers the lines of the record being read."""

    def __init__(self, file: BinaryIO, first: str | _BadLine) -> None:
        self._file = file
        self._again: deque[str | _BadLine] = deque([first])
        self._taken: list[str] = []
        self._number = 0

    def __iter__(self) -> Iterator[Record]:
        while True:
            try:
                yield from self._good_records()
            except (csv.Error, _NotARecord):
                self._number += 1
                yield self._give_up_first_line()
            else:
                return

    def _good_records(self) -> Iterator[Record]:
        taken = self._taken
        for fields in csv.reader(self._feed(), strict=True):
            self._number += 1
            raw = taken[0] if len(taken) == 1 else "".join(taken)
            taken.clear()
            if fields:
                yield Record(self._number, raw, fields)

    def _feed(self) -> Iterator[str]:
        taken, readline, again = self._taken, self._file.readline, self._again
        while True:
            if again:
                line = again.popleft()
            elif not (block := readline(MAX_LINE_BYTES)):
                return
            else:
                line = self._whole_line(block)
            if isinstance(line, _BadLine) or len(taken) >= MAX_LINES_OF_A_RECORD:
                again.appendleft(line)
                raise _NotARecord
            taken.append(line)
            yield line

    def _whole_line(self, block: bytes) -> str | _BadLine:
        if len(block) < MAX_LINE_BYTES or block.endswith(b"\n"):
            return _text_of(block)
        while (rest := self._file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        return _BadLine(block.decode("utf-8", "replace"), "row_too_long")

    def _give_up_first_line(self) -> Record:
        """The first line of what could not be read, as a bad record; the lines after it are read again."""
        if self._taken:
            first, *rest = self._taken
            self._taken.clear()
            self._again.extendleft(reversed(rest))
            return Record(self._number, first, [], "bad_quotes")
        bad = self._again.popleft()
        assert isinstance(bad, _BadLine)  # a good line would have been taken
        return Record(self._number, bad.raw, [], bad.problem)
