"""Ids are told apart between processes by the node each of them leases."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, event

from app.db import Database
from app.ids import EPOCH_MS, new_ids

TOGETHER = 8


def nodes_of(ids: list[int]) -> set[int]:
    return {one >> 12 & 1023 for one in ids}


def take_ids(database: Database, count: int = 10) -> list[int]:
    with database.transaction() as session:
        return new_ids(session, count)


def test_processes_that_start_together_each_lease_a_node_of_their_own(new_database_url: Callable[[], str]):
    url = new_database_url()
    processes = [Database(url) for _ in range(TOGETHER)]
    together = threading.Barrier(TOGETHER)
    taken: list[list[int]] = []

    def start(database: Database) -> None:
        together.wait()
        taken.append(take_ids(database))

    threads = [threading.Thread(target=start, args=(database,)) for database in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(nodes_of(ids)) for ids in taken) == [1] * TOGETHER
    assert len(set.union(*(nodes_of(ids) for ids in taken))) == TOGETHER
    for database in processes:
        database.close()


def test_a_node_whose_lease_was_not_committed_is_not_used(database: Database):
    def fail(_connection: Connection) -> None:
        raise ConnectionError("the database went away before the commit")

    event.listen(database.engine, "commit", fail)
    with pytest.raises(ConnectionError):
        take_ids(database)
    event.remove(database.engine, "commit", fail)
    assert database.ids.is_running_out()


def test_ids_ascend_and_begin_with_the_time(database: Database):
    ids = take_ids(database, 5_000) + take_ids(database, 5_000)
    assert ids == sorted(set(ids))
    assert all(0 < one < 2**63 for one in ids)
    assert (ids[0] >> 22) + EPOCH_MS > 1_767_225_600_000
    assert len(nodes_of(ids)) == 1
