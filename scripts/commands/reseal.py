"""After SECRET_KEY was changed: seal members' birthdays, anniversaries and numbers anew, so that the former can go.

Usage: scripts/reseal      with SECRET_KEY the new secret and FORMER_SECRET_KEYS the one before

Until it has run, what was sealed under the former secret are found all the same. May be killed and repeated.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Database
from app.members import dates, phones
from app.members.models import MemberDate, MemberPhone
from app.members.service import lock_members
from app.sealing import Keyring
from config.settings import Settings

AT_ONCE = 500
Again = Callable[[Session, Keyring, Sequence[int]], tuple[int, int]]
# What is sealed for which purpose: whose it is, and what seals it anew.
SEALED: tuple[tuple[bytes, Any, Again], ...] = (
    (dates.PURPOSE, MemberDate.member_id, dates.reseal_dates),
    (phones.PURPOSE, MemberPhone.member_id, phones.reseal_phones),
)


def reseal(database: Database, secrets: Sequence[str]) -> tuple[int, int]:
    """Seal all under the newest secret, the first; how many were sealed anew, and how many no secret opens."""
    counts = [_all(database, Keyring(secrets, purpose), *rest) for purpose, *rest in SEALED]
    return sum(anew for anew, _ in counts), sum(shut for _, shut in counts)


def _all(database: Database, keys: Keyring, member_id: Any, again: Again) -> tuple[int, int]:
    anew, shut, after = 0, 0, 0

    def some(session: Session) -> tuple[int, int, int] | None:
        query = select(member_id).where(member_id > after).distinct()
        members = list(session.scalars(query.order_by(member_id).limit(AT_ONCE)))
        if not members:
            return None
        lock_members(session, members)
        return (*again(session, keys, members), members[-1])

    while (found := database.in_transaction(some)) is not None:
        anew, shut, after = anew + found[0], shut + found[1], found[2]
    return anew, shut


def main() -> None:
    """Entry of scripts/reseal; exit code 1 where something stays shut: a former secret is missing."""
    argparse.ArgumentParser(
        prog="scripts/reseal", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    settings = Settings.from_env()
    anew, shut = reseal(Database(settings.database_url), settings.secret_keys)
    sys.stdout.write(f"{anew} dates and numbers sealed anew\n")
    if shut:
        sys.exit(
            f"{shut} of them cannot be opened: FORMER_SECRET_KEYS lacks the secret they were sealed under"
        )


if __name__ == "__main__":
    main()
