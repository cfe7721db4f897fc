"""What follows from everything WeCom has told of a binding (跟进人关系). Pure.

Only newest instants count and `max` asks for no order, so the same news in any order, any number of times, gives the
same times; whether the relation is there comes from looking at WeCom, never from the order of events.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Told:
    """The newest instant WeCom has told of each kind, None where it has told of none."""

    bound_at: datetime | None = None
    half_at: datetime | None = None
    lost_at: datetime | None = None
    deleted_at: datetime | None = None

    def __or__(self, other: Told) -> Told:
        """Both: commutative, associative, idempotent."""
        return Told(
            _newest(self.bound_at, other.bound_at),
            _newest(self.half_at, other.half_at),
            _newest(self.lost_at, other.lost_at),
            _newest(self.deleted_at, other.deleted_at),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How a binding stands: half added, ended, or neither. Whether it is lost follows from `Told` alone."""

    is_half: bool
    ended_at: datetime | None


def settle(told: Told, is_related: bool, ended_at: datetime | None, now: datetime) -> Standing:
    """How a binding stands that WeCom shows, or does not show; `ended_at` is what was known before.

    A half-added contact is not shown (84061) though the two may chat, so it is taken from the event, as long as nothing
    newer was told: that they are contacts, or that one of them deleted the other.
    """
    if is_related:
        return Standing(is_half=False, ended_at=None)
    was_only_half = told.half_at is not None and not _is_since(told.bound_at, told.half_at)
    has_left = was_only_half and _is_since(told.lost_at, told.half_at)
    if was_only_half and not has_left and not _is_since(told.deleted_at, told.half_at):
        return Standing(is_half=True, ended_at=None)
    if has_left:
        return Standing(is_half=False, ended_at=_newest(told.deleted_at, told.lost_at))
    if told.deleted_at is not None and (told.bound_at is None or told.deleted_at >= told.bound_at):
        return Standing(is_half=False, ended_at=told.deleted_at)
    return Standing(is_half=False, ended_at=ended_at or now)


def is_lost(told: Told) -> bool:
    """True where the customer deleted the associate after they were last added: WeCom goes on showing the relation."""
    return told.lost_at is not None and told.bound_at is not None and told.lost_at >= told.bound_at


def _newest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _is_since(at: datetime | None, since: datetime | None) -> bool:
    """From the same second on: WeCom counts in seconds, and what can only have come later stands."""
    return at is not None and since is not None and at >= since
