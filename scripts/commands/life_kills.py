"""Who is killed when: drawn from a seed, in business time, so that every seed is a story of its own."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path


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
# How far a life may go on before a kill whose instant has come has struck: a small life lives weeks in a second.
LEASH = timedelta(days=2)


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


class Leash:
    """How far a life may go: the killer writes it, the traveller waits at its end. So every kill strikes a life."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def hold(self, waiting: Sequence[Kill], ends: datetime) -> None:
        """Let the life go on to shortly after the first of these kills; to its end where none waits."""
        new = self._file.with_suffix(".new")
        new.write_text((waiting[0].at + LEASH if waiting else ends).isoformat())
        os.replace(new, self._file)

    def end(self) -> datetime:
        """How far it reaches by now."""
        return datetime.fromisoformat(self._file.read_text())
