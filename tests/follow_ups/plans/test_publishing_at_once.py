"""Two at headquarters publish at the same moment: one after the other, and neither is refused."""

from __future__ import annotations

import threading
from copy import deepcopy

import pytest
from sqlalchemy import select

from app.db import Database
from app.follow_ups.models import PlanRelease, PlanVersion
from app.follow_ups.plans.releases import in_force
from app.follow_ups.plans.versions import publish
from tests.world import PLAN, World


@pytest.mark.parametrize("code", ["after_purchase", "new"])
def test_each_gets_a_version_and_the_last_one_is_in_force(database: Database, code: str):
    World(database)
    begin, errors = threading.Barrier(4), list[BaseException]()

    def run(name: str) -> None:
        try:
            begin.wait(60)
            database.in_transaction(
                lambda session: publish(session, {**deepcopy(PLAN), "code": code, "name": name})
            )
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=[f"name {number}"]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with database.reading() as session:
        newest = session.scalars(select(PlanVersion).order_by(PlanVersion.id)).all()[-4:]
        released = session.scalars(select(PlanRelease).order_by(PlanRelease.id)).all()[-4:]
    first = 2 if code == "after_purchase" else 1
    assert sorted(version.number for version in newest) == list(range(first, first + 4))
    by_id = {version.id: version.number for version in newest}
    assert [by_id[one.plan_version_id or 0] for one in released] == list(range(first, first + 4))


def test_who_publishes_last_is_in_force_though_their_hosts_clock_is_behind(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    World(database)
    monkeypatch.setattr("app.follow_ups.plans.releases.new_id", lambda _session: 5)
    with database.transaction() as session:
        version, _ = publish(session, {**deepcopy(PLAN), "name": "the last one"})
        assert in_force(session).version_ids(version.plan_id) == {version.id}
