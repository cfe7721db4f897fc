"""What follow-ups bring: members treated against members held out, by intention to treat. Pure.

Every member who entered counts in the arm that chance gave them, whatever was then sent, skipped, refused or cancelled:
only the split is random, nothing after it is. Who is counted when, and how often, is told in `following`: "members"
are members' stretches of days.

**Estimate.** Members are split at random inside each store, so each store s has a difference of its own, d_s = mean of
the treated - mean of the held out, and stores' different habits cancel. With t_s treated, c_s held out,
w_s = t_s c_s / (t_s + c_s) and h_s = w_s / sum(w):

    difference = sum(h_s d_s)

which is least squares with a level per store. The share being the same everywhere, h_s is the store's part of all
members to within 1 / members of the store: it is an average over members, not over stores. Where the share was changed
members of each share are compared among themselves, and the store's d_s is their average, weighted alike.

**Interval.** 95 %, clustered by store: members of one store share its staff, stock and season, and the effect may
differ from store to store. Liang & Zeger (1986) with the correction Bell & McCaffrey (2002) call CR3, close to the
jackknife over stores (Cameron & Miller 2015, section VI; MacKinnon, Nielsen & Webb 2023):

    variance = sum((h_s (d_s - difference) / (1 - h_s))^2)

which is the sum of the squares of what leaving out one store would change the difference by, and Student's t with
Satterthwaite's degrees of freedom under equal variance of members (Bell & McCaffrey 2002). After taking the stores'
means away a store's part of the hat matrix has rank one and the one eigenvalue h_s, so both have
closed forms. Unlike the plain sandwich it holds with few stores of very different size.

Covered in generated worlds (tests/follow_ups/measuring/worlds.py), in % of 1,000 seeds, purchase rate and
fen, where an interval was given; the standard error of such a figure is 0.7 [M]:

    stores                                      5           12          40          200
    +3 points                                   98.4 97.8   96.7 97.4   95.1 96.6   93.8 94.3
    no effect                                   97.7 97.3   96.6 97.2   94.0 93.8   95.1 95.9
    effect varies, amounts heavy-tailed         97.4 97.4   95.7 95.1   94.8 95.7   95.1 94.1
    5 % buy, +1 point                           97.9 97.5   95.5 96.0   95.2 94.3   94.1 94.4
    sizes log-normal of spread 1.2 (else 0.6)   98.8 99.0   98.1 97.6   96.0 96.3   95.3 94.7

The same 150 members of each of 40 stores in six stretches, a fifth of whom buy three times as often: 95 to 96, for
whatever members' stretches have in common lies within their store.

With few stores it errs towards too wide. The plain sandwich with stores - 1 degrees of freedom covered 90 to 94 at 5
to 12 stores, CR2 down to 93.5 where buyers are few or amounts heavy-tailed: a promise to HQ had better err this way.

**What it does not promise.** It is an interval for one look at a time fixed beforehand. Looked at every week for
twelve weeks, it seemed to show an effect in some week in 19 % of 300 chains that had none [M]. `watched` holds at all
looks together (asymptotic confidence sequence: Robbins 1970; Waudby-Smith et al. 2021; there 3 %): it is wider, and the
one to act on early.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import fsum, log, sqrt

from app.follow_ups.measuring.arms import Against, Measure, Pair, StoreArm, paired, variance_between_members
from app.follow_ups.measuring.distributions import normal_quantile, t_quantile
from app.follow_ups.measuring.needed import CONFIDENCE, Needed, Sample, needed, planned

# Below these no interval is given: with fewer the normal theory it rests on does not hold.
FEWEST_STORES = 5
FEWEST_MEMBERS = 100
FEWEST_BUYERS = 10
# What "the number needed to tell" is told for: 3 more of 100 members buy.
EFFECT_TO_TELL = 0.03
# `watched` is narrowest for an effect of about this part of the standard deviation between members; fixed beforehand.
WATCHED_FOR = 0.1


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Interval:
        """All three times a factor that is not below zero."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)


class Verdict(StrEnum):
    """What may be said of an effect."""

    MORE = "more"
    LESS = "less"
    NOT_ENOUGH_YET = "not_enough_yet"  # the interval holds zero


class Shortfall(StrEnum):
    """Why there is no interval at all."""

    STORES = "stores"  # with members in both arms
    TREATED = "treated"
    HELD_OUT = "held_out"
    BUYERS = "buyers"  # to be expected in the smaller arm were there no effect


@dataclass(frozen=True, slots=True)
class NotEnough:
    """Not enough yet for an interval: `have` of `least`, and what it will take to tell where that can be foreseen."""

    reason: Shortfall
    have: int
    least: int
    needed: Needed | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """The difference per member between the arms, in units of the measure (0.03 of a rate is 3 points).

    `held_out_mean` is what members do by themselves, weighted as the difference is. `design_effect` is how many times
    the variance is greater for the clustering than that of members drawn singly. `to_tell` is for the effect asked
    for, `to_tell_observed` for the one observed (None where that is zero).
    """

    difference: Interval
    watched: Interval
    held_out_mean: float
    standard_error: float
    dof: float
    stores: int
    treated: int
    held_out: int
    design_effect: float
    to_tell: Needed
    to_tell_observed: Needed | None

    @property
    def verdict(self) -> Verdict:
        return _verdict(self.difference)

    @property
    def verdict_when_watched(self) -> Verdict:
        return _verdict(self.watched)


@dataclass(frozen=True, slots=True)
class Uplift:
    """The effect on each measure."""

    purchase_rate: Estimate | NotEnough
    pieces: Estimate | NotEnough
    fen: Estimate | NotEnough


def measure_uplift(
    rows: Sequence[StoreArm], against: Against = Against.PLAN, *, of_money: Sequence[StoreArm] | None = None
) -> Uplift:
    """All three measures of one comparison; `of_money` are the rows whose money is of one currency, None: all."""
    return Uplift(
        purchase_rate=compare(rows, Measure.PURCHASE_RATE, against),
        pieces=compare(rows, Measure.PIECES, against),
        fen=compare(rows if of_money is None else of_money, Measure.FEN, against),
    )


def compare(
    rows: Iterable[StoreArm], measure: Measure, against: Against = Against.PLAN
) -> Estimate | NotEnough:
    """The effect on one measure, or plainly why it is too early to tell.

    Stores in which an arm has nobody have no difference and are left out. Pieces and fen are asked for what
    `EFFECT_TO_TELL` more buyers would bring.
    """
    pairs = paired(rows, measure, against)
    buyers = sum(side.buyers for pair in pairs for side in (pair.treated, pair.held_out))
    total = sum(side.total for pair in pairs for side in (pair.treated, pair.held_out))
    effect = EFFECT_TO_TELL * total / buyers if buyers else 0.0
    return _shortfall(pairs, effect) or _estimate(pairs, effect)


def _shortfall(pairs: Sequence[Pair], effect: float) -> NotEnough | None:
    """The first minimum that is not met."""
    stores = len({pair.store_id for pair in pairs})
    treated = sum(pair.treated.members for pair in pairs)
    held_out = sum(pair.held_out.members for pair in pairs)
    buyers = sum(pair.treated.buyers + pair.held_out.buyers for pair in pairs)
    expected = buyers * min(treated, held_out) // max(1, treated + held_out)
    for reason, have, least in (
        (Shortfall.STORES, stores, FEWEST_STORES),
        (Shortfall.TREATED, treated, FEWEST_MEMBERS),
        (Shortfall.HELD_OUT, held_out, FEWEST_MEMBERS),
        (Shortfall.BUYERS, expected, FEWEST_BUYERS),
    ):
        if have < least:
            share = held_out / max(1, treated + held_out)
            variance = variance_between_members(pairs) if pairs else 0.0
            return NotEnough(reason, have, least, planned(variance, share, effect))
    return None


def _estimate(pairs: Sequence[Pair], effect: float) -> Estimate:
    whole = fsum(pair.weight for pair in pairs)
    difference = fsum(pair.weight * pair.difference for pair in pairs) / whole
    weights, scores = _by_store(pairs, difference, whole)
    variance = fsum((score / (1 - weight)) ** 2 for weight, score in zip(weights, scores, strict=True))
    dof = degrees_of_freedom(weights)
    of_a_member = variance_between_members(pairs)
    between_members = of_a_member / whole
    sample = Sample(
        treated=sum(pair.treated.members for pair in pairs),
        held_out=sum(pair.held_out.members for pair in pairs),
        stores=len(weights),
        between_members=between_members,
        between_stores=max(0.0, variance - between_members),
        dof=dof,
    )
    quantile = t_quantile(0.5 + CONFIDENCE / 2, dof)
    return Estimate(
        difference=_around(difference, quantile * sqrt(variance)),
        watched=_around(difference, _watched_reach(variance, of_a_member, quantile)),
        held_out_mean=fsum(pair.weight * pair.held_out.mean for pair in pairs) / whole,
        standard_error=sqrt(variance),
        dof=dof,
        stores=sample.stores,
        treated=sample.treated,
        held_out=sample.held_out,
        design_effect=max(1.0, variance / between_members) if between_members else 1.0,
        to_tell=needed(sample, effect),
        to_tell_observed=needed(sample, difference) if difference else None,
    )


def _by_store(pairs: Sequence[Pair], difference: float, whole: float) -> tuple[list[float], list[float]]:
    """Each store's part h of the weight, and h (d - difference): over its shares, which are one cluster."""
    weights: dict[int, float] = {}
    scores: dict[int, float] = {}
    for pair in pairs:
        part = pair.weight / whole
        weights[pair.store_id] = weights.get(pair.store_id, 0.0) + part
        scores[pair.store_id] = scores.get(pair.store_id, 0.0) + part * (pair.difference - difference)
    return list(weights.values()), list(scores.values())


def degrees_of_freedom(weights: Sequence[float]) -> float:
    """Satterthwaite's for CR3 were all members' variances equal: (sum of expectations)^2 / sum of squared covariances.

    Then Var(d_s) is proportional to 1 / h_s and the covariance matrix of the terms h (d - difference) / (1 - h) is
    g_i g_j ([i = j] / h_i - 1) with g = h / (1 - h). Stores of one size give their number - 1.
    """
    odds = [weight / (1 - weight) for weight in weights]
    squares = fsum(odd**2 for odd in odds)
    fourths = fsum(odd**4 for odd in odds)
    return fsum(odds) ** 2 / (squares + squares**2 - fourths)


def _watched_reach(variance: float, of_a_member: float, quantile: float) -> float:
    """How far an interval reaches that holds at all looks together: Robbins' normal mixture.

    sqrt(V (V + f) / f * (log((V + f) / V) + 2 log(1 / alpha))), f = (WATCHED_FOR * standard deviation of a member)^2
    (Robbins 1970; Waudby-Smith et al. 2021, theorem 2.2 with rho = WATCHED_FOR). It is asymptotic; for few stores it is
    widened as the t quantile is against the normal one, a rule of thumb that held when tried [M].
    """
    mixed = WATCHED_FOR**2 * of_a_member
    if not variance or not mixed:
        return quantile * sqrt(variance)
    both = variance + mixed
    reach = sqrt(variance * both / mixed * (log(both / variance) - 2 * log(1 - CONFIDENCE)))
    return reach * quantile / normal_quantile(0.5 + CONFIDENCE / 2)


def _around(value: float, reach: float) -> Interval:
    return Interval(value, value - reach, value + reach)


def _verdict(interval: Interval) -> Verdict:
    if interval.low > 0:
        return Verdict.MORE
    return Verdict.LESS if interval.high < 0 else Verdict.NOT_ENOUGH_YET
