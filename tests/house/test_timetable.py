"""Every lane has its bell, and everything that rings stands in the one timetable."""

from __future__ import annotations

import ast

from app.timers import Lane
from tasks.timetable import TIMETABLE
from tests.house.source import product_sources

SLOWEST_BELL_S = 60.0


def jobs_added_to_the_scheduler() -> list[str]:
    """The first argument of each `scheduler.add_job(...)`."""
    return [
        f"{source.path}: {ast.unparse(node.args[0])}"
        for source in product_sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_job"
    ]


def test_every_lane_rings_exactly_once():
    assert sorted(bell.lane for bell in TIMETABLE) == sorted(Lane)


def test_bells_ring_often_enough_for_a_push_within_five_minutes():
    assert all(0 < bell.every_s <= SLOWEST_BELL_S for bell in TIMETABLE)


def test_nothing_is_scheduled_beside_the_timetable():
    """`_ring` rings the timetable; `_travel` is the sandbox's fast-forward."""
    assert sorted(jobs_added_to_the_scheduler()) == ["tasks/clock.py: _ring", "tasks/clock.py: _travel"]
