"""When the database is away: a callback is on the disk before it is answered, and in the inbox once it is back."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from app import clock
from app.callbacks import keeping, spool
from app.callbacks.draining import BATCH, Drain
from app.callbacks.keeping import Keeper
from app.callbacks.routes import Door
from app.callbacks.spool import ENDING, UNFINISHED, Envelope, Spool, written_at
from app.db import Database
from app.inbound.models import Inbound
from app.wecom.callbacks import CallbackCipher, WeComEvent
from tests.callbacks.envelopes import Letter, Sender, added, xml
from tests.callbacks.test_door import kept, post, spooled


class Syncs:
    """Remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, _session: Session, reason: str) -> None:
        self.asked.append(reason)


def envelope_of(letter: Letter) -> Envelope:
    query = letter.query
    return Envelope(query["msg_signature"], query["timestamp"], query["nonce"], letter.body)


def put(at: Spool, *letters: Letter) -> None:
    for letter in letters:
        at.put(envelope_of(letter))


@pytest.fixture
def shelf(spool_folder: Path) -> Spool:
    return Spool(spool_folder)


@pytest.fixture
def syncs() -> Syncs:
    return Syncs()


@pytest.fixture
def drain(database: Database, cipher: CallbackCipher, shelf: Spool, syncs: Syncs) -> Drain:
    return Drain(database, cipher, shelf, syncs.ask)


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of a MariaDB that takes connections and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"mysql+pymysql://root@127.0.0.1:{server.getsockname()[1]}/dianban?ssl_disabled=true"


@pytest.fixture
def keeper_on(shelf: Spool) -> Iterator[Callable[[str], Keeper]]:
    made: list[Keeper] = []

    def make(url: str) -> Keeper:
        made.append(Keeper(url, shelf))
        return made[-1]

    yield make
    for keeper in made:
        keeper.close()


def events(count: int) -> list[tuple[WeComEvent, Envelope]]:
    sender = Sender()
    return [
        (WeComEvent.of(added(number)), envelope_of(sender.letter(xml(added(number)))))
        for number in range(count)
    ]


def test_a_database_that_is_not_there_is_asked_once_a_second_and_everything_is_spooled(
    keeper_on: Callable[[str], Keeper], shelf: Spool, monkeypatch: pytest.MonkeyPatch
):
    now = 1000.0
    monkeypatch.setattr(keeping, "time", SimpleNamespace(monotonic=lambda: now))
    keeper = keeper_on("mysql+pymysql://root@127.0.0.1:9/dianban?ssl_disabled=true")
    with capture_logs() as logs:
        for event, envelope in events(5):
            keeper.keep([event], envelope)
        now += keeping.REST_S
        for event, envelope in events(2):
            keeper.keep([event], envelope)
    assert len(spooled(shelf.folder)) == 7
    assert [line["event"] for line in logs] == ["callback_spooled"] * 2


def test_a_database_that_hangs_piles_up_no_threads(
    hanging: str, keeper_on: Callable[[str], Keeper], shelf: Spool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(keeping, "REST_S", 0.0)  # as if every callback came after the rest
    keeper = keeper_on(hanging)
    before = threading.active_count()
    for event, envelope in events(3 * keeping.HANDS):
        keeper.keep([event], envelope)
    assert len(spooled(shelf.folder)) == 3 * keeping.HANDS
    assert threading.active_count() - before <= keeping.HANDS


def test_a_file_that_somebody_else_writes_is_not_waited_for(
    sqlite_databases: object, database: Database, keeper_on: Callable[[str], Keeper], shelf: Spool
):
    """SQLite's one writer; on MariaDB writers do not wait for each other and the event is stored."""
    keeper = keeper_on(database.engine.url.render_as_string(hide_password=False))
    event, envelope = events(1)[0]
    with database.transaction():
        keeper.keep([event], envelope)
    assert len(spooled(shelf.folder)) + len(kept(database)) == 1
    assert bool(spooled(shelf.folder)) == database.is_sqlite


def test_a_disk_that_is_full_makes_wecom_send_it_again(
    client: FlaskClient,
    door: Door,
    database: Database,
    sender: Sender,
    spool_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    letter = sender.letter(xml(added(1)))
    with monkeypatch.context() as patch:
        patch.setattr(door.keeper, "_store", lambda _events, _source: False)
        patch.setattr(os, "fsync", full)
        assert post(client, letter).status_code == 500
        assert [file for file in spool_folder.iterdir() if file.is_file()] == []
    assert post(client, letter).status_code == 200
    assert len(kept(database)) == 1


def test_it_is_on_the_disk_under_its_final_name_before_it_is_answered(
    shelf: Spool, sender: Sender, monkeypatch: pytest.MonkeyPatch
):
    synced: list[str] = []
    real = os.fsync

    def watch(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        names = {file.suffix for file in shelf.folder.iterdir() if file.is_file()}
        synced.append(f"{Path(path).suffix or 'folder'} {''.join(sorted(names))}")
        real(descriptor)

    put(shelf, sender.letter(xml(added(1))))  # makes the folders
    shelf.remove(shelf.waiting())
    monkeypatch.setattr(os, "fsync", watch)
    put(shelf, sender.letter(xml(added(2))))
    assert synced == [f"{UNFINISHED} {UNFINISHED}", f"folder {ENDING}"]


def test_what_was_spooled_is_drained_once_the_database_is_back(
    drain: Drain, shelf: Spool, database: Database, sender: Sender
):
    letters = [sender.letter(xml(added(number))) for number in range(120)]
    put(shelf, *letters, *letters[:30])
    assert drain.drain() == 150
    assert {WeComEvent.decode(row.payload).text("ExternalUserID") for row in kept(database)} == {
        f"wm{number:08d}" for number in range(120)
    }
    assert spooled(shelf.folder) == []
    assert drain.drain() == 0


def test_the_folder_is_read_once_for_all_that_waits(
    drain: Drain, shelf: Spool, sender: Sender, monkeypatch: pytest.MonkeyPatch
):
    """With a hundred thousand files, reading and sorting them for each batch would take longer than all the rest."""
    put(shelf, *(sender.letter(xml(added(number))) for number in range(3 * BATCH)))
    readings: list[int] = []
    waiting = Spool.waiting

    def count(spool: Spool) -> list[Path]:
        readings.append(len(waiting(spool)))
        return waiting(spool)

    monkeypatch.setattr(Spool, "waiting", count)
    assert drain.drain() == 3 * BATCH
    assert readings == [3 * BATCH]


def test_what_an_old_key_wrote_is_drained_by_who_still_has_it(
    drain: Drain, database: Database, shelf: Spool, syncs: Syncs, sender: Sender, tmp_path: Path
):
    """As the README says: files that the new key set aside go into another folder, for a process with the old key."""
    before = Sender(token="beforeRotation", aes_key="before0rotation0before0rotation0before00000")
    put(shelf, before.letter(xml(added(1))), before.letter(xml(added(2))), sender.letter(xml(added(3))))
    drain.drain()
    assert len(kept(database)) == 1
    aside = sorted((shelf.folder / "bad").iterdir())
    old = Spool(tmp_path / "old")
    old.folder.mkdir()
    for file in aside:
        file.rename(old.folder / file.name)
    cipher = CallbackCipher(before.token, before.aes_key, before.corp_id)
    assert Drain(database, cipher, old, syncs.ask).drain() == len(aside) == 2
    assert {WeComEvent.decode(row.payload).text("ExternalUserID") for row in kept(database)} == {
        f"wm{number:08d}" for number in (1, 2, 3)
    }
    assert spooled(old.folder) == []
    assert list((old.folder / "bad").iterdir()) == []


def test_what_is_drained_need_not_be_fresh(drain: Drain, shelf: Spool, database: Database, sender: Sender):
    put(shelf, sender.letter(xml(added(1)), at_s=1_600_000_000))
    drain.drain()
    assert len(kept(database)) == 1


def test_after_a_crash_between_storing_and_forgetting_it_is_a_repeat(
    drain: Drain, shelf: Spool, database: Database, sender: Sender
):
    letter = sender.letter(xml(added(1)))
    put(shelf, letter)
    drain.drain()
    put(shelf, letter)
    assert drain.drain() == 1
    assert len(kept(database)) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"noise",
        b'["a", "b", "c"]\n<xml/>',
        b'["a"]\n',
        b"[1, 2, 3]\nx",
        b"\xff\xfe\n\xff",
        b"[" * 200_000,
    ],
)
def test_a_file_that_cannot_be_read_is_set_aside_and_holds_up_nothing(
    drain: Drain, shelf: Spool, database: Database, sender: Sender, content: bytes
):
    put(shelf, sender.letter(xml(added(1))))
    (shelf.folder / f"00000000T000000.000000-bad{ENDING}").write_bytes(content)
    with capture_logs() as logs:
        drain.drain()
    assert len(kept(database)) == 1
    assert spooled(shelf.folder) == []
    assert [file.read_bytes() for file in (shelf.folder / "bad").iterdir()] == [content]
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["spooled_callback_set_aside"]


def test_what_is_no_file_or_gone_again_holds_up_nothing(
    drain: Drain, shelf: Spool, database: Database, sender: Sender, monkeypatch: pytest.MonkeyPatch
):
    put(shelf, sender.letter(xml(added(1))))
    (shelf.folder / f"00000000T000000.000000-folder{ENDING}").mkdir()
    (shelf.folder / f"00000000T000000.000001-link{ENDING}").symlink_to(shelf.folder / "nowhere")
    gone = shelf.folder / f"00000000T000000.000002-gone{ENDING}"
    waiting = Spool.waiting
    monkeypatch.setattr(Spool, "waiting", lambda spool: [gone, *waiting(spool)])
    assert drain.drain() == 1
    assert len(kept(database)) == 1
    assert shelf.is_empty()


def test_the_thread_lives_through_a_bug(
    drain: Drain, shelf: Spool, database: Database, sender: Sender, monkeypatch: pytest.MonkeyPatch
):
    put(shelf, sender.letter(xml(added(1))))
    sweeps = iter([RuntimeError("a bug"), None])

    def sweep(_spool: Spool) -> None:
        if (error := next(sweeps)) is not None:
            raise error

    monkeypatch.setattr(Spool, "sweep", sweep)

    class TwoTurns(threading.Event):
        turns = iter([False, False, True])

        def wait(self, timeout: float | None = None) -> bool:
            return next(self.turns)

    with capture_logs() as logs:
        drain.run(TwoTurns())
    assert [line["event"] for line in logs] == ["spool_drain_failed", "spool_drained"]
    assert len(kept(database)) == 1


def test_what_another_process_is_writing_is_left_alone_and_swept_after_an_hour(
    drain: Drain, shelf: Spool, monkeypatch: pytest.MonkeyPatch, sender: Sender
):
    put(shelf, sender.letter(xml(added(1))))
    (file,) = spooled(shelf.folder)
    unfinished = file.rename(file.with_suffix(UNFINISHED))
    drain.drain()
    assert unfinished.exists()
    later = clock.machine_now() + spool.GIVEN_UP_AFTER + timedelta(minutes=1)
    monkeypatch.setattr(clock, "machine_now", lambda: later)
    drain.drain()
    assert not unfinished.exists()


def test_only_one_process_of_a_machine_drains(drain: Drain, shelf: Spool, sender: Sender):
    put(shelf, sender.letter(xml(added(1))))
    with Spool(shelf.folder).turn() as ours:
        assert ours
        assert drain.drain() == 0
    assert drain.drain() == 1


def test_an_outage_asks_for_a_comparison_with_wecom_and_a_hiccup_does_not(
    drain: Drain, shelf: Spool, syncs: Syncs, sender: Sender, monkeypatch: pytest.MonkeyPatch
):
    put(shelf, sender.letter(xml(added(1))))
    drain.drain()
    assert syncs.asked == []
    put(shelf, sender.letter(xml(added(2))))
    later = clock.machine_now() + timedelta(minutes=1)
    monkeypatch.setattr(clock, "machine_now", lambda: later)
    drain.drain()
    assert syncs.asked == ["outage"]


def test_the_thread_lives_through_a_database_that_is_away(
    cipher: CallbackCipher, shelf: Spool, syncs: Syncs, database: Database, sender: Sender, hanging: str
):
    """Turn by turn: one with the database away, one with it back, then the end."""
    put(shelf, sender.letter(xml(added(1))))
    away = Database(hanging, patience_s=0.1)
    drain = Drain(away, cipher, shelf, syncs.ask)

    class Turns(threading.Event):
        left = 2

        def wait(self, timeout: float | None = None) -> bool:
            if self.left == 1:
                drain._database = database
            self.left -= 1
            return self.left < 0

    with capture_logs() as logs:
        drain.run(Turns())
    assert [line["event"] for line in logs] == ["spool_waits", "spool_drained"]
    with database.reading() as session:
        assert len(session.scalars(select(Inbound)).all()) == 1
    away.close()


def test_a_spooled_file_says_when_it_was_written(shelf: Spool, sender: Sender):
    before = clock.machine_now()
    put(shelf, sender.letter(xml(added(1))))
    (file,) = spooled(shelf.folder)
    assert before <= written_at(file) <= clock.machine_now()
    assert oct(shelf.folder.stat().st_mode & 0o777) == "0o700"


def test_an_envelope_prints_nothing_of_its_body(sender: Sender):
    assert "Envelope object" in repr(envelope_of(sender.letter(xml(added(1)))))
