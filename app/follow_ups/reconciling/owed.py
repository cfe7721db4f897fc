"""What is owed to a member who has claims to series of one plan, and what must have become of each step. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.follow_ups.reconciling.claims import PURCHASE, Claim
from app.follow_ups.reconciling.clocks import StoreClock
from app.follow_ups.reconciling.papers import Paper, Papers, Promise
from app.follow_ups.reconciling.raw import Facts


class Expected(StrEnum):
    """What must have become of an owed step; all but PENDING and REFUNDED by the reason that is then written."""

    OPENED = "opened"
    PENDING = "pending"
    TIME_UNKNOWN = "time_unknown"
    NEW_PURCHASE = "new_purchase"
    KEPT_EARLIER = "kept_earlier"
    REFUNDED = "refunded"  # or whatever had become of it before the refund


@dataclass(frozen=True, slots=True)
class Series:
    """A claim with the version that applies to it, and the clock of its store."""

    claim: Claim
    paper: Paper
    shop: StoreClock

    @property
    def is_lasting(self) -> bool:
        """True where nothing can have ended it or kept it from beginning: others may count on it."""
        return self.claim.is_sure and not self.claim.came_back

    def due(self, promise: Promise) -> datetime:
        """When a step falls due."""
        return self.shop.due(promise, self.claim.on, self.claim.at)


@dataclass(frozen=True, slots=True)
class Owed:
    """One step owed; what must have become of it is one of `expected`, or of `ended`, which is what may have ended it.

    No `expected` at all: anything may have.
    """

    series: Series
    promise: Promise
    due_at: datetime
    ends_at: datetime
    expected: frozenset[str]
    ended: frozenset[str]

    @property
    def step_no(self) -> int:
        """The step's number."""
        return self.promise.step_no


@dataclass(slots=True)
class Family:
    """All of a member's series of one plan."""

    series: Sequence[Series]
    facts: Facts
    papers: Papers
    now: datetime
    # By series (its place in order) and kind: whether its step keeps later ones from opening; None: perhaps.
    _keeps: dict[tuple[int, str], bool | None] = field(default_factory=dict)

    def owed(self) -> list[Owed]:
        """Every step owed, soonest day first."""
        ordered = sorted(self.series, key=lambda one: (one.claim.on, one.claim.at))
        found = []
        for place, series in enumerate(ordered):
            ended = self._may_have_ended(series)
            for promise in series.paper.promises:
                due = series.due(promise)
                ends = series.shop.ends(promise, series.claim.on, due)
                expected = self._expect(ordered, place, promise, due, ends)
                found.append(Owed(series, promise, due, ends, expected, ended))
        return found

    def _expect(
        self, ordered: Sequence[Series], place: int, promise: Promise, due: datetime, ends: datetime
    ) -> frozenset[str]:
        series = ordered[place]
        claim = series.claim
        outcomes = {Expected.OPENED}
        if promise.restarts:
            outcomes = self._restarted(ordered[place + 1 :], series, promise, due, ends)
        else:
            keeps = [
                self._keeps.get((number, promise.kind), False)
                for number, other in enumerate(ordered[:place])
                if other.claim.on < claim.on and _is_still_to_come(other, promise.kind, claim.at)
            ]
            if True in keeps:
                outcomes = {Expected.KEPT_EARLIER}
            elif None in keeps:
                outcomes = {Expected.OPENED, Expected.KEPT_EARLIER}
        self._remember(place, series, promise, outcomes, ends)
        if _is_over(series):
            return frozenset()
        if promise.minutes is not None and not claim.time_known:
            return frozenset({Expected.TIME_UNKNOWN})
        return frozenset({Expected.PENDING} if due > self.now else outcomes)

    def _restarted(
        self, later: Sequence[Series], series: Series, promise: Promise, due: datetime, ends: datetime
    ) -> set[Expected]:
        newer = [
            other
            for other in later
            if other.claim.on > series.claim.on
            and any(one.kind == promise.kind for one in other.paper.promises)
            and (promise.minutes is None or other.claim.time_known)
        ]
        if any(other.claim.at <= due and other.is_lasting for other in newer):
            return {Expected.NEW_PURCHASE}
        if any(other.claim.at < ends for other in newer):
            return {Expected.OPENED, Expected.NEW_PURCHASE}
        return {Expected.OPENED}

    def _remember(
        self, place: int, series: Series, promise: Promise, outcomes: set[Expected], ends: datetime
    ) -> None:
        keeps: bool | None = True
        if outcomes == {Expected.KEPT_EARLIER} or ends <= series.claim.known_at:
            keeps = False
        elif (
            Expected.KEPT_EARLIER in outcomes
            or promise.asks  # one whose condition did not hold keeps nothing
            or not series.is_lasting
            or self._may_have_ended(series)
        ):
            keeps = None
        self._keeps[place, promise.kind] = keeps

    def _may_have_ended(self, series: Series) -> frozenset[str]:
        """The reasons for which something may have ended the series before its end."""
        claim, ends, facts = series.claim, series.paper.ended_by, self.facts
        after = {one.kind for one in facts.happened if one.at > claim.at}
        told = {
            "bought": "purchase" in ends
            and any(_comes_after(series, one.at) for one in facts.bought if one.anchors),
            "replied": "reply" in ends and "reply" in after,
            "unfriended": "unfriend" in ends and "unfriended" in after,
            "handed_over": "hand_over" in ends and any(at > claim.at for at in facts.handed_over),
            "opted_out": facts.has_opted_out,
            "plan_ended": self.papers.was_withdrawn(claim.plan_id),
        }
        return frozenset(reason for reason, is_possible in told.items() if is_possible)


def _comes_after(series: Series, at: datetime) -> bool:
    claim = series.claim
    return series.shop.day_of(at) > claim.on if claim.kind == PURCHASE else at > claim.at


def _is_still_to_come(series: Series, kind: str, instant: datetime) -> bool:
    """True where the series' step of this kind falls due after the instant."""
    return any(series.due(one) > instant for one in series.paper.promises if one.kind == kind)


def _is_over(series: Series) -> bool:
    """True where what was bought came back, so that anything may have become of its steps."""
    wanted: Mapping[str, frozenset[str]] = {
        "whole": frozenset({"whole"}),
        "part": frozenset({"part", "whole"}),
        "none": frozenset(),
    }
    return series.claim.came_back in wanted[series.paper.refund_ends]
