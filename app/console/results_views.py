"""What the pages of 效果 show: which members and days are asked for, and effects with their numbers as people read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.console.results_words import (
    AGAINST,
    FUNNEL,
    HEADLINE,
    MEASURE,
    NOBODY_FOLLOWED,
    NOBODY_KEPT_OUT,
    UNTOLD,
    Side,
    said,
)
from app.errors import NotFound
from app.follow_ups.measuring.arms import HELD_OUT, TREATED, Measure
from app.follow_ups.measuring.following import Followed
from app.follow_ups.measuring.measured import against, measure
from app.follow_ups.measuring.results import Count, Measured, Months, Reached, Sums
from app.follow_ups.measuring.uplift import Estimate, Interval, NotEnough
from app.follow_ups.models import FollowUpPlan, PlanVersion
from app.follow_ups.plans.versions import get_version
from app.follow_ups.states import Arm, Evidence
from app.members.models import Member
from app.nightly import Night, nights
from app.pages.formats import money
from app.sales_scripts.models import SalesScript
from app.stores.models import Store

SPANS = (3, 6, 12)
FEN_PER_YUAN = 100
SIGNED = "{:+,.2f}"


@dataclass(frozen=True, slots=True)
class Effect:
    """One measure of a comparison: both sides with what they are made of, the difference, what may be said."""

    name: str
    treated: str
    treated_of: str
    held_out: str
    held_out_of: str
    difference: str
    interval: str
    watched: str
    said: str


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """How many came so far; `sought` is what the list of them is asked for."""

    name: str
    members: int
    sought: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tile:
    """A number of the headline; `interval` "" where nothing can be told, and `reason` why."""

    title: str
    value: str
    interval: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan in the list of all."""

    id: int
    name: str
    measured: Measured | None
    effect: Effect | None


def months_of(today: date, plan_id: int, window_days: int, span: int) -> Months:
    """The last so many months up to this one."""
    first = today.replace(day=1)
    for _ in range(span - 1):
        first = month_before(first)
    return Months(plan_id, window_days, first, today.replace(day=1))


def month_before(month: date) -> date:
    """The first of the month before."""
    return (month - timedelta(days=1)).replace(day=1)


def month_after(month: date) -> date:
    """The first of the next month."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def get_plan(session: Session, plan_id: int) -> FollowUpPlan:
    """The plan. Raises `NotFound`."""
    plan = session.get(FollowUpPlan, plan_id)
    if plan is None:
        raise NotFound("unknown_id", place="plan")
    return plan


def plan_rows(session: Session, asked: Months, currency: str) -> list[PlanRow]:
    """Every plan with how many of its members came back."""
    rows = []
    for plan in session.scalars(select(FollowUpPlan).order_by(FollowUpPlan.id)):
        its = measure(session, Months(plan.id, asked.window_days, asked.first, asked.last))
        effect = effects(its, currency)[0] if its else None
        rows.append(PlanRow(plan.id, plan.name, its, effect))
    return rows


def counted_last(session: Session, window_days: int) -> Night | None:
    """When these were last counted; None where they never were."""
    name = f"count_arms_{window_days}"
    return nights(session, [name]).get(name)


def main_currency(session: Session) -> str:
    """What most stores sell in."""
    query = select(Store.currency).group_by(Store.currency).order_by(func.count().desc(), Store.currency)
    return session.scalar(query.limit(1)) or "CNY"


def effects(measured: Measured, currency: str) -> list[Effect]:
    """The three measures, the rate first."""
    rate, pieces, fen = measured.uplift.purchase_rate, measured.uplift.pieces, measured.uplift.fen
    return [
        _effect(Measure.PURCHASE_RATE, rate, measured, lambda sums: sums.buyers, _percent, _points),
        _effect(
            Measure.PIECES, pieces, measured, lambda sums: sums.pieces, "{:,.3f}".format, "{:+,.3f}".format
        ),
        _effect(
            Measure.FEN,
            fen,
            measured,
            lambda sums: sums.fen,
            lambda value: _money(value, currency),
            lambda value: _money(value, currency, signed=True),
            lambda value: money(value, currency),
        ),
    ]


def whom(plan_id: int) -> str:
    """Whom the members followed up are compared with."""
    return str(AGAINST[against(plan_id)])


def arms_of(plan_id: int, side: Side) -> frozenset[Arm]:
    """The arms that are one side of the comparison."""
    of = against(plan_id)
    return frozenset(TREATED[of]) if side is Side.TREATED else frozenset({HELD_OUT[of]})


def better_than(weakest: Evidence) -> tuple[Evidence, ...]:
    """The proofs that are this good or better."""
    grades = tuple(Evidence)
    return grades[: grades.index(weakest) + 1]


def funnel_steps(measured: Measured | None, plan_id: int, weakest: Evidence) -> list[FunnelStep]:
    """How far the members followed up came: entered, asked for, done with that proof or a better one, and then."""
    if measured is None:
        return []
    sent = Reached(weakest.value)
    entered, opened, done = (
        _count(measured, plan_id, reached) for reached in (Reached.NOTHING, Reached.OPENED, sent)
    )
    at_sent = {"reached": sent.value}
    return [
        FunnelStep(str(FUNNEL[0]), entered.members, {}),
        FunnelStep(str(FUNNEL[1]), opened.members, {"reached": Reached.OPENED.value}),
        FunnelStep(str(FUNNEL[2]), done.members, at_sent),
        FunnelStep(str(FUNNEL[3]), done.replied, at_sent | {"replied": "1"}),
        FunnelStep(str(FUNNEL[4]), done.buyers, at_sent | {"bought": "1"}),
    ]


def titles_of(
    session: Session, plan_id: int, codes: Collection[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What people call the plan's steps (as its newest version does) and these scripts, by kind and by code."""
    newest = select(PlanVersion.id).where(PlanVersion.plan_id == plan_id).order_by(PlanVersion.number.desc())
    version_id = session.scalar(newest.limit(1))
    steps = get_version(session, version_id).steps if version_id is not None else ()
    scripts = select(SalesScript.code, SalesScript.title).where(SalesScript.code.in_(sorted(codes)))
    return {step.kind: step.title for step in steps}, dict(session.execute(scripts).all())


def names_of(session: Session, rows: Sequence[Followed]) -> dict[int, str]:
    """Members and stores by id."""
    members = {row.stretch.member_id for row in rows}
    stores = {row.stretch.store_id for row in rows}
    return {
        **dict(session.execute(select(Member.id, Member.name).where(Member.id.in_(sorted(members)))).all()),
        **dict(session.execute(select(Store.id, Store.name).where(Store.id.in_(sorted(stores)))).all()),
    }


def tiles(measured: Measured | None, currency: str) -> list[Tile]:
    """The two numbers of the headline; a dash and the reason where there is no interval."""
    if measured is None:
        return [Tile(str(title), "–", "", str(NOBODY_FOLLOWED)) for title in HEADLINE]
    told, has_others = measured.headline, measured.held_out.members > 0
    return [
        _tile(str(HEADLINE[0]), told.pieces_per_week, has_others, SIGNED.format),
        _tile(
            str(HEADLINE[1]), told.fen_per_month, has_others, lambda fen: _money(fen, currency, signed=True)
        ),
    ]


def _count(measured: Measured, plan_id: int, reached: Reached) -> Count:
    its = [measured.funnel.of(arm, reached) for arm in arms_of(plan_id, Side.TREATED)]
    return Count(
        sum(count.members for count in its),
        sum(count.replied for count in its),
        sum(count.buyers for count in its),
    )


def _effect(
    measure_: Measure,
    effect: Estimate | NotEnough,
    measured: Measured,
    total: Callable[[Sums], int],
    each: Callable[[float], str],
    difference: Callable[[float], str],
    whole: Callable[[int], str] = "{:,}".format,
) -> Effect:
    treated, held_out = measured.treated, measured.held_out
    texts = ("", "", "")
    if isinstance(effect, Estimate):
        texts = (
            difference(effect.difference.value),
            _range(effect.difference, difference),
            _range(effect.watched, difference),
        )
    return Effect(
        str(MEASURE[measure_]),
        _mean(treated, total, each),
        f"{whole(total(treated))} / {treated.members:,}",
        _mean(held_out, total, each),
        f"{whole(total(held_out))} / {held_out.members:,}",
        *texts,
        said(effect) if held_out.members else str(NOBODY_KEPT_OUT),
    )


def _mean(sums: Sums, total: Callable[[Sums], int], each: Callable[[float], str]) -> str:
    return each(total(sums) / sums.members) if sums.members else "–"


def _tile(title: str, told: Interval | NotEnough, has_others: bool, write: Callable[[float], str]) -> Tile:
    if isinstance(told, NotEnough):
        return Tile(title, "–", "", said(told) if has_others else str(NOBODY_KEPT_OUT))
    is_told = told.low > 0 or told.high < 0
    return Tile(title, write(told.value) if is_told else str(UNTOLD), _range(told, write))


def _range(interval: Interval, write: Callable[[float], str]) -> str:
    return f"{write(interval.low)} … {write(interval.high)}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}%"


def _money(fen: float, currency: str, *, signed: bool = False) -> str:
    """To the whole yuan from ten on: more digits would say more than is known."""
    rounded = round(fen / FEN_PER_YUAN) * FEN_PER_YUAN if abs(fen) >= 10 * FEN_PER_YUAN else round(fen)
    text = money(rounded, currency)
    return f"+{text}" if signed and rounded > 0 else text
