"""What the console reads beyond the domains' own queries."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.errors import NotFound
from app.inbound.models import Inbound, InboundState
from app.intake.models import PurchaseImport
from app.members.models import Member
from app.stores.models import Store

PAGE_ROWS = 50


def get_store_by_id(session: Session, store_id: int) -> Store:
    """The store. Raises `NotFound`."""
    store = session.get(Store, store_id)
    if store is None:
        raise NotFound("unknown_id", place="store")
    return store


def get_person(session: Session, associate_id: int) -> Associate:
    """The person, also one who has left: their tasks remain. Raises `NotFound`."""
    person = session.get(Associate, associate_id)
    if person is None:
        raise NotFound("unknown_id", place="person")
    return person


def latest_imports(session: Session, before: int | None) -> tuple[list[PurchaseImport], int | None]:
    """A page of import runs, newest first, and the id to continue `before`; None at the end."""
    query = select(PurchaseImport)
    if before is not None:
        query = query.where(PurchaseImport.id < before)
    rows = list(session.scalars(query.order_by(PurchaseImport.id.desc()).limit(PAGE_ROWS + 1)))
    return rows[:PAGE_ROWS], rows[PAGE_ROWS - 1].id if len(rows) > PAGE_ROWS else None


def quarantined(session: Session, before: int | None) -> tuple[list[Inbound], int | None]:
    """A page of quarantined events, newest first, and the id to continue `before`; None at the end."""
    query = select(Inbound).where(Inbound.state == InboundState.QUARANTINED)
    if before is not None:
        query = query.where(Inbound.id < before)
    rows = list(session.scalars(query.order_by(Inbound.id.desc()).limit(PAGE_ROWS + 1)))
    return rows[:PAGE_ROWS], rows[PAGE_ROWS - 1].id if len(rows) > PAGE_ROWS else None


def count_members(session: Session) -> int:
    """How many members the chain has."""
    return session.scalar(select(func.count()).select_from(Member)) or 0
