"""The bench of sends does what it says; what it measures is shown, never judged by a test."""

from __future__ import annotations

import pytest

from scripts.commands.bench_sends import bench_sends

pytestmark = pytest.mark.process


def test_both_sides_send_as_often():
    cost = bench_sends(blocks=2, sends_a_block=5)
    assert cost.sends == 10
    assert cost.ours_s > 0
    assert cost.ratio == cost.ours_s / cost.bare_s
