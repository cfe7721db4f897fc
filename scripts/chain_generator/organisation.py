"""Branches, stores and associates of a seed. Held in memory: its size is the number of stores and associates."""

from collections import Counter
from dataclasses import dataclass

from .draws import Draws, Shuffle
from .names import BRANCH_CODES, CITIES, GIVEN_OF_ASSOCIATES, PLACES, SURNAMES

HQ_PEOPLE = 2


@dataclass(frozen=True)
class Store:
    code: str
    branch: str
    name: str


@dataclass(frozen=True)
class Associate:
    """导购. `store` is None at headquarters. `userid` is lower-case letters and digits, a valid host label."""

    userid: str
    name: str
    store: Store | None
    role: str


@dataclass(frozen=True)
class Organisation:
    """`sellers` are the associates with a store, managers first; `staff` has them by store code."""

    stores: list[Store]
    sellers: list[Associate]
    headquarters: list[Associate]
    staff: dict[str, list[Associate]]

    @property
    def branches(self) -> dict[str, str]:
        """Code to name, of the branches that have a store."""
        used = {store.branch for store in self.stores}
        return {code: f"{region}分公司" for region, code in BRANCH_CODES.items() if code in used}


def organise(seed: int, stores: int, associates: int) -> Organisation:
    """That many stores and associates (managers included), the first associate of each store being its manager."""
    opened = [_store(seed, number) for number in range(stores)]
    people = _people(seed, associates + HQ_PEOPLE)
    sellers = [
        Associate(userid, name, opened[index % stores], "store_manager" if index < stores else "associate")
        for index, (userid, name) in enumerate(people[:associates])
    ]
    staff: dict[str, list[Associate]] = {store.code: [] for store in opened}
    for index, seller in enumerate(sellers):
        staff[opened[index % stores].code].append(seller)
    headquarters = [Associate(userid, name, None, "hq") for userid, name in people[associates:]]
    return Organisation(opened, sellers, headquarters, staff)


def _store(seed: int, number: int) -> Store:
    """Stores spread over the cities in turn, the big ones first; the places of a city are shuffled by seed."""
    lap, city_no = divmod(number, len(CITIES))
    city, region = CITIES[city_no]
    again, place_no = divmod(lap, len(PLACES))
    place = PLACES[Shuffle(len(PLACES), seed, "places", city)[place_no]]
    name = f"{city}{place}店" + (f"（{again + 1}店）" if again else "")
    return Store(f"S{number + 1:04d}", BRANCH_CODES[region], name)


def _people(seed: int, count: int) -> list[tuple[str, str]]:
    """(userid, name) of `count` people. Names may repeat in a big chain, userids never."""
    pairs = Shuffle(len(SURNAMES) * len(GIVEN_OF_ASSOCIATES), seed, "names")
    taken: Counter[str] = Counter()
    people = []
    for number in range(count):
        surname_no, given_no = divmod(pairs[number % pairs.size], len(GIVEN_OF_ASSOCIATES))
        (surname, first), (given, second) = SURNAMES[surname_no], GIVEN_OF_ASSOCIATES[given_no]
        pinyin = first + second
        taken[pinyin] += 1
        people.append((pinyin + (str(taken[pinyin]) if taken[pinyin] > 1 else ""), surname + given))
    return people


def any_seller(organisation: Organisation, store: Store, draws: Draws) -> Associate:
    """Whoever is at the counter of that store."""
    return draws.pick(organisation.staff[store.code])
