"""Sales and refunds: any of them can be made again from its day and number."""

from collections import Counter
from dataclasses import dataclass, replace

from .catalogue import ALTERATION, POSTAGE, PRESENT, Catalogue, Extra
from .days import Day, Population
from .draws import Draws, Weights
from .members import Build, Member, Members, draw_build
from .organisation import Organisation, Store, any_seller
from .seasons import CLOSES_AT, second_of_day

MOST_LINES = 5
_LINES = Weights((46, 28, 15, 7, 4))
_AT_HOME = 0.9
_BY_OWNER = 0.85
_MEMBER_PRICE = 0.15
_POSTED = 0.03
_PRESENTED = 0.015

_WHOLE = 0.25
_NAMES_ITS_SALE = 0.85
_IN_ANOTHER_STORE = 0.05
_BY_THE_SELLER = 0.6


@dataclass(frozen=True)
class Line:
    """`fen` is the price of one piece as paid. A refund's quantity is negative."""

    code: str
    description: str
    quantity: int
    fen: int
    size: str = ""
    goods: bool = False


@dataclass(frozen=True)
class Invoice:
    """`member` is None for an anonymous sale; `cancels` is empty unless a refund names its sale."""

    number: str
    day: Day
    second: int
    member: Member | None
    store: Store
    seller: str
    lines: list[Line]
    cancels: str = ""


class Till:
    """Makes the sales and refunds of a chain by day and number."""

    def __init__(self, seed: int, population: Population, organisation: Organisation) -> None:
        self._seed = seed
        self._population = population
        self._organisation = organisation
        self._members = Members(seed, organisation)
        self._catalogue = Catalogue(seed)

    def sale_second(self, day: Day, number: int) -> int:
        """When sale `number` of the day happens, in seconds of the day; never earlier than the sale before it."""
        return moment_in_turn(number, day.sales, Draws(self._seed, "when", day.number, number))

    def sale(self, day: Day, number: int) -> Invoice:
        draws = Draws(self._seed, "sale", day.number, number)
        member = self._buyer(day, day.order[number], draws)
        store = self._store(member, draws)
        build = member.build if member else draw_build(draws)
        return Invoice(
            number=f"{_digits(day)}{number + 1:05d}",
            day=day,
            second=self.sale_second(day, number),
            member=member,
            store=store,
            seller=self._seller(member, store, draws),
            lines=self._lines(day, build, draws),
        )

    def refund(self, sold_on: Day, number: int, day: Day, second: int, serial: int) -> Invoice:
        """The refund, on `day`, of sale `number` of `sold_on`: of every line or of fewer pieces than were bought."""
        sale = self.sale(sold_on, number)
        draws = Draws(self._seed, "refund", sold_on.number, number)
        elsewhere = draws.chance(_IN_ANOTHER_STORE)
        store = draws.pick(self._organisation.stores) if elsewhere else sale.store
        same_seller = store == sale.store and draws.chance(_BY_THE_SELLER)
        returned = sale.lines if draws.chance(_WHOLE) else _part(sale.lines, draws)
        return Invoice(
            number=f"C{_digits(day)}{serial:05d}",
            day=day,
            second=second,
            member=sale.member,
            store=store,
            seller=sale.seller if same_seller else any_seller(self._organisation, store, draws).userid,
            lines=[replace(line, quantity=-line.quantity) for line in returned],
            cancels=sale.number if draws.chance(_NAMES_ITS_SALE) else "",
        )

    def _buyer(self, day: Day, place: int, draws: Draws) -> Member | None:
        if place < day.loyal:
            return self._members.member(self._population.draw_loyal(draws))
        place -= day.loyal
        if place < day.occasional:
            return self._members.member(self._population.draw_occasional(draws))
        place -= day.occasional
        if place < day.once:
            return self._members.member(self._population.one_timer(day.once_before + place))
        return None

    def _store(self, member: Member | None, draws: Draws) -> Store:
        if member and draws.chance(_AT_HOME):
            return member.store
        return draws.pick(self._organisation.stores)

    def _seller(self, member: Member | None, store: Store, draws: Draws) -> str:
        if member and member.owner and member.owner.store == store and draws.chance(_BY_OWNER):
            return member.owner.userid
        return any_seller(self._organisation, store, draws).userid

    def _lines(self, day: Day, build: Build, draws: Draws) -> list[Line]:
        """One to five lines: different goods, then perhaps an alteration, the postage, a present."""
        lines: dict[str, Line] = {}
        altered = False
        for _ in range(draws.weighted(_LINES) + 1):
            product = self._catalogue.draw(draws, day.on.month)
            category = product.category
            altered = altered or draws.chance(category.altered)
            quantity = 2 + draws.below(2) if draws.chance(category.several) else 1
            fen = product.list_fen * self._percent(day, draws) // 100
            size = build.size(category.sizing)
            lines[product.sku] = Line(product.sku, product.name, quantity, fen, size, goods=True)
        extras = [_extra(ALTERATION, draws)] if altered else []
        extras += [_extra(extra, draws) for extra, often in _EXTRAS if draws.chance(often)]
        return [*lines.values(), *extras][:MOST_LINES]

    def _percent(self, day: Day, draws: Draws) -> int:
        """What is paid of the list price: the season's price, or the member's day."""
        return min(day.season.percent, 90 if draws.chance(_MEMBER_PRICE) else 100)


_EXTRAS = ((POSTAGE, _POSTED), (PRESENT, _PRESENTED))


def moment_in_turn(number: int, of: int, draws: Draws) -> int:
    """The second of the day of the `number`-th of so many things: each falls into its own part of the day's business,
    so it is never earlier than the one before it.
    """
    return second_of_day((number + draws.unit()) / of)


def mistake_second(sold_at: int, draws: Draws) -> int | None:
    """When a sale rung up wrongly is taken back the same day, within the hour; None if the store closes before."""
    second = sold_at + 120 + draws.below(3300)
    return second if second < CLOSES_AT * 3600 else None


def _digits(day: Day) -> str:
    return day.on.isoformat().replace("-", "")


def _extra(extra: Extra, draws: Draws) -> Line:
    return Line(extra.code, extra.description, 1, draws.pick(extra.fens))


def _part(lines: list[Line], draws: Draws) -> list[Line]:
    """Some of the goods, fewer pieces than were bought; all lines if there is only one piece."""
    pieces = [line for line in lines if line.goods for _ in range(line.quantity)]
    if len(pieces) < 2:
        return lines
    back = 1 + draws.below(len(pieces) - 1)
    while len(pieces) > back:
        pieces.pop(draws.below(len(pieces)))
    counted = Counter(piece.code for piece in pieces)
    return [replace(line, quantity=counted[line.code]) for line in lines if counted[line.code]]
