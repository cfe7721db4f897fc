"""Runs over purchase files: when they began, how far they came, whether they finished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.ids import new_id
from app.intake.models import PurchaseImport


@dataclass(slots=True)
class Counts:
    """What became of the invoices of a file; every one is counted once. `rows` are rows of the file."""

    rows: int = 0
    applied: int = 0
    repeated: int = 0
    refused: int = 0
    quarantined: int = 0


def start_import(session: Session, source: str, file_name: str, file_hash: str, shift_days: int) -> int:
    """Note that a run begins; returns its id."""
    started = PurchaseImport(
        id=new_id(session),
        source=source,
        file_name=file_name[-255:],
        file_hash=file_hash,
        shift_days=shift_days,
        started_at=clock.now(session),
        finished_at=None,
        rows_read=0,
        applied=0,
        repeated=0,
        refused=0,
        quarantined=0,
    )
    session.add(started)
    session.flush()
    return started.id


def note_progress(session: Session, import_id: int, counts: Counts, *, finished: bool = False) -> None:
    """Set how far the run came."""
    values: dict[str, Any] = {
        "rows_read": counts.rows,
        "applied": counts.applied,
        "repeated": counts.repeated,
        "refused": counts.refused,
        "quarantined": counts.quarantined,
    }
    if finished:
        values["finished_at"] = clock.now(session)
    session.execute(update(PurchaseImport).where(PurchaseImport.id == import_id).values(values))


def find_import(session: Session, source: str, file_hash: str) -> PurchaseImport | None:
    """The last run over a file with this content for this source that finished, else the last one, or None."""
    query = (
        select(PurchaseImport)
        .where(PurchaseImport.source == source, PurchaseImport.file_hash == file_hash)
        .order_by(PurchaseImport.finished_at.is_(None), PurchaseImport.id.desc())
        .limit(1)
    )
    return session.scalar(query)
