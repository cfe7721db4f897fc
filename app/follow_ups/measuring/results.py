"""What a plan's results page tells, as values: from entering to buying, what is attributed, what is measured. Pure.

Attribution and uplift answer two questions and are shown apart: which purchases followed a task, and how many there
would not have been without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.follow_ups.measuring.headline import Headline
from app.follow_ups.measuring.uplift import Uplift
from app.follow_ups.states import Arm, Evidence, Touch


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many came how far: members who entered by arm, tasks opened, tasks done by how well that is proven."""

    entered: Mapping[Arm, int]
    opened: int
    done: Mapping[Evidence, int]

    def done_at_least(self, weakest: Evidence) -> int:
        """Tasks done with this evidence or better: `Evidence` is declared strongest first."""
        grades = list(Evidence)
        return sum(self.done.get(grade, 0) for grade in grades[: grades.index(weakest) + 1])


@dataclass(frozen=True, slots=True)
class Attributed:
    """Purchases within so many days of a done task, and what of them was taken back by refunds since."""

    touch: Touch
    within_days: int
    purchases: int
    fen: int
    refunded_fen: int

    @property
    def kept_fen(self) -> int:
        return self.fen - self.refunded_fen


@dataclass(frozen=True, slots=True)
class PlanResults:
    """One plan over one span of entering."""

    funnel: Funnel
    attributed: Attributed
    uplift: Uplift
    headline: Headline
