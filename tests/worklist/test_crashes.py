"""A process that dies while it balances or urges: everything is as it was, and whoever comes next does it once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from app import failpoints
from app.messaging.models import NoticeKind
from tests.house.source import ROOT
from tests.worklist.shop import Shop

pytestmark = pytest.mark.process
WORKER = """
import sys
from app.db import Database
from app.failpoints import arm
from app.lanes import Deadline
from app.worklist.balancing import balance_due
from app.worklist.urging import urge_due

database_url, place = sys.argv[1:]
arm([place], is_sandbox=True)
database = Database(database_url)
balance_due(database, lambda *_: None, lambda *_: None, Deadline(10))
urge_due(database, Deadline(10))
"""


def work_and_die(database_url: str, place: str) -> int:
    """A worker process balances and urges, and dies at this place; its exit code."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WORKER, database_url, place]
    return subprocess.run(command, env=environment, timeout=120, check=False).returncode


@pytest.mark.parametrize("place", ["balance.decided", "urge.decided"])
def test_a_crash_leaves_everything_as_it_was_and_is_made_good(shop: Shop, database_url: str, place: str):
    shop.budget(daily_capacity=2, urge_after_minutes=10, escalate_after_minutes=60)
    shop.sleep_until("2026-03-02 10:00")
    shop.give("ann", 40, 30, 20, 10, contacts=("ben",))
    shop.sleep_until("2026-03-02 10:40")
    if place == "urge.decided":
        shop.balance()
    before = (shop.at_hand("ann"), shop.at_hand("ben"), shop.overflows(), shop.told())
    assert work_and_die(database_url, place) == failpoints.KILLED
    assert (shop.at_hand("ann"), shop.at_hand("ben"), shop.overflows(), shop.told()) == before
    shop.check()
    assert work_and_die(database_url, "nowhere") == 0
    assert (shop.at_hand("ann"), shop.at_hand("ben")) == ({40, 30}, {20, 10})
    assert [rank for rank, *_ in shop.overflows()] == [20, 10]
    assert len(shop.told(NoticeKind.URGE)) == 2, "those that were moved just now are not late yet"
