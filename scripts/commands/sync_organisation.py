"""Show what a full sync with WeCom's departments and accounts would change, or apply it; or make the first HQ person.

Usage: scripts/sync_organisation [--preview]
       scripts/sync_organisation --apply [--end-unknown] [--allow-many]
       scripts/sync_organisation --hq USERID

Exit code 0 when done, 1 where WeCom or the plan does not allow it, 2 where settings are wrong or the database is away.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.errors import DomainError
from app.lanes import Deadline
from app.organisation.models import OrganisationSync, SyncState
from app.organisation.plan import PersonChange, Plan, Unit
from app.organisation.queries import get_sync, plan_in
from app.organisation.running import run_syncs
from app.organisation.service import grant_hq, request_apply, request_sync
from app.wecom.app import open_app
from app.wecom.errors import WeComError
from app.wecom.port import Credentials, WeComPort
from config.settings import Settings, SettingsError
from scripts.commands.complaints import database_failed

TURN_S = 60.0
LOOK_S = 0.5
PENDING = frozenset({SyncState.REQUESTED, SyncState.APPLYING})


def plan_now(database: Database, wecom: WeComPort) -> OrganisationSync:
    """Ask for a plan and see it through; a clock process may make it just as well."""
    sync_id = database.in_transaction(lambda session: request_sync(session, None).id)
    return _see_through(database, wecom, sync_id)


def apply_now(
    database: Database, wecom: WeComPort, sync_id: int, *, may_end_many: bool, ends_unknown: bool
) -> OrganisationSync:
    """Apply a plan as it was shown. Raises `Conflict` where that needs a tick or cannot be."""
    database.in_transaction(
        lambda session: request_apply(session, sync_id, may_end_many=may_end_many, ends_unknown=ends_unknown)
    )
    return _see_through(database, wecom, sync_id)


def _see_through(database: Database, wecom: WeComPort, sync_id: int) -> OrganisationSync:
    while True:
        run_syncs(database, wecom, Deadline(TURN_S))
        with database.reading() as session:
            sync = get_sync(session, sync_id)
        if sync.state not in PENDING:
            return sync
        time.sleep(LOOK_S)


def describe(sync: OrganisationSync) -> str:
    """The plan, a line each; or why there is none."""
    plan = plan_in(sync)
    if plan is None:
        return f"WeCom could not be read whole, nothing was changed: {sync.reason}\n"
    lines = list(_lines(plan)) or ["Everything is as in WeCom."]
    counts = ", ".join(f"{what.value} {count}" for what, count in plan.counts().items())
    return "\n".join([*lines, *([counts] if counts else []), f"{sync.state}"]) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    changes: list[Unit | PersonChange] = [*plan.units, *plan.people]
    for change in changes:
        key = change.userid if isinstance(change, PersonChange) else f"department {change.department_id}"
        where = change.store if isinstance(change, PersonChange) else change.branch
        whats = ", ".join(what.value for what in change.whats)
        yield f"{whats}: {change.name} ({key}){f' → {where}' if where else ''}"
    for unknown in plan.unknown:
        yield f"not placed by WeCom: {unknown.name} ({unknown.userid})"
    for name in plan.without_branch:
        yield f"store below no branch: {name}"


def make_hq(database: Database, wecom: WeComPort, userid: str) -> str:
    """Give an account of the corp the role hq, whatever its department. Raises `WeComError` where there is none."""
    account = wecom.people.get(userid)
    database.in_transaction(lambda session: grant_hq(session, account.wecom_userid, account.name or userid))
    return f"{account.name} ({account.wecom_userid}) is headquarters now and may sign in to the console.\n"


def main() -> int:
    """Entry of scripts/sync_organisation."""
    arguments = _parser().parse_args()
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
        return _run(Database(settings.database_url), wecom, arguments)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except SQLAlchemyError as error:
        return database_failed(error, 2)
    except (WeComError, DomainError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _run(database: Database, wecom: WeComPort, arguments: argparse.Namespace) -> int:
    if arguments.hq:
        sys.stdout.write(make_hq(database, wecom, arguments.hq))
        return 0
    sync = plan_now(database, wecom)
    wanted = SyncState.READY
    if arguments.apply and sync.state == SyncState.READY:
        wanted = SyncState.APPLIED
        sync = apply_now(
            database,
            wecom,
            sync.id,
            may_end_many=arguments.allow_many,
            ends_unknown=arguments.end_unknown,
        )
    sys.stdout.write(describe(sync))
    return 0 if sync.state == wanted else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/sync_organisation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--preview", action="store_true", help="only show (the default)")
    what.add_argument("--apply", action="store_true", help="apply what is shown")
    what.add_argument(
        "--hq", metavar="USERID", help="give this account the role hq, e.g. the first administrator"
    )
    parser.add_argument(
        "--end-unknown", action="store_true", help="also end associates whom WeCom does not place"
    )
    parser.add_argument(
        "--allow-many", action="store_true", help="more than a fifth of the associates may end"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
