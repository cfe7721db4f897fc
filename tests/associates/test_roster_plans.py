"""Plans of another system: the one shift that sections make."""

from __future__ import annotations

from datetime import time

import pytest

from app.associates.roster import Times
from app.associates.roster_plans import shift_of

HOUR = 3_600


@pytest.mark.parametrize(
    ("sections", "shift"),
    [
        ([], None),
        ([(10, 18)], Times(time(10), time(18))),
        ([(14, 18), (9, 12)], Times(time(9), time(18))),
        ([(22, 26)], Times(time(22), time(2))),
        ([(22, 2)], Times(time(22), time(2))),
        ([(18, 22), (23, 3)], Times(time(18), time(3))),
        ([(0, 24)], Times(time(0), time(0))),
    ],
)
def test_sections_of_a_day_are_one_shift(sections: list[tuple[int, int]], shift: Times | None):
    assert shift_of((begins * HOUR, ends * HOUR) for begins, ends in sections) == shift
