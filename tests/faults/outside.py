"""The world outside of a race, which all its processes share: a gateway of text messages, WeCom's group sends, phones.

It counts what reached members, and knows nothing of what we think of that. Answers get lost as the dice have it.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from app.db import Database
from app.follow_ups.channels.carriers import Candidate, Glances, Made, Seen, Sighted, Wish
from app.follow_ups.channels.models import SendTarget, TargetState
from app.follow_ups.texting.models import SmsMessage, SmsState
from app.sms.port import Arrival, NewSms, Receipt, SmsLost, SmsUnsent
from app.wecom.errors import WeComRetryable
from app.wecom.port import WeComPort

TABLES = """
CREATE TABLE text (request_id TEXT PRIMARY KEY, times INTEGER NOT NULL);
CREATE TABLE send (id INTEGER PRIMARY KEY, words TEXT NOT NULL, asked TEXT NOT NULL, taken_back INTEGER NOT NULL);
CREATE TABLE part (send_id INTEGER NOT NULL, customer TEXT NOT NULL, sent_at TEXT);
"""
TAKEN = "INSERT INTO text VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1"
WAITING = "SELECT id FROM send JOIN part ON send_id = id WHERE NOT taken_back AND sent_at IS NULL GROUP BY id"
# How often a call fails before it has an effect, and how often its answer is lost after it had.
FAILS, LOST = 0.05, 0.1


class Outside:
    """What happened out there, in a file."""

    def __init__(self, path: Path, dice: random.Random | None = None) -> None:
        """Without dice every call succeeds."""
        self._path, self._dice = path, dice

    def begin(self) -> None:
        """Once, before anybody looks."""
        with closing(sqlite3.connect(self._path)) as opened:
            opened.execute("PRAGMA journal_mode = WAL")
            opened.executescript(TABLES)

    def happens(self, share: float) -> bool:
        """As the dice have it."""
        return self._dice is not None and self._dice.random() < share

    def confirm_one(self, now: datetime) -> int:
        """Some associate confirms a group send that waits on their phone."""
        with self.changing() as table:
            waiting = [row[0] for row in table.execute(WAITING)]
            if not waiting:
                return 0
            which = (self._dice or random).choice(waiting)
            told = (now.isoformat(), which)
            table.execute("UPDATE part SET sent_at = ? WHERE send_id = ? AND sent_at IS NULL", told)
        return 1

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """One change, after the other."""
        with closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as opened:
            opened.execute("PRAGMA synchronous = OFF")
            opened.execute("BEGIN IMMEDIATE")
            yield opened
            opened.execute("COMMIT")


class Gateway:
    """Of text messages; it takes whatever it is given, however often. Every tenth number does not ring."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    def send(self, message: NewSms) -> Receipt:
        """As the port says."""
        if self._outside.happens(FAILS):
            raise SmsUnsent("busy")
        with self._outside.changing() as table:
            table.execute(TAKEN, (message.request_id,))
        if self._outside.happens(LOST):
            raise SmsLost("no answer")
        return Receipt(message.request_id)

    def find(self, number: str, request_id: str, sent_at: datetime) -> Receipt | None:
        """As the port says."""
        with self._outside.changing() as table:
            found = table.execute("SELECT 1 FROM text WHERE request_id = ?", (request_id,)).fetchone()
        rings = int(request_id, 16) % 10
        return Receipt(request_id, Arrival.DELIVERED if rings else Arrival.FAILED) if found else None


class Phones:
    """WeCom's group sends, as the lanes carry them; the port is not asked."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    def make(self, _port: WeComPort, wish: Wish) -> Made:
        """A second call makes a second one."""
        if self._outside.happens(FAILS):
            raise WeComRetryable("send", "busy")
        with self._outside.changing() as table:
            asked = wish.wecom_userids[0]
            made = table.execute("INSERT INTO send VALUES (NULL, ?, ?, 0)", (wish.text, asked)).lastrowid
            parts = [(made, customer) for customer in wish.external_userids]
            table.executemany("INSERT INTO part VALUES (?, ?, NULL)", parts)
        if self._outside.happens(LOST):
            raise WeComRetryable("send", "no answer", sent=True)
        return Made(str(made))

    def candidates(
        self, _port: WeComPort, wish: Wish, _since: datetime, _until: datetime
    ) -> Iterator[Candidate]:
        """Whatever has these words, the oldest first."""
        with self._outside.changing() as table:
            found = table.execute("SELECT id, asked FROM send WHERE words = ? ORDER BY id", (wish.text,))
            orders = [(made, asked, self._parts(table, made)) for made, asked in found.fetchall()]
        for made, asked, parts in orders:
            yield Candidate(str(made), frozenset({asked}), frozenset(customer for customer, _ in parts))

    def is_it(self, candidate: Candidate, wish: Wish) -> bool:
        """For the same customers."""
        return candidate.external_userids == set(wish.external_userids)

    def see(self, _glances: Glances, wecom_id: str, wecom_userid: str, wanted: Iterable[str]) -> Sighted:
        """Who had it, and who not yet."""
        with self._outside.changing() as table:
            parts = dict(self._parts(table, int(wecom_id)))
        return Sighted(
            tuple(
                Seen(
                    customer,
                    wecom_userid,
                    TargetState.SENT if sent_at else TargetState.WAITING,
                    datetime.fromisoformat(sent_at) if sent_at else None,
                )
                for customer, sent_at in parts.items()
                if customer in set(wanted)
            )
        )

    def remind(self, _port: WeComPort, _wecom_id: str) -> None:
        """They look when they look."""

    def take_back(self, _port: WeComPort, wecom_id: str) -> None:
        """Nobody can confirm it any more."""
        with self._outside.changing() as table:
            table.execute("UPDATE send SET taken_back = 1 WHERE id = ?", (int(wecom_id),))

    @staticmethod
    def _parts(table: sqlite3.Connection, made: int) -> list[tuple[str, str | None]]:
        return table.execute("SELECT customer, sent_at FROM part WHERE send_id = ?", (made,)).fetchall()


def astray(outside: Outside, database: Database) -> list[str]:
    """Where what reached members is not what we know of, once everything was looked after; in words."""
    with outside.changing() as table:
        times = dict(table.execute("SELECT request_id, times FROM text"))
        heard = Counter(
            row[0] for row in table.execute("SELECT customer FROM part WHERE sent_at IS NOT NULL")
        )
    with database.reading() as session:
        texts = {row.request_id: row for row in session.scalars(select(SmsMessage)) if row.request_id}
        sent = select(SendTarget.external_userid).where(SendTarget.state == TargetState.SENT)
        known = Counter(session.scalars(sent))
    found = [f"text message {one} was handed over {count} times" for one, count in times.items() if count > 1]
    # Given up while its call was still under way: that nobody knows is all that is known.
    told = {request_id for request_id, row in texts.items() if row.state != SmsState.UNKNOWN}
    handed = {request_id for request_id in told if texts[request_id].gateway_id}
    unknown = texts.keys() - told
    found += [f"text message {one}: we and the gateway differ" for one in handed ^ (times.keys() - unknown)]
    for customer in heard.keys() | known.keys():
        if heard[customer] != known[customer]:
            found.append(f"{customer} had {heard[customer]} group sends, we know of {known[customer]}")
    return found
