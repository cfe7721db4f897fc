"""How many members it takes to tell an effect from chance. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

from app.follow_ups.measuring.distributions import t_quantile

CONFIDENCE = 0.95
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Needed:
    """What it takes to notice `effect` in four of five tries, at 5 %.

    `treated` and `held_out` are members, at the present split, in the present stores: both None where stores differ so
    much in the effect that no number of members in them would do. `stores` is then what to grow: how many of the
    present kind and size it takes.
    """

    effect: float
    treated: int | None
    held_out: int | None
    stores: int | None


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured so far. `between_members` and `between_stores` are parts of the difference's variance.

    The first shrinks with every member, the second only with every store: the clustering's share of the whole.
    """

    treated: int
    held_out: int
    stores: int
    between_members: float
    between_stores: float
    dof: float


def needed(sample: Sample, effect: float) -> Needed:
    """Members per arm for 80 % power at 5 %, two-sided: variance = (effect / (t.975 + t.80))^2.

    The usual formula (Cohen 1988; for clusters Donner & Klar 2000, chapter 5) solved for members in the same stores,
    because a chain waits for members and not for stores: between_members / m + between_stores must come down to that
    variance, m being how many times the present members. The unequal split stays as it is. `between_stores` is an
    estimate and a rough one with few stores: plan with the number, do not promise by it.
    """
    quantile = t_quantile(0.5 + CONFIDENCE / 2, sample.dof) + t_quantile(POWER, sample.dof)
    allowed = (effect / quantile) ** 2
    for_members = allowed - sample.between_stores
    if for_members > 0:
        times = sample.between_members / for_members
        return Needed(effect, ceil(sample.treated * times), ceil(sample.held_out * times), None)
    whole = sample.between_members + sample.between_stores
    return Needed(effect, None, None, ceil(sample.stores * whole / allowed) if allowed else None)


def planned(variance: float, held_out_share: float, effect: float) -> Needed | None:
    """The same before anything can be measured, as if stores did not differ in the effect: the least it will take.

    `variance` is between members: r (1 - r) for a purchase rate r. None where it is zero or an arm has nobody.
    """
    if not 0 < held_out_share < 1 or variance <= 0 or effect == 0:
        return None
    of_a_thousand = variance / 1000 * (1 / held_out_share + 1 / (1 - held_out_share))
    thousand = Sample(
        treated=round(1000 * (1 - held_out_share)),
        held_out=round(1000 * held_out_share),
        stores=0,
        between_members=of_a_thousand,
        between_stores=0.0,
        dof=inf,
    )
    return needed(thousand, effect)
