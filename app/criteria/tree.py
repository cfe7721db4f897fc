"""What a rule says, free of how it was written. Plain values: equal trees say the same in the same order.

Build `all_of` and `any_of` with those functions: they leave no list of one and no list directly within its like.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from app.criteria.terms import Term

Scalar = int | str | date


@dataclass(frozen=True, slots=True)
class Comparison:
    """A value against another; `operator` is the word: eq, ne, lt, le, gt or ge."""

    term: Term
    operator: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Between:
    """A value not below `low` and not above `high`."""

    term: Term
    low: Scalar
    high: Scalar


@dataclass(frozen=True, slots=True)
class Among:
    """A value that is one of these."""

    term: Term
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """A set of texts with one of these in it, or with every one of them. For a single text `every` is False."""

    term: Term
    texts: tuple[str, ...]
    every: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """There is a value."""

    term: Term


@dataclass(frozen=True, slots=True)
class Flag:
    """The flag is set."""

    term: Term


@dataclass(frozen=True, slots=True)
class Not:
    """Met where the part is unmet."""

    part: Node


@dataclass(frozen=True, slots=True)
class AllOf:
    """Met where every part is; of no parts, always."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Met where one part is."""

    parts: tuple[Node, ...]


Condition = Comparison | Between | Among | Has | Known | Flag
Node = Condition | Not | AllOf | AnyOf
ALWAYS = AllOf(())


def all_of(parts: Iterable[Node]) -> Node:
    """The parts joined by `and`."""
    flat = tuple(_flatten(parts, AllOf))
    return flat[0] if len(flat) == 1 else AllOf(flat)


def any_of(parts: Iterable[Node]) -> Node:
    """The parts, at least one, joined by `or`."""
    flat = tuple(_flatten(parts, AnyOf))
    return flat[0] if len(flat) == 1 else AnyOf(flat)


def conditions(node: Node) -> Iterator[Condition]:
    """Every condition, in the order in which it is written."""
    match node:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from conditions(part)
        case Not(part):
            yield from conditions(part)
        case _:
            yield node


def _flatten(parts: Iterable[Node], kind: type[AllOf | AnyOf]) -> Iterator[Node]:
    for part in parts:
        if isinstance(part, kind):
            yield from part.parts
        else:
            yield part
