"""Who buys: a member is a function of the seed and an index, so a million of them need no memory."""

from dataclasses import dataclass
from hashlib import blake2b

from .draws import Draws, Weights
from .names import GIVEN_OF_MEMBERS, SURNAMES
from .organisation import Associate, Organisation, Store

OWNERLESS = 0.05
OUTSIDE_WECOM = 0.30

_TOPS = ("165/84A", "170/88A", "175/92A", "180/96A", "185/100A", "190/104A", "195/108A")
_TOP_WEIGHTS = Weights((8, 26, 32, 20, 9, 4, 1))


@dataclass(frozen=True)
class Build:
    """The sizes a person wears, the same for life."""

    top: str
    waist: str
    shoe: str
    free: str = "均码"

    def size(self, sizing: str) -> str:
        """The size for a category's `sizing`."""
        return str(getattr(self, sizing))


def draw_build(draws: Draws) -> Build:
    """A body: trousers and shoes go roughly with the height."""
    top = draws.weighted(_TOP_WEIGHTS)
    waist = 29 + top * 2 + draws.below(3) - (draws.below(2) if top else 0)
    shoe = min(39 + top + draws.below(2), 46)
    return Build(_TOPS[top], str(waist), str(shoe))


@dataclass(frozen=True)
class Member:
    """会员. `owner` is None for a member nobody looks after yet."""

    code: str
    store: Store
    owner: Associate | None
    in_wecom: bool
    build: Build


class Members:
    """The members of a seed, by index from 0."""

    def __init__(self, seed: int, organisation: Organisation) -> None:
        self._seed = seed
        self._organisation = organisation

    def member(self, index: int) -> Member:
        draws = Draws(self._seed, "member", index)
        associate = draws.pick(self._organisation.sellers)
        assert associate.store is not None
        owner = None if draws.chance(OWNERLESS) else associate
        in_wecom = not draws.chance(OUTSIDE_WECOM)
        return Member(f"M{index + 1:08d}", associate.store, owner, in_wecom, draw_build(draws))

    def name(self, index: int) -> str:
        draws = Draws(self._seed, "member-name", index)
        return draws.pick(SURNAMES)[0] + draws.pick(GIVEN_OF_MEMBERS)

    def external_userid(self, index: int) -> str:
        """In WeCom's shape: wm and thirty characters."""
        return "wm" + blake2b(f"{self._seed}:external:{index}".encode(), digest_size=15).hexdigest()
