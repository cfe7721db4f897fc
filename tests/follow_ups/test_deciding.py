"""In which order a due step is asked about, and what is never decided, whatever the circumstances: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.associates.roster import Roster, Times
from app.follow_ups.firing.assigning import Duty, Person
from app.follow_ups.firing.deciding import (
    Case,
    SameDay,
    Wait,
    before_asking,
    beside_others,
    on_same_day,
    why_opened,
    within_cap,
)
from app.follow_ups.forecasting.course import Course, Series
from app.follow_ups.plans.reading import read_document
from app.follow_ups.plans.versions import Version
from app.follow_ups.records import next_waiting
from app.follow_ups.rules import Anchor, Relative, Step, Verdict, due_at, valid_until
from app.follow_ups.states import Arm, Channel, StepOutcome, StepReason, WaitingFor
from app.stores.queries import StoreFacts
from app.stores.rules import StoreHours
from app.worklist.attention import Budget, Pauses, Touch
from tests.world import PLAN, at

HOURS = StoreHours(ZoneInfo("Asia/Shanghai"), time(10), time(22))
BUDGET = Budget(
    quiet_from=time(22),
    quiet_until=time(8),
    cap_days=7,
    cap_touches=2,
    daily_capacity=60,
    hold_out_per_mille=0,
    urge_after=timedelta(hours=4),
    escalate_after=timedelta(days=1),
    paused_at=None,
)
THANKS, FIT, MATCHING, SEASON, INVITATION = read_document(PLAN).steps
BOUGHT = at("2026-03-01 14:00")
ANCHOR = Anchor(BOUGHT, HOURS.local_date(BOUGHT), time_known=True)


def case_of(step=MATCHING, **changes) -> Case:
    due = due_at(step, ANCHOR, HOURS)
    case = Case(
        step=step,
        anchor=ANCHOR,
        hours=HOURS,
        due=due,
        asked_at=due,
        until=valid_until(step, ANCHOR, HOURS),
        waited_for=None,
        arm=Arm.TREATED,
        has_opted_out=False,
        meets=True,
    )
    return replace(case, **changes)


def bought_again(step=MATCHING) -> Relative:
    """An earlier purchase of which the same step was still to come."""
    at_first = at("2026-02-20 12:00")
    anchor = Anchor(at_first, HOURS.local_date(at_first), time_known=True)
    return Relative(anchor, due_at(step, anchor, HOURS), None)


MORNING = at("2026-03-31 10:00")
NIGHT = at("2026-03-31 23:00")


def decide(case: Case, relatives=(), now: datetime = MORNING, pauses: Pauses | None = None):
    return before_asking(case, relatives, BUDGET, pauses or Pauses(), now)


def test_what_speaks_for_itself_opens() -> None:
    assert decide(case_of()) is None


def test_the_first_objection_counts_and_without_it_the_next() -> None:
    """Everything speaks against the step; one objection after the other is taken away."""
    case = case_of(has_opted_out=True, meets=False, arm=Arm.PLAN_HOLD_OUT)
    relatives, found = [bought_again()], []
    over = case.until + timedelta(hours=13)
    found.append(decide(case, relatives, over))
    found.append(decide(case, relatives, NIGHT))
    case = replace(case, has_opted_out=False)
    found.append(decide(case, relatives, NIGHT))
    found.append(decide(case, [], NIGHT))
    case = replace(case, meets=True)
    found.append(decide(case, [], NIGHT))
    case = replace(case, arm=Arm.TREATED)
    found.append(decide(case, [], NIGHT))
    assert found == [
        Verdict(StepOutcome.EXPIRED, StepReason.TOO_LATE),
        Verdict(StepOutcome.SKIPPED, StepReason.OPTED_OUT),
        Verdict(StepOutcome.MERGED, StepReason.KEPT_EARLIER),
        Verdict(StepOutcome.SKIPPED, StepReason.CONDITION),
        Verdict(StepOutcome.WITHHELD, StepReason.PLAN_HOLD_OUT),
        Wait(at("2026-04-01 10:00"), WaitingFor.QUIET_HOURS),
    ]


def test_a_step_whose_validity_ended_while_nobody_was_running_is_too_late() -> None:
    case = case_of()
    assert decide(case, now=case.until) == Verdict(StepOutcome.EXPIRED, StepReason.TOO_LATE)
    assert decide(case, now=case.until - timedelta(seconds=1)) is not None, "the store is closed"


@pytest.mark.parametrize("waited_for", list(WaitingFor))
def test_a_step_that_waited_until_its_validity_ended_says_for_what(waited_for: WaitingFor) -> None:
    case = case_of(waited_for=waited_for)
    waited = replace(case, asked_at=case.until)
    assert decide(waited, now=case.until) == Verdict(StepOutcome.EXPIRED, StepReason(waited_for))
    assert decide(case, now=case.until) == Verdict(StepOutcome.EXPIRED, StepReason.TOO_LATE), (
        "nobody was there"
    )


def test_what_ran_out_during_a_pause_says_so() -> None:
    case = case_of()
    day = timedelta(days=1)
    during = Pauses(((case.until - day, case.until + day),))
    before = Pauses(((case.until - 2 * day, case.until - day),))
    assert decide(case, now=case.until + 2 * day, pauses=during) == Verdict(
        StepOutcome.EXPIRED, StepReason.PAUSED
    )
    assert decide(case, now=case.until + 2 * day, pauses=before) == Verdict(
        StepOutcome.EXPIRED, StepReason.TOO_LATE
    )


def test_the_thanks_of_a_late_evening_wait_until_the_store_opens() -> None:
    """Due while open; but the night shop's evening lies in the quiet hours."""
    night_shop = StoreHours(ZoneInfo("Asia/Shanghai"), time(18), time(2))
    case = case_of(THANKS, hours=night_shop, until=at("2026-03-03 12:00"))
    assert decide(case, now=at("2026-03-01 22:30")) == Wait(at("2026-03-02 18:00"), WaitingFor.QUIET_HOURS)


def test_no_wait_lasts_longer_than_the_step_is_worth_anything() -> None:
    case = case_of(THANKS)  # until noon of the next day
    early = replace(HOURS, opens_at=time(13))
    assert decide(replace(case, hours=early), now=at("2026-03-01 23:00")) == Wait(
        at("2026-03-02 12:00"), WaitingFor.QUIET_HOURS
    )


class TestTheCap:
    NOW = MORNING

    def touches(self, *days_ago: float, is_service: bool = False) -> list[Touch]:
        """What was sent so long ago, of tasks that were opened three days before that."""
        sent = [self.NOW - timedelta(days=ago) for ago in days_ago]
        return [
            Touch(number, is_service, 50, at - timedelta(days=3), False, at, at)
            for number, at in enumerate(sent)
        ]

    def open_until(self, days: float) -> Touch:
        ends_at = self.NOW + timedelta(days=days)
        return Touch(9, False, 50, self.NOW - timedelta(days=8), True, ends_at)

    def test_what_is_open_counts_as_long_as_it_may_be_sent(self) -> None:
        held = within_cap(case_of(), [*self.touches(5), self.open_until(1)], BUDGET, self.NOW)
        assert held == Wait(self.NOW + timedelta(days=1), WaitingFor.MEMBER_CAP)
        assert within_cap(case_of(), [self.open_until(0), *self.touches(5)], BUDGET, self.NOW) is None

    def test_marketing_waits_until_the_window_has_room(self) -> None:
        held = within_cap(case_of(), self.touches(6, 5), BUDGET, self.NOW)
        assert held == Wait(self.NOW + timedelta(days=1), WaitingFor.MEMBER_CAP)

    def test_where_it_would_wait_longer_than_it_is_worth_anything_it_is_left_out(self) -> None:
        held = within_cap(case_of(), self.touches(2, 1), BUDGET, self.NOW)
        assert held == Verdict(StepOutcome.SKIPPED, StepReason.MEMBER_CAP)

    def test_what_was_seven_days_ago_counts_no_more(self) -> None:
        assert within_cap(case_of(), self.touches(7, 1), BUDGET, self.NOW) is None

    def test_a_cap_of_seven_days_never_deletes_day_three(self) -> None:
        full = self.touches(1, 2, 3, 4)
        assert within_cap(case_of(FIT), full, BUDGET, self.NOW) is None
        assert within_cap(case_of(THANKS), full, BUDGET, self.NOW) is None

    def test_promises_use_nothing_up(self) -> None:
        assert within_cap(case_of(), self.touches(1, 2, 3, is_service=True), BUDGET, self.NOW) is None

    def test_a_cap_of_nothing_lets_no_marketing_through(self) -> None:
        nothing = replace(BUDGET, cap_touches=0)
        assert within_cap(case_of(), [], nothing, self.NOW) == Verdict(
            StepOutcome.SKIPPED, StepReason.MEMBER_CAP
        )


class TestOneDay:
    def touch(self, number: int, step, opened: str, is_open: bool = True) -> Touch:
        valid_until = at(opened) + timedelta(days=3)
        return Touch(number, step.is_service, step.priority, at(opened), is_open, valid_until)

    def test_what_is_less_important_joins_the_open_task(self) -> None:
        fit = self.touch(1, FIT, "2026-03-31 10:00")
        assert on_same_day(case_of(), [fit], at("2026-03-31 21:00")) == SameDay(fit, ())

    def test_of_equals_the_first_stays(self) -> None:
        first = self.touch(1, MATCHING, "2026-03-31 10:00")
        assert on_same_day(case_of(), [first], at("2026-03-31 21:00")) == SameDay(first, ())

    def test_what_is_more_important_takes_the_place_of_all_others(self) -> None:
        others = [self.touch(1, SEASON, "2026-03-31 10:00"), self.touch(2, INVITATION, "2026-03-31 10:00")]
        assert on_same_day(case_of(), others, at("2026-03-31 21:00")) == SameDay(None, tuple(others))

    def test_a_promise_is_above_any_marketing(self) -> None:
        urgent = Touch(1, False, 100, at("2026-03-31 10:00"), True, at("2026-04-03 10:00"))
        low = replace(FIT, priority=1)
        assert on_same_day(case_of(low), [urgent], at("2026-03-31 21:00")) == SameDay(None, (urgent,))

    def test_what_was_done_or_is_of_yesterday_stays_as_it_is(self) -> None:
        touches = [
            self.touch(1, FIT, "2026-03-31 10:00", is_open=False),
            self.touch(2, FIT, "2026-03-30 21:59"),
        ]
        assert on_same_day(case_of(), touches, at("2026-03-31 10:00")) == SameDay(None, ())

    @pytest.mark.parametrize("step", [SEASON, MATCHING, FIT])
    def test_what_goes_out_in_its_own_words_is_left_alone(self, step) -> None:
        sent = self.touch(1, MATCHING, "2026-03-31 10:00")._replace(is_worded=False)
        assert on_same_day(case_of(step), [sent], at("2026-03-31 21:00")) == SameDay(None, ())

    def test_what_may_be_refused_takes_nobodys_place_and_no_promise_is_left_to_marketing(self) -> None:
        touches = [self.touch(1, SEASON, "2026-03-31 10:00"), self.touch(2, MATCHING, "2026-03-31 10:00")]
        now, best = at("2026-03-31 21:00"), touches[1]
        send = replace(MATCHING, channel=Channel.GROUP_SEND, priority=100)
        assert on_same_day(case_of(send), touches, now) == SameDay(best, ())
        promise = replace(FIT, channel=Channel.SMS, priority=100)
        assert on_same_day(case_of(promise), touches, now) == SameDay(None, ())
        fit = self.touch(3, FIT, "2026-03-31 10:00")
        assert on_same_day(case_of(promise), [*touches, fit], now) == SameDay(fit, ())

    @pytest.mark.parametrize("step", [SEASON, FIT])
    def test_what_is_being_sent_is_waited_for_unless_it_is_too_late_then(self, step) -> None:
        now = at("2026-03-31 21:00")
        case, soon = case_of(step, until=at("2026-04-03 10:00")), now + timedelta(seconds=75)
        held = self.touch(1, MATCHING, "2026-03-31 10:00")._replace(sending_until=soon)
        assert on_same_day(case, [held], now) == Wait(soon, WaitingFor.SAME_DAY)
        assert on_same_day(case, [held], soon) != Wait(soon, WaitingFor.SAME_DAY)
        assert on_same_day(replace(case, until=soon), [held], now) == SameDay(None, ())

    def test_what_becomes_one_with_another_is_no_touch_and_the_cap_is_not_asked(self) -> None:
        once = replace(BUDGET, cap_touches=1)
        first, now = self.touch(1, MATCHING, "2026-03-31 10:00"), at("2026-03-31 21:00")
        assert beside_others(case_of(), [first], once, now) == SameDay(first, ())
        more = case_of(replace(MATCHING, priority=100))
        assert not isinstance(beside_others(more, [first], once, now), SameDay)


class TestLateness:
    def test_only_what_the_service_is_to_blame_for_is_late(self) -> None:
        case = case_of()
        assert why(case, case.due) is StepReason.DUE
        assert why(case, case.due + timedelta(hours=1)) is StepReason.LATE

    def test_what_waited_for_the_cap_or_for_people_is_not_late(self) -> None:
        later = MORNING + timedelta(days=2)
        for reason in (WaitingFor.MEMBER_CAP, WaitingFor.OFF_DUTY):
            case = case_of(waited_for=reason, asked_at=later)
            assert why(case, later) is StepReason.DUE
            assert why(case, later + timedelta(hours=1)) is StepReason.LATE

    def test_a_lost_day_stays_a_lost_day_though_the_store_was_closed_when_the_service_was_back(self) -> None:
        case = case_of(waited_for=WaitingFor.QUIET_HOURS, asked_at=at("2026-04-01 10:00"))
        assert why(case, at("2026-04-01 10:00")) is StepReason.LATE

    @pytest.mark.parametrize(
        ("began", "ended", "reason"),
        [
            (timedelta(hours=-1), timedelta(hours=2), StepReason.AFTER_PAUSE),
            (timedelta(minutes=5), timedelta(hours=2), StepReason.AFTER_PAUSE),
            (timedelta(hours=-2), timedelta(hours=-1), StepReason.LATE),
            (timedelta(hours=1), timedelta(hours=2), StepReason.LATE),
        ],
    )
    def test_headquarters_pause_is_told_as_what_it_was(self, began, ended, reason) -> None:
        """Not as an outage; but what was late before the pause, or long after it, the service is to blame for."""
        case = case_of()
        pauses = Pauses(((case.due + began, case.due + ended),))
        assert why(case, case.due + timedelta(hours=3), pauses) is reason

    def test_a_pause_that_ended_at_night_is_why_it_opened_in_the_morning(self) -> None:
        case = case_of(waited_for=WaitingFor.QUIET_HOURS, asked_at=at("2026-04-01 10:00"))
        pauses = Pauses(((case.due, at("2026-03-31 23:00")),))
        assert why(case, at("2026-04-01 10:00"), pauses) is StepReason.AFTER_PAUSE


def why(case: Case, now: datetime, pauses: Pauses | None = None) -> StepReason:
    return why_opened(case, BUDGET, pauses or Pauses(), now).reason


ZONES = ["Asia/Shanghai", "Europe/London", "America/New_York", "Australia/Lord_Howe", "UTC"]
whole_hours = st.integers(0, 47).map(lambda half: time(half // 2, 30 * (half % 2)))
instants = st.integers(0, 2 * 365 * 48).map(
    lambda half: at("2026-01-01 00:00") + half * timedelta(minutes=30)
)


@given(
    zone=st.sampled_from(ZONES),
    opens=whole_hours,
    closes=whole_hours,
    quiet_from=whole_hours,
    quiet_until=whole_hours,
    step=st.sampled_from([THANKS, FIT, MATCHING]),
    bought=instants,
    late=st.integers(0, 400).map(lambda half: half * timedelta(minutes=30)),
)
def test_nothing_opens_in_quiet_hours(
    zone, opens, closes, quiet_from, quiet_until, step, bought, late
) -> None:
    """However often it is asked about: it opens outside them, or its validity ends; each wait leads on."""
    hours = StoreHours(ZoneInfo(zone), opens, closes)
    budget = replace(BUDGET, quiet_from=quiet_from, quiet_until=quiet_until)
    anchor = Anchor(bought, hours.local_date(bought), time_known=True)
    due = due_at(step, anchor, hours)
    case = case_of(step, anchor=anchor, hours=hours, due=due, until=valid_until(step, anchor, hours))
    now = due + late
    for _ in range(50):
        found = before_asking(case, [], budget, Pauses(), now)
        if not isinstance(found, Wait):
            break
        assert now < found.until <= case.until
        now, case = found.until, replace(case, waited_for=found.reason, asked_at=found.until)
    assert isinstance(found, Verdict) or found is None
    if found is None:
        assert not is_within(quiet_from, quiet_until, now.astimezone(ZoneInfo(zone)), budget, hours)
    else:
        assert now >= case.until
        assert found.reason in (StepReason.QUIET_HOURS, StepReason.TOO_LATE)


def is_within(start: time, end: time, wall: datetime, budget: Budget, hours: StoreHours) -> bool:
    """Whether a clock on the wall shows a time in the span; where clocks are changed that day, what the budget says."""
    shift = {(wall + timedelta(hours=step)).utcoffset() for step in (-30, -12, 0, 12, 30)}
    if len(shift) > 1:
        return budget.is_quiet(hours, wall)
    clock = wall.time()
    return start <= clock < end if start < end else (start != end and (clock >= start or clock < end))


@given(
    cap_days=st.integers(1, 10),
    cap_touches=st.integers(0, 4),
    asked=st.lists(
        st.tuples(st.integers(0, 60), st.booleans(), st.booleans(), st.integers(0, 130)), max_size=40
    ),
)
def test_a_member_never_gets_more_marketing_than_the_cap(cap_days, cap_touches, asked) -> None:
    """Whatever falls due when, however long each step is worth it, and whenever it is sent, or never: in no window of
    the cap's days is more sent.
    """
    budget = replace(BUDGET, cap_days=cap_days, cap_touches=cap_touches)
    waiting = [(MORNING + timedelta(hours=5 * hours), *rest) for hours, *rest in asked]
    opened: list[tuple[Touch, datetime]] = []  # with when it is sent, if that is in time
    while waiting:
        waiting.sort(key=lambda entry: entry[0])
        now, is_service, long, wait_h = waiting.pop(0)
        until = now + timedelta(days=30 if long else 1)
        case = case_of(replace(MATCHING, is_service=is_service), due=now, asked_at=now, until=until)
        touches = [as_of(now, *each) for each in opened]
        held = within_cap(case, touches, budget, now)
        if isinstance(held, Wait):
            assert held.until > now
            waiting.append((held.until, is_service, False, wait_h))
        elif held is None:
            touch = Touch(len(opened), is_service, 50, now, True, until)
            opened.append((touch, now + timedelta(hours=6 * wait_h)))
        else:
            assert held.reason is StepReason.MEMBER_CAP
    sent = [at for touch, at in opened if not touch.is_service and at < touch.valid_until]
    for end in sent:
        assert sum(end - timedelta(days=cap_days) < one <= end for one in sent) <= cap_touches
    promised = sum(is_service for _, is_service, *_ in asked)
    assert sum(touch.is_service for touch, _ in opened) == promised


def as_of(now: datetime, touch: Touch, sent_at: datetime) -> Touch:
    """What is known of it then."""
    is_sent = sent_at <= now and sent_at < touch.valid_until
    is_open = not is_sent and now < touch.valid_until
    return touch._replace(is_open=is_open, sent_at=sent_at if is_sent else None)


def test_a_shift_is_told_in_the_time_of_its_owners_store() -> None:
    """Nine to five in New York is the middle of the night in Shanghai, where the member belongs."""
    new_york = replace(HOURS, zone=ZoneInfo("America/New_York"))
    days = [ANCHOR.on + timedelta(days=day) for day in range(-2, 3)]
    roster = Roster({(1, day): Times(time(9), time(17)) for day in days}, days[0], days[-1])
    morning = at("2026-03-01 10:00")
    far = Duty(roster, {1: new_york}, HOURS, morning + timedelta(days=1), morning)
    assert far.first_of([1]) is None
    assert far.next_of([1]) == at("2026-03-01 22:00")
    assert Duty(roster, {}, HOURS, morning + timedelta(days=1), morning).first_of([1]) == 1


class AtWork:
    """Whom to ask: one person, who has days off."""

    def __init__(self, days_off: set[int]) -> None:
        self.days_off = {ANCHOR.on + timedelta(days=day) for day in days_off}

    def ask(self, case: Case, _member_id: int, now: datetime) -> Person | Wait | Verdict:
        day = HOURS.local_date(now)
        if day not in self.days_off:
            return Person(1, "owner", None)
        while day in self.days_off:
            day += timedelta(days=1)
        back = HOURS.opening_on(day)
        if back < case.until:
            return Wait(back, WaitingFor.OFF_DUTY)
        return Verdict(StepOutcome.SKIPPED, StepReason.OFF_DUTY)


def live(steps: list[Step], people: AtWork, budget: Budget, written: list[Touch]) -> dict[str, Any]:
    """By kind of step what became of it and when, in one series of these steps."""
    numbered = tuple(replace(step, step_no=number) for number, step in enumerate(steps, 1))
    version = Version(1, 1, 1, replace(read_document(PLAN), steps=numbered))
    life: Any = SimpleNamespace(id=1, has_opted_out=lambda _now: False)
    stage: Any = SimpleNamespace(people=people, budget=budget)
    store = StoreFacts(1, "S", "S", "CNY", HOURS)
    waits, _ = next_waiting(numbered, ANCHOR, HOURS, enrolled_at=BOUGHT, now=BOUGHT)
    series = Series(1, 1, version, store, ANCHOR, "purchase:", BOUGHT, Arm.TREATED, waits)
    course = Course(life, stage)
    course.series.append(series)
    course._touches.extend(written)
    while series.waits.due_at is not None:
        course.fall_due([series], series.waits.due_at)
    assert len(course.became) == len(steps)
    return {steps[one.step_no - 1].kind: (one.verdict, one.at) for one in course.became}


some_steps = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 10), st.booleans()),
    min_size=2,
    max_size=6,
    unique_by=lambda s: s[0],
)


@given(
    asked=some_steps,
    days_off=st.sets(st.integers(1, 14), max_size=8),
    written=st.lists(st.integers(0, 9), max_size=4),
    cap_touches=st.integers(0, 2),
)
@example(asked=[(2, 9, False), (4, 3, True)], days_off=set(), written=[0], cap_touches=1)
def test_a_promise_ends_as_if_no_marketing_came_before_it_in_its_series(
    asked, days_off, written, cap_touches
) -> None:
    """However long the marketing before it would wait: it opens at the same instant, or not, for the same reason."""
    budget, people = replace(BUDGET, cap_touches=cap_touches), AtWork(days_off)
    touches = [
        Touch(number, False, 50, at, False, at, sent_at=at)
        for number, at in enumerate(BOUGHT - timedelta(days=ago) for ago in written)
    ]
    steps = [
        replace(FIT if is_service else MATCHING, kind=f"{day}", offset_days=day, valid_days=valid)
        for day, valid, is_service in sorted(asked)
    ]
    together = live(steps, people, budget, touches)
    for number, step in enumerate(steps):
        verdict, at = together[step.kind]
        if step.is_service:
            promises = [one for one in steps[: number + 1] if one.is_service]
            assert live(promises, people, budget, touches)[step.kind] == (verdict, at)
        elif verdict.reason is StepReason.MEMBER_CAP and number + 1 < len(steps):
            assert at <= together[steps[number + 1].kind][1], "it gave way"
        assert verdict.reason is not StepReason.TOO_LATE, "somebody was always there"
