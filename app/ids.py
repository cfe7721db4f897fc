"""Ids: 63-bit integers that grow with time and never collide between processes.

41 bits of milliseconds since 2026-01-01, 10 bits of a node leased from the database, 12 bits of sequence.
The layout is Snowflake's; the lease replaces its hand-configured worker number.
"""

from __future__ import annotations

import random
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, Update, select, update

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

EPOCH_MS = 1_767_225_600_000
SEQUENCES = 4096
LEASE_S = 3600
RENEW_S = 1800

# Its own metadata: this module lies below db.py. The migration creates the same table.
nodes = Table(
    "id_nodes",
    MetaData(),
    Column("node", Integer, primary_key=True, autoincrement=False),
    Column("leased_until_s", BigInteger, nullable=False),
)


class Lease(NamedTuple):
    """A node that is ours until `good_until` on this process's monotonic clock."""

    node: int
    good_until: float


class NoNodeFree(Exception):
    """All 1,024 nodes are leased: more processes started within the hour than ids can tell apart."""


class IdSource:
    """Hands out ids for one process; safe for all its threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._node = -1
        self._good_until = 0.0
        self._last_ms = 0
        self._sequence = 0

    def is_running_out(self) -> bool:
        """True when the node should be leased (again) before the next transaction."""
        return time.monotonic() > self._good_until - RENEW_S

    def lease(self, connection: Connection) -> Lease:
        """Lease this process's node again, or a free one, for an hour of real time; `adopt` it once committed.

        Candidates are looked at without locks and taken by key, so that processes starting together do not take each
        other's locks for nodes in use. Raises `NoNodeFree`.
        """
        now = int(time.time())
        asked_at = time.monotonic()
        if asked_at < self._good_until:
            connection.execute(_lease_of(self._node, now))
            return Lease(self._node, asked_at + LEASE_S)
        free = list(connection.scalars(select(nodes.c.node).where(nodes.c.leased_until_s < now)))
        for node in random.sample(free, len(free)):
            if connection.execute(_lease_of(node, now).where(nodes.c.leased_until_s < now)).rowcount:
                return Lease(node, asked_at + LEASE_S)
        raise NoNodeFree

    def adopt(self, lease: Lease) -> None:
        """Hand out ids of this node from now on. Only a committed lease is one: otherwise others may take the node."""
        with self._guard:
            self._node, self._good_until = lease

    def take(self, count: int) -> list[int]:
        """`count` new ids, ascending. Raises `NoNodeFree` when the lease ran out."""
        with self._guard:
            if time.monotonic() >= self._good_until:
                raise NoNodeFree
            now_ms = time.time_ns() // 1_000_000 - EPOCH_MS
            if now_ms > self._last_ms:
                self._last_ms, self._sequence = now_ms, -1
            return [self._next() for _ in range(count)]

    def _next(self) -> int:
        if self._sequence + 1 < SEQUENCES:
            self._sequence += 1
        else:  # sequence used up, or the wall clock stepped back: borrow the next millisecond
            self._last_ms, self._sequence = self._last_ms + 1, 0
        return (self._last_ms << 22) | (self._node << 12) | self._sequence


def id_before(known: int, by: timedelta) -> int:
    """An id below every one that was made later than so long before a known one."""
    return max(0, known - (int(by / timedelta(milliseconds=1)) << 22))


def _lease_of(node: int, now_s: int) -> Update:
    return update(nodes).where(nodes.c.node == node).values(leased_until_s=now_s + LEASE_S)


def new_ids(session: Session, count: int) -> list[int]:
    """`count` fresh ids in ascending order."""
    source: IdSource = session.info["ids"]
    return source.take(count)


def new_id(session: Session) -> int:
    """One fresh id."""
    return new_ids(session, 1)[0]
