"""The invoices of a chain in the order of time: a day's sales, and the refunds that fall on it."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import accumulate

from .days import LONGEST_LAG, Day
from .draws import Draws, Shuffle
from .sales import Invoice, Till, mistake_second, moment_in_turn


@dataclass(frozen=True)
class Return:
    """Sale `number` of the day `sold_on` comes back at `second` of the day in hand."""

    second: int
    sold_on: Day
    number: int


def invoices(seed: int, till: Till, days: Iterator[Day]) -> Iterator[Invoice]:
    """Every sale and refund of the days, ordered by time. Remembers the plans of 61 days, no invoice."""
    recent: deque[Day] = deque(maxlen=LONGEST_LAG + 1)
    for day in days:
        recent.append(day)
        returns = merge(_earlier_returns(seed, recent), _mistakes(seed, till, day), key=_second_of_return)
        refunds = (
            till.refund(back.sold_on, back.number, day, back.second, serial)
            for serial, back in enumerate(returns, 1)
        )
        sales = (till.sale(day, number) for number in range(day.sales))
        yield from merge(sales, refunds, key=_second_of_invoice)


def _second_of_return(back: Return) -> int:
    return back.second


def _second_of_invoice(invoice: Invoice) -> int:
    return invoice.second


def _mistakes(seed: int, till: Till, day: Day) -> list[Return]:
    """Sales taken back the same day, ordered by time: some 0.5 % of a day's sales, the only ones held together."""
    back = []
    for position in range(day.refunds[0], day.refunds[1]):
        number = day.refund_order[position]
        second = mistake_second(till.sale_second(day, number), Draws(seed, "mistake", day.number, number))
        if second is not None:
            back.append(Return(second, day, number))
    return sorted(back, key=_second_of_return)


def _earlier_returns(seed: int, recent: Sequence[Day]) -> Iterator[Return]:
    """The returns on the last of the days of what earlier ones sold, in a shuffled order of their age."""
    today = recent[-1]
    sold = [(day, today.number - day.number) for day in recent if day is not today]
    until = list(accumulate(day.refunds[lag + 1] - day.refunds[lag] for day, lag in sold))
    total = until[-1] if until else 0
    order = Shuffle(total, seed, "returns", today.number)
    for turn in range(total):
        place = order[turn]
        at = bisect_right(until, place)
        day, lag = sold[at]
        position = day.refunds[lag] + place - (until[at - 1] if at else 0)
        second = moment_in_turn(turn, total, Draws(seed, "return", today.number, turn))
        yield Return(second, day, day.refund_order[position])
