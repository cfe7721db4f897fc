"""After SECRET_KEY was changed: seal members' birthdays and anniversaries anew, so that the former secret can go.

Usage: scripts/reseal      with SECRET_KEY the new secret and FORMER_SECRET_KEYS the one before

Until it has run, days sealed under the former secret are found all the same. May be killed and repeated.
"""

from __future__ import annotations

import argparse
import sys

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Database
from app.members.dates import PURPOSE, reseal_dates
from app.members.models import MemberDate
from app.members.service import lock_members
from app.sealing import Keyring
from config.settings import Settings

AT_ONCE = 500


def reseal(database: Database, keys: Keyring) -> tuple[int, int]:
    """Seal all under the newest secret; returns how many were sealed anew, and how many no secret opens."""
    anew, shut, after = 0, 0, 0
    while True:
        found = database.in_transaction(lambda session: _some(session, keys, after))  # noqa: B023 - runs now
        if found is None:
            return anew, shut
        anew, shut, after = anew + found[0], shut + found[1], found[2]


def _some(session: Session, keys: Keyring, after: int) -> tuple[int, int, int] | None:
    query = select(MemberDate.member_id).where(MemberDate.member_id > after).distinct()
    members = list(session.scalars(query.order_by(MemberDate.member_id).limit(AT_ONCE)))
    if not members:
        return None
    lock_members(session, members)
    return (*reseal_dates(session, keys, members), members[-1])


def main() -> None:
    """Entry of scripts/reseal; exit code 1 where something stays shut: a former secret is missing."""
    argparse.ArgumentParser(
        prog="scripts/reseal", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    settings = Settings.from_env()
    anew, shut = reseal(Database(settings.database_url), Keyring(settings.secret_keys, PURPOSE))
    sys.stdout.write(f"{anew} dates sealed anew\n")
    if shut:
        sys.exit(f"{shut} dates cannot be opened: FORMER_SECRET_KEYS lacks the secret they were sealed under")


if __name__ == "__main__":
    main()
