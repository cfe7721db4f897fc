"""Generated chains whose true uplift is known: stores that differ in size, habits and, where asked, in the effect.

A world is drawn member by member in distribution, but summed per store and arm at once: whole chains in milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log, log1p
from random import Random

from app.follow_ups.measuring.arms import Measure, StoreArm
from app.follow_ups.states import Arm

SMALLEST_STORE = 30
RATES = (0.04, 0.5)
# Pieces of a buyer: one, and with this chance another, and so on: 1.43 on average.
ANOTHER_PIECE = 0.3
PIECES_OF_A_BUYER = 1 / (1 - ANOTHER_PIECE)


@dataclass(frozen=True)
class World:
    """What is true of a chain. `uplift` is the mean over stores of what treatment adds to the purchase rate.

    A store's own is spread evenly around it by at most `uplift_spread`. Rates and sizes are log-normal over stores.
    A buyer spends a log-normal amount of mean `ticket`; a `tail` of 1.2 has one in a hundred spend 8 times the mean.
    With several `windows` every member counts so often, and is the same every time: one who buys often, or seldom.
    """

    stores: int = 40
    members: int = 250
    size_spread: float = 0.6
    held_out_per_mille: int = 150
    rate: float = 0.12
    rate_spread: float = 0.4
    uplift: float = 0.03
    uplift_spread: float = 0.0
    ticket: float = 30_000.0
    tail: float = 0.6
    windows: int = 1

    def truth(self, measure: Measure) -> float:
        """What treatment adds per member, on average over all stores there could be."""
        of_a_buyer = {Measure.PURCHASE_RATE: 1.0, Measure.PIECES: PIECES_OF_A_BUYER, Measure.FEN: self.ticket}
        return self.uplift * of_a_buyer[measure]


CONSTANT = World()
NOTHING = replace(CONSTANT, uplift=0.0)
VARYING = replace(CONSTANT, uplift_spread=0.05, tail=1.2)
RETURNING = replace(CONSTANT, windows=6, members=150)
WORLDS = {
    "plus_3_points": CONSTANT,
    "nothing": NOTHING,
    "varying_and_heavy_tailed": VARYING,
    "the_same_members_in_six_windows": RETURNING,
}
# Of members, how many buy how much more often than the average; the others make up for it.
REGULARS, MORE_OFTEN = 0.2, 3.0


def live(world: World, seed: int) -> list[StoreArm]:
    """One life of the world, as the tables would tell it."""
    random = Random(seed)
    rows = []
    for store in range(world.stores):
        members = max(SMALLEST_STORE, round(world.members * _lognormal(random, world.size_spread)))
        low, high = RATES
        rate = min(high, max(low, world.rate * _lognormal(random, world.rate_spread)))
        uplift = world.uplift + world.uplift_spread * random.uniform(-1, 1)
        held_out = binomial(random, members, world.held_out_per_mille / 1000)
        rows.append(_arm(random, world, store, Arm.TREATED, members - held_out, rate + uplift))
        rows.append(_arm(random, world, store, Arm.PLAN_HOLD_OUT, held_out, rate))
    return rows


def _arm(random: Random, world: World, store: int, arm: Arm, members: int, rate: float) -> StoreArm:
    buyers = binomial(random, members, rate) if world.windows == 1 else _again(random, world, members, rate)
    pieces = [_pieces(random) for _ in range(buyers)]
    fen = [round(world.ticket * _lognormal(random, world.tail)) for _ in range(buyers)]
    return StoreArm(
        store_id=store,
        arm=arm,
        per_mille=world.held_out_per_mille,
        members=members * world.windows,
        buyers=buyers,
        pieces=sum(pieces),
        pieces_squared=sum(piece**2 for piece in pieces),
        fen=sum(fen),
        fen_squared=sum(spent**2 for spent in fen),
    )


def _again(random: Random, world: World, members: int, rate: float) -> int:
    """Of members who are what they are in every window, how many buy in one."""
    regulars = binomial(random, members, REGULARS)
    often, seldom = MORE_OFTEN * rate, rate * (1 - REGULARS * MORE_OFTEN) / (1 - REGULARS)
    return sum(
        binomial(random, regulars, min(0.99, often)) + binomial(random, members - regulars, seldom)
        for _ in range(world.windows)
    )


def binomial(random: Random, tries: int, chance: float) -> int:
    """How many of `tries` succeed, by the waiting times between successes: as many draws as successes."""
    if chance <= 0:
        return 0
    count, at = 0, 0
    while True:
        at += 1 + int(log(1 - random.random()) / log1p(-chance))
        if at > tries:
            return count
        count += 1


def _pieces(random: Random) -> int:
    pieces = 1
    while random.random() < ANOTHER_PIECE:
        pieces += 1
    return pieces


def _lognormal(random: Random, spread: float) -> float:
    """Of mean 1."""
    return exp(random.gauss(-spread * spread / 2, spread))
