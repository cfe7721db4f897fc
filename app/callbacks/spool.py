"""The spool: callbacks that the database could not take, as files on this machine, still encrypted.

A file that is there is whole and survives a power cut. Shared by all web processes of a machine; one drains at a time.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from app import clock
from app.failpoints import failpoint
from app.wecom.callbacks import BadCallback

ENDING = ".callback"
UNFINISHED = ".unfinished"
# What is left unfinished after so long was never answered: WeCom has sent it again.
GIVEN_UP_AFTER = timedelta(hours=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Envelope:
    """A callback as it came: the signed query and the encrypted body."""

    signature: str
    timestamp: str
    nonce: str
    body: bytes

    def pack(self) -> bytes:
        """One line of JSON, then the body."""
        return json.dumps([self.signature, self.timestamp, self.nonce]).encode() + b"\n" + self.body

    @classmethod
    def unpack(cls, packed: bytes) -> Envelope:
        """What `pack` made. Raises `BadCallback` for anything else."""
        line, _, body = packed.partition(b"\n")
        try:
            query = json.loads(line)
        except (ValueError, RecursionError):
            raise BadCallback("not a spooled callback") from None
        if not (isinstance(query, list) and len(query) == 3 and all(isinstance(one, str) for one in query)):
            raise BadCallback("not a spooled callback")
        signature, timestamp, nonce = query
        return cls(signature, timestamp, nonce, body)


class Spool:
    """A folder of our own; made where it is missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._bad = folder / "bad"

    def put(self, envelope: Envelope) -> None:
        """Returns once it would survive a power cut. Raises OSError, e.g. on a full disk, and leaves nothing behind."""
        self._make()
        # Names sort by time; two of one microsecond differ by chance.
        name = f"{clock.machine_now():%Y%m%dT%H%M%S.%f}-{secrets.token_hex(8)}"
        unfinished = self.folder / f"{name}{UNFINISHED}"
        try:
            with unfinished.open("xb") as file:
                file.write(envelope.pack())
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self.folder / f"{name}{ENDING}")
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        _sync_folder(self.folder)
        failpoint("callbacks.spooled")

    def waiting(self) -> list[Path]:
        """All files, the oldest first. Reads and sorts the whole folder: not to be asked once a batch."""
        return sorted(self._files())

    def is_empty(self) -> bool:
        """True where nothing waits."""
        return next(self._files(), None) is None

    def _files(self) -> Iterator[Path]:
        """Ours are plain files; a folder or a link of such a name is nobody's callback."""
        for file in self.folder.glob(f"*{ENDING}"):
            if file.is_file() and not file.is_symlink():
                yield file

    def remove(self, files: list[Path]) -> None:
        """Forget files whose events are in the inbox. A power cut may bring one back: a repeat, without effect."""
        for file in files:
            file.unlink(missing_ok=True)

    def set_aside(self, file: Path, reason: str) -> None:
        """Keep a file that cannot be used where nobody tries it again."""
        self._make()
        file.rename(self._bad / file.name)
        log.error("spooled_callback_set_aside", file=file.name, reason=reason)

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """True for the one process that may drain now; nobody waits."""
        self._make()
        with (self.folder / ".lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _make(self) -> None:
        if not self._bad.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._bad.mkdir(exist_ok=True, mode=0o700)
            _sync_folder(self.folder.parent)

    def sweep(self) -> None:
        """Remove what a process that was killed left unfinished."""
        oldest = clock.machine_now() - GIVEN_UP_AFTER
        for file in self.folder.glob(f"*{UNFINISHED}"):
            if written_at(file) < oldest:
                file.unlink(missing_ok=True)


def written_at(file: Path) -> datetime:
    """When a file was spooled, as its name says; a name that does not say so is as old as can be."""
    try:
        return datetime.strptime(f"{file.name[:22]}+0000", "%Y%m%dT%H%M%S.%f%z")
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _sync_folder(folder: Path) -> None:
    """A rename is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
