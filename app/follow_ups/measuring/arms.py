"""Members by store and arm: what the tables are asked for, set against each other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import fsum

from app.follow_ups.states import Arm


class Measure(StrEnum):
    """What is compared per member: whether they bought, how many pieces, for how many fen (returns taken off)."""

    PURCHASE_RATE = "purchase_rate"
    PIECES = "pieces"
    FEN = "fen"


class Against(StrEnum):
    """Whom the treated are compared with: a plan's own hold-out, or those held out of everything."""

    PLAN = "plan"
    EVERYTHING = "everything"


TREATED = {Against.PLAN: {Arm.TREATED}, Against.EVERYTHING: {Arm.TREATED, Arm.PLAN_HOLD_OUT}}
HELD_OUT = {Against.PLAN: Arm.PLAN_HOLD_OUT, Against.EVERYTHING: Arm.GLOBAL_HOLD_OUT}


@dataclass(frozen=True, slots=True)
class StoreArm:
    """One row of a GROUP BY store, arm and share over members: each counts once, with all they bought in the window.

    `store_id` is the member's store on entering, `per_mille` the hold-out share in force then: members who entered
    under different shares are never compared with each other.
    """

    store_id: int
    arm: Arm
    per_mille: int
    members: int
    buyers: int
    pieces: int
    pieces_squared: int
    fen: int
    fen_squared: int

    def total(self, measure: Measure) -> int:
        return {Measure.PURCHASE_RATE: self.buyers, Measure.PIECES: self.pieces, Measure.FEN: self.fen}[
            measure
        ]

    def squares(self, measure: Measure) -> int:
        return {
            Measure.PURCHASE_RATE: self.buyers,
            Measure.PIECES: self.pieces_squared,
            Measure.FEN: self.fen_squared,
        }[measure]


@dataclass(frozen=True, slots=True)
class Side:
    """Members of one arm, store and share."""

    members: int
    buyers: int
    total: int
    squares: int

    @property
    def mean(self) -> float:
        return self.total / self.members


@dataclass(frozen=True, slots=True)
class Pair:
    """The two sides of one store and share, both with members."""

    store_id: int
    treated: Side
    held_out: Side

    @property
    def weight(self) -> float:
        return self.treated.members * self.held_out.members / (self.treated.members + self.held_out.members)

    @property
    def difference(self) -> float:
        return self.treated.mean - self.held_out.mean


def paired(rows: Iterable[StoreArm], measure: Measure, against: Against) -> list[Pair]:
    """One pair for each store and share in which both sides have members, in their order."""
    sides: dict[tuple[int, int], dict[bool, list[StoreArm]]] = {}
    for row in rows:
        if row.members and (row.arm in TREATED[against] or row.arm is HELD_OUT[against]):
            cell = sides.setdefault((row.store_id, row.per_mille), {True: [], False: []})
            cell[row.arm in TREATED[against]].append(row)
    return [
        Pair(store_id, _side(cell[True], measure), _side(cell[False], measure))
        for (store_id, _), cell in sorted(sides.items())
        if cell[True] and cell[False]
    ]


def _side(rows: Sequence[StoreArm], measure: Measure) -> Side:
    return Side(
        members=sum(row.members for row in rows),
        buyers=sum(row.buyers for row in rows),
        total=sum(row.total(measure) for row in rows),
        squares=sum(row.squares(measure) for row in rows),
    )


def variance_between_members(pairs: Sequence[Pair]) -> float:
    """Of members of one store, share and arm: what is left when the cells' means are taken away."""
    sides = [side for pair in pairs for side in (pair.treated, pair.held_out)]
    squares = fsum(side.squares - side.total * side.mean for side in sides)
    return max(0.0, squares / max(1, sum(side.members - 1 for side in sides)))
