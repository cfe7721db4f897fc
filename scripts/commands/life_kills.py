"""Who is killed when: drawn from a seed, in business time, so that every seed is a story of its own."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Victim(StrEnum):
    """Which process dies; EVERYTHING is a power cut."""

    TRAVELLER = "traveller"
    WORKER = "worker"
    CLOCK = "clock"
    ASSOCIATES = "associates"
    DATABASE = "database"
    EVERYTHING = "everything"


# How often each is drawn. The traveller does most of the work.
WEIGHTS = {
    Victim.TRAVELLER: 4,
    Victim.WORKER: 2,
    Victim.CLOCK: 2,
    Victim.ASSOCIATES: 1,
    Victim.DATABASE: 2,
    Victim.EVERYTHING: 1,
}
NEED_A_SERVER = {Victim.DATABASE, Victim.EVERYTHING}
# Between noticing that the instant has come and striking, in real seconds: somewhere in the middle of some work.
LONGEST_AIM_S = 0.5


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill a victim once business time has come so far, so many real seconds later."""

    at: datetime
    victim: Victim
    aim_s: float


def draw_kills(seed: int, count: int, begins: datetime, ends: datetime, *, has_server: bool) -> list[Kill]:
    """`count` kills in their order; each kind at least once where there are enough of them."""
    dice = random.Random(seed)  # noqa: S311 - a story's dice, not a secret
    victims = [victim for victim in Victim if has_server or victim not in NEED_A_SERVER]
    drawn = victims[:count] + dice.choices(
        victims, [WEIGHTS[victim] for victim in victims], k=max(0, count - len(victims))
    )
    dice.shuffle(drawn)
    instants = sorted(begins + (ends - begins) * dice.random() for _ in drawn)
    return [
        Kill(at, victim, dice.random() * LONGEST_AIM_S) for at, victim in zip(instants, drawn, strict=True)
    ]
