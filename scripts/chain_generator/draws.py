"""Chance that can be asked again: draws and shuffles which are functions of a key."""

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")

_MASK = 0xFFFFFFFFFFFFFFFF
_GAMMA = 0x9E3779B97F4A7C15


def _mix(value: int) -> int:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014, "Fast Splittable Pseudorandom Number Generators")."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def _seed(key: tuple[object, ...]) -> int:
    return int.from_bytes(blake2b(":".join(map(str, key)).encode(), digest_size=8).digest(), "big")


class Draws:
    """A sequence of draws, always the same for the same key. Unlike `random`, cheap to start and fixed for ever."""

    __slots__ = ("_state",)

    def __init__(self, *key: object) -> None:
        self._state = _seed(key)

    def unit(self) -> float:
        """A number in [0, 1)."""
        self._state = (self._state + _GAMMA) & _MASK
        return (_mix(self._state) >> 11) * 2.0**-53

    def below(self, bound: int) -> int:
        """A whole number in [0, bound)."""
        return int(self.unit() * bound)

    def chance(self, probability: float) -> bool:
        return self.unit() < probability

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def weighted(self, table: "Weights") -> int:
        """An index of the table, by its weights."""
        return table.at(self.unit())


class Weights:
    """Relative weights, ready to be drawn from."""

    __slots__ = ("_cumulative",)

    def __init__(self, weights: Sequence[float]) -> None:
        self._cumulative = list(accumulate(weights))

    def at(self, unit: float) -> int:
        return min(bisect_right(self._cumulative, unit * self._cumulative[-1]), len(self._cumulative) - 1)


class Shuffle:
    """A keyed permutation of range(size) that needs no memory: Feistel rounds, walking on until inside the range.

    Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains" (cycle walking).
    """

    __slots__ = ("_bits", "_half", "_keys", "size")

    def __init__(self, size: int, *key: object) -> None:
        self.size = size
        self._half = max(1, ((size - 1).bit_length() + 1) // 2)
        self._bits = (1 << self._half) - 1
        seed = _seed(key)
        self._keys = tuple(_mix((seed + step * _GAMMA) & _MASK) for step in range(1, 5))

    def __getitem__(self, position: int) -> int:
        """Where `position` (0 <= position < size) goes."""
        if not 0 <= position < self.size:
            raise IndexError(position)
        while True:
            left, right = position >> self._half, position & self._bits
            for key in self._keys:
                left, right = right, left ^ (_mix(key ^ right) & self._bits)
            position = left << self._half | right
            if position < self.size:
                return position
