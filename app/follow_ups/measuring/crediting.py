"""Which done tasks a purchase is attributed to, with which share, and in which month it is booked. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.follow_ups.states import Touch

WHOLE_PPM = 1_000_000
# So many days of a new month the one before it still takes what is reported late.
CLOSING_DAYS = 3


@dataclass(frozen=True, slots=True)
class DoneTask:
    """A done follow-up task of the buyer, and how its plan wants purchases after it to be attributed."""

    task_id: int
    done_at: datetime
    done_on: date
    credit_days: int
    touch: Touch


@dataclass(frozen=True, slots=True)
class Credit:
    """A task's part of one purchase, in millionths."""

    task_id: int
    share_ppm: int


def credits_of(tasks: Sequence[DoneTask], purchased_at: datetime, purchased_on: date) -> list[Credit]:
    """The shares in one purchase; together exactly one, or none where no task was done in time.

    A task counts for purchases after it, up to `credit_days` local days later. One purchase is never attributed twice:
    where tasks of several plans come into question, the plan of the latest of them says how they share.
    """
    counting = sorted(
        (
            task
            for task in tasks
            if task.done_at <= purchased_at
            and purchased_on <= task.done_on + timedelta(days=task.credit_days)
        ),
        key=lambda task: (task.done_at, task.task_id),
    )
    if not counting:
        return []
    touch = counting[-1].touch
    if touch is Touch.LAST:
        return [Credit(counting[-1].task_id, WHOLE_PPM)]
    if touch is Touch.FIRST:
        return [Credit(counting[0].task_id, WHOLE_PPM)]
    shares = split(WHOLE_PPM, len(counting))
    return [Credit(task.task_id, share) for task, share in zip(counting, shares, strict=True)]


def split(amount: int, parts: int) -> list[int]:
    """The amount in so many parts that differ by one at most; earlier ones get what is left over."""
    each, rest = divmod(amount, parts)
    return [each + (number < rest) for number in range(parts)]


def divide(amount: int, shares_ppm: Sequence[int]) -> list[int]:
    """The amount by shares of together one; what rounding leaves goes to the last, so the sum is exact."""
    parts = [amount * share // WHOLE_PPM for share in shares_ppm[:-1]]
    return [*parts, amount - sum(parts)]


def booked_on(happened_on: date, today: date) -> date:
    """The day it counts for: when it happened, or the first day of the oldest month that is still open.

    A month closes `CLOSING_DAYS` days after it ended.
    """
    first_open = (today - timedelta(days=CLOSING_DAYS)).replace(day=1)
    return max(happened_on, first_open)
