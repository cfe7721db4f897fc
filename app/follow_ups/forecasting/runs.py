"""Dry runs that pages ask for: done piece by piece in the nightly lane, some members each, with their progress kept.

A piece is thought out while nothing is locked; what it came to is written with where the run then stands. A run whose
history cannot be read ends with its trouble and holds no other up. Of each plan the newest runs are kept.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict
from functools import partial

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app import clock
from app.db import insert_rows, table_of
from app.errors import DomainError
from app.follow_ups.forecasting.counting import Counts
from app.follow_ups.forecasting.models import PlanDryRun, PlanDryRunPart
from app.follow_ups.forecasting.staging import Cast, DryRun, cast, member_chunks
from app.follow_ups.forecasting.summary import fold
from app.follow_ups.plans.documents import canonical
from app.follow_ups.plans.drafts import Checked
from app.follow_ups.plans.reading import read_document
from app.ids import new_id
from app.nightly import Piece, set_due_now
from app.sealing import Keyring
from app.stores.queries import stores_by_code

JOB = "dry_run"
DAYS = 90
KEPT = 5
LONGEST_TROUBLE = 255
# What a history can bring about by what it says; anything else is the database's trouble and passes.
TROUBLES = (DomainError, LookupError, ValueError, TypeError, ArithmeticError)
log = structlog.get_logger()


def ask_for_dry_run(
    session: Session, checked: Checked, stores: Collection[str] | None, by: int | None, *, days: int = DAYS
) -> PlanDryRun:
    """Try a text that has no mistake as soon as somebody works the lane; the same twice while it waits is one run."""
    assert checked.document is not None
    assert checked.raw is not None
    code, where = checked.document.code, json.dumps(sorted(stores)) if stores is not None else ""
    for waiting in session.scalars(select(PlanDryRun).where(PlanDryRun.finished_at.is_(None))):
        if (waiting.content_hash, waiting.stores, waiting.days) == (checked.content_hash, where, days):
            return waiting
        if waiting.code == code and waiting.began_at is None:
            session.delete(waiting)
    run = PlanDryRun(
        id=new_id(session),
        code=code,
        content_hash=checked.content_hash,
        document=canonical(checked.raw),
        stores=where,
        days=days,
        asked_at=clock.now(session),
        asked_by=by,
        tried_on="",
        members=0,
        looked_at=0,
        trouble="",
        result="",
    )
    session.add(run)
    session.flush()
    set_due_now(session, JOB)
    return run


def newest_dry_run(session: Session, code: str) -> PlanDryRun | None:
    """The newest dry run of a plan, done, under way or waiting."""
    query = select(PlanDryRun).where(PlanDryRun.code == code)
    return session.scalar(query.order_by(PlanDryRun.id.desc()).limit(1))


def next_piece(session: Session, cursor: str, keys: Keyring) -> Piece:
    """The next piece of the run that waits longest: a nightly job. The cursor is `run:part:member`."""
    query = select(PlanDryRun).where(PlanDryRun.finished_at.is_(None))
    run = session.scalar(query.order_by(PlanDryRun.id).limit(1))
    if run is None:
        return Piece(lambda _: None, "", is_last=True)
    try:
        return _piece(session, run, cursor, keys)
    except TROUBLES as error:
        trouble = f"{type(error).__name__}: {error}"[:LONGEST_TROUBLE]
        log.error("dry_run_given_up", run_id=run.id, error=type(error).__name__)
        return Piece(
            partial(_finish, run_id=run.id, result="", trouble=trouble), f"{run.id}:end", is_last=False
        )


def _piece(session: Session, run: PlanDryRun, cursor: str, keys: Keyring) -> Piece:
    if run.began_at is None or not cursor.startswith(f"{run.id}:"):
        chosen = cast(session, json.loads(run.stores) if run.stores else None)
        return Piece(partial(_begin, run_id=run.id, chosen=chosen), f"{run.id}:0:0", is_last=False)
    _, part_no, after = map(int, cursor.split(":"))
    chosen = Cast(**json.loads(run.tried_on))
    chunk = next(member_chunks(session, chosen.store_ids, after), None)
    if chunk is None:
        result = fold(_merged(session, run.id)).as_json()
        return Piece(partial(_finish, run_id=run.id, result=result), f"{run.id}:end", is_last=False)
    counts = Counts()
    _dry_run(session, run).try_on(session, keys, chunk, counts)
    write = partial(_write, run_id=run.id, part_no=part_no, counts=counts.as_json(), members=len(chunk))
    return Piece(write, f"{run.id}:{part_no + 1}:{chunk[-1]}", is_last=False)


def _dry_run(session: Session, run: PlanDryRun) -> DryRun:
    """As of when it began, however long it takes."""
    assert run.began_at is not None
    stores = None
    if run.stores:
        stores = frozenset(store.id for store in stores_by_code(session, json.loads(run.stores)).values())
    return DryRun(read_document(json.loads(run.document)), run.began_at, run.days, stores)


def _begin(session: Session, run_id: int, chosen: Cast) -> None:
    run = session.get(PlanDryRun, run_id, with_for_update=True)
    if run is None:
        return  # a newer one was asked for instead, before this one began
    run.began_at, run.tried_on = clock.now(session), json.dumps(asdict(chosen))
    run.members, run.looked_at = chosen.members, 0
    session.execute(delete(PlanDryRunPart).where(PlanDryRunPart.run_id == run_id))
    session.flush()


def _write(session: Session, run_id: int, part_no: int, counts: str, members: int) -> None:
    insert_rows(session, PlanDryRunPart, [{"run_id": run_id, "part_no": part_no, "counts": counts}])
    session.get_one(PlanDryRun, run_id).looked_at += members
    session.flush()


def _merged(session: Session, run_id: int) -> Counts:
    table = table_of(PlanDryRunPart)
    total = Counts()
    query = select(table.c.counts).where(table.c.run_id == run_id).order_by(table.c.part_no)
    for (part,) in session.execute(query.execution_options(yield_per=10)):
        total.merge(Counts.read(part))
    return total


def _finish(session: Session, run_id: int, result: str, trouble: str = "") -> None:
    run = session.get_one(PlanDryRun, run_id)
    run.finished_at, run.result, run.trouble = clock.now(session), result, trouble
    session.flush()
    session.execute(delete(PlanDryRunPart).where(PlanDryRunPart.run_id == run_id))
    older = select(PlanDryRun.id).where(PlanDryRun.code == run.code, PlanDryRun.finished_at.is_not(None))
    gone = list(session.scalars(older.order_by(PlanDryRun.id.desc())))[KEPT:]
    session.execute(delete(PlanDryRun).where(PlanDryRun.id.in_(gone)))
