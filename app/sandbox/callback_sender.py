"""The threads that take queued events to the callback address, again and again where WeCom would.

One thread looks what is due, several post, so that one slow answer does not hold up the rest.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from app.sandbox import callbacks, rules
from app.sandbox.callback_http import Attempt, answers_check, post_event
from app.sandbox.callbacks import Address, CallbackState, Switches
from app.sandbox.calls import World
from app.sandbox.clock import SECOND, real_time

POSTERS = 8
CHECK_AGAIN_S = 1.0
REPLY_KEPT = 4_000


class Sender:
    """Sends what is queued from `start` until `close`; a second start does nothing.

    Looks whenever the state file was written and when a retry falls due. What was on its way when the
    process died goes out again: a receiver may get an event twice, as with WeCom.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._looker: threading.Thread | None = None
        self._posters: ThreadPoolExecutor | None = None
        self._under_way = 0

    def start(self) -> None:
        """Begin sending, once."""
        with self._lock:
            if self._looker is not None or self._closing.is_set():
                return
            self._posters = ThreadPoolExecutor(POSTERS, thread_name_prefix="callback")
            self._looker = threading.Thread(target=self._look, name="callbacks", daemon=True)
            self._looker.start()

    def close(self) -> None:
        """Stop for good; returns when no thread of it runs, at the latest after one answer window."""
        self._closing.set()
        self._world.store.written.set()
        with self._lock:
            if self._looker is None or self._posters is None:
                return
            self._looker.join()
            self._posters.shutdown(cancel_futures=True)

    def _look(self) -> None:
        self._forget_interrupted()
        while not self._closing.is_set():
            self._world.store.written.clear()
            self._world.store.written.wait(self._send_due())

    def _forget_interrupted(self) -> None:
        with self._world.store.writing() as connection:
            connection.execute(
                "UPDATE callback SET state = ? WHERE state = ?",
                (CallbackState.WAITING, CallbackState.SENDING),
            )

    def _send_due(self) -> float | None:
        """Hand out what is due; the seconds until there is something more to do, None for a next write."""
        with self._world.store.reading() as connection:
            address, switches = callbacks.address_of(connection), callbacks.switches_of(connection)
            next_due = connection.execute(
                "SELECT min(due_at) FROM callback WHERE state = ?", (CallbackState.WAITING,)
            ).fetchone()[0]
        if address is not None and not address.verified:
            return None if check_address(self._world, address) else CHECK_AGAIN_S
        free = POSTERS - self._under_way
        if address is None or switches.hold or next_due is None or free <= 0:
            return None
        wait_us = next_due - real_time()
        if wait_us > 0:
            return float(wait_us) / SECOND
        self._hand_out(address, switches, free)
        return 0

    def _hand_out(self, address: Address, switches: Switches, free: int) -> None:
        with self._world.store.writing() as connection:
            rows = _claim(connection, switches, free)
        assert self._posters is not None  # made before the thread that runs this
        for row in rows:
            with self._lock:
                self._under_way += 1
            self._posters.submit(self._post, address, switches, row)

    def _post(self, address: Address, switches: Switches, row: sqlite3.Row) -> None:
        try:
            fields, corp_id = json.loads(row["fields"]), self._world.settings.corp_id
            attempt = post_event(address, corp_id, fields, row["agent_id"], switches.answer_s)
        finally:
            with self._lock:
                self._under_way -= 1
        with self._world.store.writing() as connection:
            _keep(connection, row["id"], attempt, switches)


def check_address(world: World, address: Address) -> bool:
    """WeCom's check when the address is saved; on success it is kept as verified and the app may send
    callback cards. A failure (40057) changes nothing."""
    if not answers_check(address, world.settings.corp_id):
        return False
    with world.store.writing() as connection:
        callbacks.put_address(connection, replace(address, verified=True))
        rules.put(connection, replace(rules.of(connection), callback_url_set=True))
    return True


def _claim(connection: sqlite3.Connection, switches: Switches, most: int) -> list[sqlite3.Row]:
    order = "random()" if switches.shuffle_s else "due_at, id"
    rows = connection.execute(
        f"SELECT id, agent_id, fields FROM callback WHERE state = ? AND due_at <= ? ORDER BY {order} LIMIT ?",  # noqa: S608
        (CallbackState.WAITING, real_time(), most),
    ).fetchall()
    connection.executemany(
        "UPDATE callback SET state = ? WHERE id = ?", [(CallbackState.SENDING, row["id"]) for row in rows]
    )
    return rows


def _keep(connection: sqlite3.Connection, callback_id: int, attempt: Attempt, switches: Switches) -> None:
    now = real_time()
    connection.execute(
        "INSERT INTO callback_attempt (callback_id, at, took_ms, status, error, reply) VALUES (?, ?, ?, ?, ?, ?)",
        (callback_id, now, attempt.took_ms, attempt.status, attempt.error, attempt.reply[:REPLY_KEPT]),
    )
    tried = connection.execute(
        "SELECT count(*) FROM callback_attempt WHERE callback_id = ?", (callback_id,)
    ).fetchone()[0]
    if attempt.accepted:
        state = CallbackState.DELIVERED
    else:
        state = CallbackState.WAITING if tried <= switches.retries else CallbackState.GIVEN_UP
    connection.execute(
        "UPDATE callback SET state = ?, due_at = ? WHERE id = ?",
        (state, now + int(switches.retry_after_s * SECOND), callback_id),
    )
