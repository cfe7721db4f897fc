"""What customers answer to text messages, and the thread that tells the app of it (SmsUp by HTTP).

As Aliyun does: a JSON array, nothing signed; told again after 1, 5 and 10 minutes until it is answered with 200, then
no more. When somebody answered is virtual time, waiting is the machine's.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from app.sandbox.callback_http import post_json
from app.sandbox.calls import World
from app.sandbox.clock import SECOND, real_time
from app.sandbox.sms_gateway import beijing_of

LONGEST = 500
DEST_CODE = "1234"
WINDOW_S = 5.0
AGAIN_AFTER_S = (60, 300, 600)
AT_ONCE = 50


def answer(connection: sqlite3.Connection, message: sqlite3.Row, words: str, now_us: int) -> None:
    """Somebody writes back to the sender of a message. The number of an answer is a moment that no other has."""
    latest = connection.execute("SELECT coalesce(max(id), 0) FROM sms_answer").fetchone()[0]
    connection.execute(
        "INSERT INTO sms_answer VALUES (?, ?, ?, ?, ?, 0, 0)",
        (max(now_us, latest + 1), message["number"], words, now_us, real_time()),
    )


class Teller:
    """Tells what was answered, from `start` until `close`; without an address nobody is told."""

    def __init__(self, world: World, machine_now: Callable[[], int] = real_time) -> None:
        self._world, self._now = world, machine_now
        self._woken, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; what an earlier process left untold is told, too."""
        if self._world.settings.sms_answers_url:
            self._thread = threading.Thread(target=self._run, name="sms answers", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """There is something new to tell."""
        self._woken.set()

    def close(self) -> None:
        """Stop for good; returns when the thread has ended, at the latest after one answer window."""
        self._closing.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._woken.clear()
            wait_s = self.tell_due()
            self._woken.wait(wait_s)

    def tell_due(self) -> float | None:
        """Tell what is due; the seconds until something is again, None where nothing waits."""
        with self._world.store.reading() as connection:
            query = "SELECT * FROM sms_answer WHERE due_at <= ? ORDER BY id LIMIT ?"
            rows = connection.execute(query, (self._now(), AT_ONCE)).fetchall()
        if rows:
            attempt = post_json(self._world.settings.sms_answers_url, [_told(row) for row in rows], WINDOW_S)
            with self._world.store.writing() as connection:
                for row in rows:
                    _keep(connection, row, is_told=attempt.accepted, now=self._now())
        with self._world.store.reading() as connection:
            next_due = connection.execute("SELECT min(due_at) FROM sms_answer").fetchone()[0]
        return None if next_due is None else max(0.0, (next_due - self._now()) / SECOND)


def _told(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "phone_number": row["number"],
        "content": row["content"],
        "send_time": beijing_of(row["answered_at"]),
        "dest_code": DEST_CODE,
        "sequence_id": str(row["id"]),
    }


def _keep(connection: sqlite3.Connection, row: sqlite3.Row, *, is_told: bool, now: int) -> None:
    tries = row["tries"]
    again = not is_told and tries < len(AGAIN_AFTER_S)
    due_at = now + AGAIN_AFTER_S[tries] * SECOND if again else None
    connection.execute(
        "UPDATE sms_answer SET due_at = ?, tries = ?, told = ? WHERE id = ?",
        (due_at, tries + 1, int(is_told), row["id"]),
    )
