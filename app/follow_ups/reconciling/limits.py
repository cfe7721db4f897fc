"""What no follow-up may do: ask about somebody who is held out, write too often, open in quiet hours. Pure.

Checked anew, as far as headquarters has not edited the budget since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import table_of
from app.follow_ups.reconciling.clocks import StoreClock
from app.follow_ups.reconciling.papers import BLUR
from app.worklist.models import AttentionBudget, WorkState

EVERYBODY, PLAN, NOBODY = "global_hold_out", "plan_hold_out", "treated"
GLOBAL_SALT = "global"


@dataclass(frozen=True, slots=True)
class Limits:
    """The attention budget, and since when it has been as it is; None: always."""

    quiet_from: time
    quiet_until: time
    cap: int
    window: timedelta
    per_mille: int
    since: datetime | None

    def held_since(self, instant: datetime) -> bool:
        """True where the budget was then what it is now."""
        return self.since is None or instant > self.since

    def over_cap(self, items: Sequence[Any], seen: Sequence[datetime] = ()) -> list[Any]:
        """Those of a member's work items, in the order they were opened, that were one too many when they were.

        Marketing alone counts: what had been sent within the window, as far as that had been told by then, whatever it
        was closed as, what might still be sent, and moments that were `seen`, but for one of the last minutes: that may
        not have been committed yet.
        """
        marketing = [item for item in items if not item.is_service]
        over = []
        for place, item in enumerate(marketing):
            before = [other for other in marketing[:place] if self._counts(other, item.opened_at)]
            sights = self._sights(seen, item.opened_at, until=item.opened_at - BLUR)
            if len(before) + sights >= self.cap and self.held_since(item.opened_at):
                over.append(item)
        return over

    def is_reached(self, items: Sequence[Any], seen: Sequence[datetime], at: datetime) -> bool:
        """True where as much marketing as is allowed had been sent or `seen` then, or might still be."""
        counted = (item for item in items if not item.is_service and item.opened_at <= at)
        return sum(self._counts(item, at) for item in counted) + self._sights(seen, at, until=at) >= self.cap

    def _sights(self, seen: Sequence[datetime], at: datetime, *, until: datetime) -> int:
        return sum(at - self.window < one <= until for one in seen)

    def _counts(self, item: Any, at: datetime) -> bool:
        if item.done_at is not None and item.done_told_at <= at:
            return bool(at - self.window < item.done_at <= at)
        is_told_later = item.state == WorkState.DONE
        gone = item.valid_until if item.closed_at is None or is_told_later else item.closed_at
        return bool(at < min(gone, item.valid_until))

    def in_quiet_hours(self, opened_at: datetime, shop: StoreClock) -> bool:
        """True where nobody was to be asked at that instant, by the clock of the store."""
        wall = opened_at.astimezone(shop.zone).time()
        if self.quiet_from <= self.quiet_until:
            is_quiet = self.quiet_from <= wall < self.quiet_until
        else:
            is_quiet = wall >= self.quiet_from or wall < self.quiet_until
        return is_quiet and self.held_since(opened_at)

    def arm_of(self, member_id: int, plan_code: str, plan_per_mille: int, row: Any) -> str:
        """The arm of the comparison the member's series must be in, by the published hash.

        The share held out of everything is that of now, or, where it was edited since, the one the series names.
        """
        is_known = self.held_since(row.enrolled_at)
        per_mille = self.per_mille if is_known else row.global_per_mille
        if is_held_out(member_id, GLOBAL_SALT, per_mille):
            return EVERYBODY
        return PLAN if is_held_out(member_id, plan_code, plan_per_mille) else NOBODY


def is_held_out(member_id: int, salt: str, per_mille: int) -> bool:
    """BLAKE2b of the member's id (eight bytes, big-endian) keyed with the salt, as a share of 2**64."""
    digest = blake2b(member_id.to_bytes(8, "big"), key=salt.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") * 1000 < per_mille * 2**64


def read_limits(session: Session) -> Limits:
    """The budget in force."""
    row = session.connection().execute(select(table_of(AttentionBudget))).one()
    return Limits(
        row.quiet_from,
        row.quiet_until,
        row.cap_touches,
        timedelta(days=row.cap_days),
        row.hold_out_per_mille,
        row.edited_at,
    )
