"""The sync lane: our tables are compared with WeCom's and mended (企业微信对账), for no callback is sure to arrive.

Nightly, after an outage, and when asked for. Work goes on in steps, each of them repeatable: network without a
transaction, then what was found, then how far we are.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from app.associates.roster_plans import userids_after
from app.db import Database
from app.intake.wecom.sync_chats import OWNERS_A_CALL, compare_chats
from app.intake.wecom.sync_contacts import compare_people, next_chunk
from app.intake.wecom.sync_shifts import compare_shifts
from app.intake.wecom.syncs import (
    Overtaken,
    Run,
    Stage,
    claim_sync,
    counted,
    fail,
    finish,
    pause,
    postpone,
    save_progress,
)
from app.intake.wecom.tags import look_at_tags, write_tags
from app.lanes import Deadline, Progress
from app.wecom.apis.rosters import PEOPLE_A_CALL
from app.wecom.errors import WeComMisconfigured, WeComRejected, WeComRetryable
from app.wecom.port import WeComPort

log = structlog.get_logger(__name__)


def sync_due(database: Database, wecom: WeComPort, deadline: Deadline, *, shifts: bool = False) -> Progress:
    """Go on with what is due, for at most a step beyond the deadline; safe in any number of processes.

    `done` counts turns at a sync. `shifts`: associates' shifts come from WeCom.
    """
    done = 0
    while not deadline.has_passed():
        run = database.in_transaction(claim_sync)
        if run is None:
            return Progress(done, more=False)
        work_on(database, wecom, run, deadline, shifts=shifts)
        done += 1
    return Progress(done, more=True)


def work_on(
    database: Database, wecom: WeComPort, run: Run, deadline: Deadline, *, shifts: bool = False
) -> None:
    """Take a claimed sync forward until it is over, WeCom is away, or the deadline has passed."""
    try:
        _take_forward(database, wecom, run, deadline, shifts)
    except Overtaken:
        log.warning("sync_overtaken", sync_id=run.sync_id)


def _take_forward(database: Database, wecom: WeComPort, run: Run, deadline: Deadline, shifts: bool) -> None:
    try:
        while _step(database, wecom, run, shifts) is not Stage.DONE:
            database.in_transaction(lambda session: save_progress(session, run))
            if deadline.has_passed():
                database.in_transaction(lambda session: pause(session, run))
                return
        database.in_transaction(lambda session: finish(session, run))
    except WeComRetryable as error:
        reason, wait_s = str(error), error.wait_s
        database.in_transaction(lambda session: postpone(session, run, reason, wait_s))
    except WeComRejected as error:
        reason = str(error)
        log.error("sync_refused", reason=reason)
        database.in_transaction(lambda session: fail(session, run, reason))


def _step(database: Database, wecom: WeComPort, run: Run, shifts: bool) -> Stage:
    """One step; the stage that comes next."""
    if run.stage is Stage.TAGS:
        _sync_tags(database, wecom, run)
    elif run.stage is Stage.CONTACTS:
        _sync_contacts(database, wecom, run)
    elif run.stage is Stage.CHATS:
        _sync_chats(database, wecom, run)
    elif shifts:
        _sync_shifts(database, wecom, run)
    else:
        run.stage = Stage.DONE
    return run.stage


def _sync_tags(database: Database, wecom: WeComPort, run: Run) -> None:
    try:
        seen = look_at_tags(database, wecom)
        counted(run.counts, "tags", database.in_transaction(lambda session: write_tags(session, seen)))
    except WeComMisconfigured:
        raise
    except WeComRejected as error:  # contacts and chats are compared all the same
        run.trouble = run.trouble or str(error)
        counted(run.counts, "tags", {"failed": 1})
    run.stage, run.cursor = Stage.CONTACTS, ""


def _sync_contacts(database: Database, wecom: WeComPort, run: Run) -> None:
    """Compare the next people; the cursor is the last account done, in the order of accounts."""
    left = _people_left(wecom, run)
    if not left:
        run.stage, run.cursor = Stage.CHATS, ""
        return
    with database.reading() as session:
        chunk = next_chunk(session, left)
    ours = {userid: associate_id for userid, associate_id in chunk.items() if associate_id}
    result = compare_people(database, wecom, ours, lambda: _keep(database, run))
    unknown = len(chunk) - len(ours)
    told = {"seen": len(ours), "unknown": unknown, "failed": len(result.failed)}
    counted(run.counts, "people", told)
    counted(run.counts, "contacts", result.changes)
    for userid, reason in (result.failed | result.refused).items():
        run.trouble = run.trouble or f"{userid}: {reason}"
    run.cursor = max(chunk)


def _sync_chats(database: Database, wecom: WeComPort, run: Run) -> None:
    left = _people_left(wecom, run)
    if not left:
        run.stage, run.cursor = Stage.SHIFTS, ""
        return
    owners = left[:OWNERS_A_CALL]
    try:
        result = compare_chats(database, wecom, owners, lambda: _keep(database, run))
        changes: Mapping[str, int] = result.changes
        run.trouble = run.trouble or next(iter(result.refused.values()), "")
    except WeComMisconfigured:
        raise
    except WeComRejected as error:  # nothing of theirs is touched; the others' are compared all the same
        run.trouble = run.trouble or str(error)
        changes = {"failed": len(owners)}
    counted(run.counts, "chats", changes)
    run.cursor = owners[-1]


def _sync_shifts(database: Database, wecom: WeComPort, run: Run) -> None:
    """The next people's; where WeCom does not let our app see shifts, nobody's."""
    with database.reading() as session:
        userids = userids_after(session, run.cursor, PEOPLE_A_CALL)
    if not userids:
        run.stage, run.cursor = Stage.DONE, ""
        return
    try:
        changes: Mapping[str, int] = compare_shifts(database, wecom, userids)
    except WeComRejected as error:
        run.trouble = run.trouble or str(error)
        changes = {"failed": len(userids)}
        if isinstance(error, WeComMisconfigured):
            run.stage = Stage.DONE
    counted(run.counts, "shifts", changes)
    run.cursor = userids[-1]


def _people_left(wecom: WeComPort, run: Run) -> list[str]:
    return [userid for userid in sorted(set(wecom.contacts.follow_users())) if userid > run.cursor]


def _keep(database: Database, run: Run) -> None:
    """A long step: hold on to the sync, without moving the cursor."""
    database.in_transaction(lambda session: save_progress(session, run))
