"""When steps fall due and what later purchases do to them: rules without a database."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.follow_ups.plans.reading import read_document
from app.follow_ups.reconciling.papers import read_paper
from app.follow_ups.rules import Anchor, Relative, Verdict, before_firing, due_at, on_repurchase, valid_until
from app.follow_ups.states import StepOutcome, StepReason
from app.stores.rules import StoreHours
from tests.world import PLAN, at

HOURS = StoreHours(ZoneInfo("Asia/Shanghai"), time(10), time(22))
THANKS, FIT, MATCHING, SEASON, INVITATION = read_document(PLAN).steps


def bought(text: str) -> Anchor:
    instant = at(text)
    return Anchor(instant, HOURS.local_date(instant), time_known=True)


@pytest.mark.parametrize(
    ("purchase", "due"),
    [
        ("2026-03-01 14:00", "2026-03-01 14:30"),
        ("2026-03-01 21:29", "2026-03-01 21:59"),
        ("2026-03-01 21:45", "2026-03-02 10:00"),  # closed by then: next opening
        ("2026-03-01 08:00", "2026-03-01 10:00"),  # before opening
    ],
)
def test_thirty_minutes_are_elapsed_and_wait_for_the_store_to_open(purchase: str, due: str) -> None:
    assert due_at(THANKS, bought(purchase), HOURS) == at(due)


def test_hours_are_sixty_minutes_each_to_whoever_reads_a_plan() -> None:
    first = PLAN["steps"][0]
    hours, minutes = ({**PLAN, "steps": [{**first, "after": after}]} for after in ("2 hours", "120 minutes"))
    assert read_document(hours) == read_document(minutes)
    assert read_paper(1, 1, hours) == read_paper(1, 1, minutes)
    assert due_at(read_document(hours).steps[0], bought("2026-03-01 14:00"), HOURS) == at("2026-03-01 16:00")


@pytest.mark.parametrize(
    ("step", "day"), [(FIT, "2026-03-04"), (MATCHING, "2026-03-31"), (INVITATION, "2026-05-30")]
)
def test_days_are_local_days_at_opening(step: object, day: str) -> None:
    assert due_at(step, bought("2026-03-01 21:45"), HOURS) == at(f"{day} 10:00")  # type: ignore[arg-type]


def test_validity_is_noon_of_the_next_day_or_three_days() -> None:
    anchor = bought("2026-03-01 14:00")
    assert valid_until(THANKS, anchor, HOURS) == at("2026-03-02 12:00")
    assert valid_until(FIT, anchor, HOURS) == at("2026-03-07 10:00")


def test_a_day_without_a_time_has_no_thirty_minutes() -> None:
    anchor = Anchor(at("2026-03-01 12:00"), at("2026-03-01 12:00").date(), time_known=False)
    verdict = before_firing(THANKS, anchor, HOURS, at("2026-03-01 12:00"))
    assert verdict == Verdict(StepOutcome.SKIPPED, StepReason.TIME_UNKNOWN)
    assert before_firing(FIT, anchor, HOURS, at("2026-03-01 12:00")) is None


def test_what_was_over_before_we_knew_never_starts() -> None:
    verdict = before_firing(FIT, bought("2026-03-01 14:00"), HOURS, at("2026-03-07 10:00"))
    assert verdict == Verdict(StepOutcome.EXPIRED, StepReason.BEFORE_START)
    assert before_firing(FIT, bought("2026-03-01 14:00"), HOURS, at("2026-03-07 09:59")) is None


def relative(step: object, purchase: str, verdict: Verdict | None = None) -> Relative:
    anchor = bought(purchase)
    return Relative(anchor, due_at(step, anchor, HOURS), verdict)  # type: ignore[arg-type]


OPENED = Verdict(StepOutcome.OPENED, StepReason.DUE)
MERGED = Verdict(StepOutcome.MERGED, StepReason.KEPT_EARLIER)
EXPIRED_BEFORE = Verdict(StepOutcome.EXPIRED, StepReason.BEFORE_START)


STOPPED = Verdict(StepOutcome.CANCELLED, StepReason.NEW_PURCHASE)


@pytest.mark.parametrize("newer", ["2026-03-03 11:00", "2026-03-04 09:00"])
def test_a_newer_purchase_restarts_day_three(newer: str) -> None:
    anchor = bought("2026-03-01 14:00")
    assert on_repurchase(FIT, anchor, [relative(FIT, newer)]) == STOPPED
    assert on_repurchase(FIT, anchor, [relative(FIT, "2026-03-01 18:00")]) is None


def test_a_newer_purchase_of_which_only_the_day_is_known_leaves_the_thirty_minutes_alone() -> None:
    """Its own series has none: nobody would say thank you."""
    anchor = bought("2026-03-01 21:50")
    by_day = Anchor(at("2026-03-02 12:00"), at("2026-03-02 12:00").date(), time_known=False)
    assert on_repurchase(THANKS, anchor, [Relative(by_day, by_day.at, None)]) is None
    assert on_repurchase(FIT, anchor, [Relative(by_day, by_day.at, None)]) == STOPPED


def test_day_thirty_of_the_newer_purchase_merges_into_the_one_still_to_come() -> None:
    newer = bought("2026-03-20 14:00")
    assert on_repurchase(MATCHING, newer, [relative(MATCHING, "2026-03-01 14:00", OPENED)]) == MERGED


@pytest.mark.parametrize("verdict", [MERGED, EXPIRED_BEFORE])
def test_a_step_that_kept_nothing_waiting_does_not_hold_back_the_next(verdict: Verdict) -> None:
    newer = bought("2026-03-20 14:00")
    assert on_repurchase(MATCHING, newer, [relative(MATCHING, "2026-03-01 14:00", verdict)]) is None


def test_a_step_served_before_the_newer_purchase_does_not_hold_it_back() -> None:
    newer = bought("2026-04-05 14:00")
    assert on_repurchase(MATCHING, newer, [relative(MATCHING, "2026-03-01 14:00", OPENED)]) is None


def test_a_late_older_anchor_never_restarts_a_newer_one() -> None:
    newer = bought("2026-03-03 11:00")
    assert on_repurchase(FIT, newer, [relative(FIT, "2026-03-01 14:00")]) is None


def test_what_was_served_by_another_task_of_the_day_was_kept_all_the_same() -> None:
    """The member heard from us when the earlier step fell due; the newer one has nothing to add."""
    newer, served = bought("2026-03-20 14:00"), Verdict(StepOutcome.MERGED, StepReason.SAME_DAY)
    assert on_repurchase(MATCHING, newer, [relative(MATCHING, "2026-03-01 14:00", served)]) == MERGED


ZONES = [
    "Asia/Shanghai",
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "UTC",
]


@given(
    instant=st.integers(1_230_768_000, 2_114_380_800).map(lambda second: datetime.fromtimestamp(second, UTC)),
    zone=st.sampled_from(ZONES),
    opens=st.times(),
    closes=st.times(),
    step=st.sampled_from([THANKS, FIT, MATCHING, SEASON, INVITATION]),
)
def test_every_zone_gap_and_fold_gives_a_due_instant_after_the_purchase_while_open(
    instant: datetime, zone: str, opens: time, closes: time, step: object
) -> None:
    """Guarantee A.11."""
    hours = StoreHours(
        ZoneInfo(zone), opens.replace(second=0, microsecond=0), closes.replace(second=0, microsecond=0)
    )
    anchor = Anchor(instant, hours.local_date(instant), time_known=True)
    due = due_at(step, anchor, hours)  # type: ignore[arg-type]
    assert due > instant
    assert due.tzinfo is UTC
    # A spring change may skip the opening itself, or the whole of a night shop's hour; the next instant is open.
    assert hours.is_open(due) or hours.is_open(due + timedelta(hours=1)) or opens == closes
    assert valid_until(step, anchor, hours) > due  # type: ignore[arg-type]
