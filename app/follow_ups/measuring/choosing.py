"""Which of a step's approved scripts a member gets: the better it did, the more often; every one now and then. Pure.

Thompson sampling (Thompson 1933; Russo et al. 2018) gives a script with the probability that it is the best, as far as
its results say, each a Beta distribution. A new script is first believed to be as good as the step's scripts are
together, loosely: of one believed to succeed every other time, as the usual Beta(1, 1) has it, nearly everybody would
get it until its first results are in, and those take weeks.

Here that probability is computed instead of drawn, so that it can be shown, a floor can be laid under it, and one
member's script depends on nothing but their enrollment and the results: a crash and a retry choose the same.

Results are a snapshot that is to be kept for the while in which a firing may be retried (a day's, say). Count in it
only tasks whose time to succeed is over, and of a recent span only: what worked two winters ago says little. Chances
change over time, so the rates describe scripts as they were used; the hold-out, not these, says what follow-ups bring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from math import fsum, log, prod

from app.follow_ups.measuring.distributions import beta_cdf, beta_spread

# At least this part of members gets each approved script, so that a late bloomer is noticed.
FLOOR = 0.05
# What is believed of a script before it is tried weighs as much as so many tries.
PRIOR_TRIES = 20
# The probabilities are sums over so many slices of the span in which any script's rate may lie.
SLICES = 400
# Beyond so many standard deviations there is nothing to speak of: the slices leave out less than 1e-9.
SPAN = 8
# The keyed hash is a whole number below this.
HASHES = 2**64


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """What came of an approved script in this step: `succeeded` of `tried`."""

    script_code: str
    tried: int = 0
    succeeded: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.succeeded <= self.tried:
            raise ValueError(f"{self.script_code}: {self.succeeded} of {self.tried}")

    @property
    def rate(self) -> float | None:
        """None while it was never tried."""
        return self.succeeded / self.tried if self.tried else None


class ChoiceReason(StrEnum):
    """Why this script, for people: each has a text in the catalogue."""

    SWITCHED_OFF = "switched_off"  # learning is off: the first listed
    ONLY_ONE = "only_one"
    NO_RESULTS = "no_results"  # none was tried yet: all alike
    BEST_SO_FAR = "best_so_far"
    EXPLORED = "explored"  # another may be the better one still


@dataclass(frozen=True, slots=True)
class Why:
    """`best` is the script most likely the best; `chosen` the one taken; both with their results."""

    reason: ChoiceReason
    chosen: ScriptResult
    best: ScriptResult


@dataclass(frozen=True, slots=True)
class Choice:
    """The script, and how likely it was to be taken: a record of it lets results be weighted later."""

    script_code: str
    probability: float
    why: Why


def choose(
    results: Sequence[ScriptResult],
    *,
    enrollment_id: int,
    step_no: int,
    salt: str,
    learning: bool = True,
    floor: float = FLOOR,
) -> Choice | None:
    """The script of one enrollment's step among the approved ones, or None where none is.

    The same for the same arguments. The order of the list counts only where learning is off: the first is taken. A
    script that is added or withdrawn, or new results, change the choice of as few enrollments as the chances do
    (weighted rendezvous hashing: Schindelhauer & Schomaker 2005). Raises ValueError where a script is listed twice and
    for a salt of more than 64 bytes.
    """
    if not results:
        return None
    if not learning or len(results) == 1:
        reason = ChoiceReason.ONLY_ONE if len(results) == 1 else ChoiceReason.SWITCHED_OFF
        return Choice(results[0].script_code, 1.0, Why(reason, results[0], results[0]))
    ranked = tuple(sorted(results, key=lambda result: result.script_code))
    shares = chances(ranked, floor)
    best = ranked[max(range(len(ranked)), key=lambda at: shares[at])]
    drawn = f"{enrollment_id}:{step_no}:"
    at = min(range(len(ranked)), key=lambda at: _wait(drawn + ranked[at].script_code, salt, shares[at]))
    return Choice(
        ranked[at].script_code, shares[at], Why(_reason(ranked, ranked[at], best), ranked[at], best)
    )


@lru_cache(maxsize=1024)
def chances(results: tuple[ScriptResult, ...], floor: float = FLOOR) -> tuple[float, ...]:
    """How likely each script is to be taken: at least `floor` each (an equal part where that is more than there is).

    The rest is shared out by the probability of being the best. Kept for the results last asked for: a snapshot serves
    many members. Raises ValueError where a script is listed twice.
    """
    if len({result.script_code for result in results}) < len(results):
        raise ValueError("a script is listed twice")
    least = min(floor, 1 / len(results))
    free = 1 - least * len(results)
    return tuple(least + free * best for best in best_probabilities(results))


def best_probabilities(results: Sequence[ScriptResult]) -> list[float]:
    """For each script the probability that its rate is the highest: sum over slices of P(it here) P(others below)."""
    shapes = _beliefs(results)
    edges = _edges(shapes)
    below = [[beta_cdf(edge, a, b) for edge in edges] for a, b in shapes]
    sums = [
        fsum(
            (own[at + 1] - own[at])
            * prod((other[at] + other[at + 1]) / 2 for other in below if other is not own)
            for at in range(len(edges) - 1)
        )
        for own in below
    ]
    whole = fsum(sums)
    return [value / whole for value in sums]


def _beliefs(results: Sequence[ScriptResult]) -> list[tuple[float, float]]:
    """The Beta parameters of each: its successes and failures on top of PRIOR_TRIES at the rate of all together."""
    succeeded = sum(result.succeeded for result in results)
    tried = sum(result.tried for result in results)
    rate = (succeeded + 1) / (tried + 2)
    return [
        (PRIOR_TRIES * rate + result.succeeded, PRIOR_TRIES * (1 - rate) + result.tried - result.succeeded)
        for result in results
    ]


def _edges(shapes: Sequence[tuple[float, float]]) -> list[float]:
    """Slices of each script's own span, together: a narrow one between wide ones is not stepped over."""
    edges = {0.0, 1.0}
    for a, b in shapes:
        mean, deviation = beta_spread(a, b)
        low, high = max(0.0, mean - SPAN * deviation), min(1.0, mean + SPAN * deviation)
        slices = SLICES // len(shapes)
        edges.update(low + (high - low) * at / slices for at in range(slices + 1))
    return sorted(edges)


def _wait(drawn: str, salt: str, share: float) -> float:
    """An exponential waiting time of rate `share`: the shortest of several is each one's with just its share."""
    digest = blake2b(drawn.encode(), key=salt.encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest, "big") + 0.5) / HASHES
    return -log(uniform) / share if share else float("inf")


def _reason(results: Sequence[ScriptResult], chosen: ScriptResult, best: ScriptResult) -> ChoiceReason:
    if not any(result.tried for result in results):
        return ChoiceReason.NO_RESULTS
    return ChoiceReason.BEST_SO_FAR if chosen == best else ChoiceReason.EXPLORED
