"""Compare contacts, tags, group chats and, with WECOM_SHIFTS, shifts with WeCom's now, and mend ours: what the clock
does every night.

Usage: scripts/sync_wecom
Exit code 0 when everything was compared, 1 where some of it could not be read, WeCom refused, or is away (the clock
then goes on with it; repeating does nothing twice), 2 where settings are wrong or the database cannot be reached.
"""

from __future__ import annotations

import argparse
import sys
import time

from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.db import Database
from app.intake.wecom.syncing import work_on
from app.intake.wecom.syncs import SyncView, claim_sync, get_sync, request_sync
from app.lanes import Deadline
from app.members.models import SyncState
from app.wecom.app import open_app
from app.wecom.port import Credentials, WeComPort
from config.settings import Settings, SettingsError
from scripts.commands.complaints import database_failed

TURN_S = 60.0
LOOK_S = 1.0


def sync_now(database: Database, wecom: WeComPort, *, shifts: bool = False) -> SyncView:
    """Ask for a sync and see it through; where a clock process is at it already, wait for that.

    Where WeCom is away it is left to the clock, which goes on later: its state is then RUNNING.
    """
    sync_id = database.in_transaction(lambda session: request_sync(session, "command"))
    while True:
        run = database.in_transaction(lambda session: claim_sync(session, sync_id))
        if run is not None:
            work_on(database, wecom, run, Deadline(TURN_S), shifts=shifts)
        with database.reading() as session:
            seen, now = get_sync(session, sync_id), clock.real_now(session)
        is_put_off = run is not None and seen.goes_on_at is not None and seen.goes_on_at > now
        if seen.is_over or is_put_off:
            return seen
        if run is None:
            time.sleep(LOOK_S)


def describe(seen: SyncView) -> str:
    """The counts, a line for each kind of thing."""
    lines = [f"{seen.state}{f': {seen.trouble}' if seen.trouble else ''}"]
    for kind, its in seen.counts.items():
        lines.append(f"{kind}: " + ", ".join(f"{name} {count}" for name, count in its.items()))
    return "\n".join(lines) + "\n"


def main() -> int:
    """Entry of scripts/sync_wecom."""
    parser = argparse.ArgumentParser(
        prog="scripts/sync_wecom", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    try:
        settings = Settings.from_env()
        credentials = Credentials(settings.wecom_corp_id, settings.wecom_agent_id, settings.wecom_secret)
        wecom = open_app(
            credentials,
            settings.wecom_api_url,
            settings.redis_url,
            settings.database_url,
            settings.secret_key,
        )
        seen = sync_now(Database(settings.database_url), wecom, shifts=bool(settings.wecom_shifts))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except SQLAlchemyError as error:
        return database_failed(error, 2)
    sys.stdout.write(describe(seen))
    return 0 if seen.state is SyncState.COMPLETE else 1


if __name__ == "__main__":
    sys.exit(main())
