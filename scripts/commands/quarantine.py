"""What was set aside because it could not be applied or fired: list it, and try it again once the cause is gone.

Usage: scripts/quarantine                      list: id, source, key, since (UTC), reason
       scripts/quarantine retry ID [ID …]      apply these events again, let these enrollments go on
       scripts/quarantine retry --all

Repeating it changes nothing more. Exit code 1 where something stayed in quarantine or an id is not there, 2 where the
database cannot be reached.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterator
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from app.aside import UNDOABLE, all_aside
from app.db import Database
from app.follow_ups.series.quarantine import SetAside, put_back, set_aside
from app.follow_ups.taking_up import ask_to_take_up
from app.intake.quarantine import QuarantinedEvent, quarantined_events, retry_events
from app.intake.refusals import reason_of
from app.intake.sifting import EventResult, EventStatus
from config.settings import Settings, SettingsError
from scripts.commands.complaints import database_failed


def main() -> int:
    """Entry of scripts/quarantine."""
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.command and arguments.all == bool(arguments.ids):
        parser.error("retry needs ids, or --all")
    try:
        database = Database(Settings.from_env().database_url)
        if not arguments.command:
            return _list(database)
        return _retry(database, None if arguments.all else arguments.ids)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except SQLAlchemyError as error:
        return database_failed(error, 2)


def _list(database: Database) -> int:
    number = 0
    for event in _events(database):
        number += 1
        _say(event.id, event.source, event.key, f"{event.since:%Y-%m-%d %H:%M}", event.reason)
    with database.reading() as session:
        enrollments, works = set_aside(session), all_aside(session)
    for one in enrollments:
        _say(one.id, "follow-up", _name(one), f"{one.enrolled_at:%Y-%m-%d %H:%M}", one.reason)
    for work in works:
        _say(
            work.id, "work", f"{work.lane} of {work.subject_id}", f"{work.since:%Y-%m-%d %H:%M}", work.reason
        )
    print(f"{number} events, {len(enrollments)} enrollments, {len(works)} pieces of work in quarantine")
    return 0


def _retry(database: Database, ids: Collection[int] | None) -> int:
    """All of it, or the given ids; returns the exit code."""
    with database.reading() as session:
        enrollments = [one for one in set_aside(session) if ids is None or one.id in ids]
        works = [one for one in all_aside(session) if ids is None or one.id in ids]
    events = [event.id for event in _events(database)] if ids is None else list(ids)
    done, stayed = set(), 0
    for event, result in retry_events(database, events):
        done.add(event.id)
        stayed += result is not None and result.status in (EventStatus.REFUSED, EventStatus.QUARANTINED)
        _say(event.id, event.source, event.key, _outcome(result))
    for one in enrollments:
        done.add(one.id)
        problem = _put_back(database, one)
        stayed += bool(problem)
        _say(one.id, "follow-up", _name(one), problem or f"goes on at step {one.step_no}")
    for work in works:
        done.add(work.id)
        database.in_transaction(partial(ask_to_take_up, aside_id=work.id, by=None))
        _say(work.id, "work", f"{work.lane} of {work.subject_id}", "is due again")
    unknown = set(ids or ()) - done
    for missing in sorted(unknown):
        sys.stderr.write(f"{missing} is not in quarantine\n")
    print(f"{len(done) - stayed} left the quarantine, {stayed} stayed")
    return 1 if stayed or unknown else 0


def _put_back(database: Database, one: SetAside) -> str:
    """Empty, or why it stays."""
    try:
        database.in_transaction(lambda session: put_back(session, one.id))
    except UNDOABLE as error:
        return f"stays: {type(error).__name__}: {error}"
    return ""


def _events(database: Database) -> Iterator[QuarantinedEvent]:
    """Page by page, so that many do not come into memory at once."""
    last = 0
    while True:
        with database.reading() as session:
            page = quarantined_events(session, after=last)
        yield from page
        if not page:
            return
        last = page[-1].id


def _outcome(result: EventResult | None) -> str:
    if result is None:
        return "is due again"
    if not result.code:
        return str(result.status)
    reason = reason_of(result.code)
    return f"stays, {result.status}: {reason.zh} / {reason.en}"


def _name(one: SetAside) -> str:
    return f"member {one.member_id}, {one.anchor_on}, step {one.step_no}"


def _say(*cells: object) -> None:
    """One line; what came from outside cannot steer the terminal."""
    text = "  ".join(map(str, cells))
    print("".join(letter if letter.isprintable() else "·" for letter in text))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/quarantine", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", metavar="retry")
    retry = commands.add_parser("retry", help="try again")
    retry.add_argument("ids", nargs="*", type=int, metavar="ID")
    retry.add_argument("--all", action="store_true", help="everything that is in quarantine")
    return parser


if __name__ == "__main__":
    sys.exit(main())
