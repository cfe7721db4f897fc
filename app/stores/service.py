"""Branches and stores come to be. They are never deleted: orders and members hang on them."""

from __future__ import annotations

from datetime import time

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.ids import new_id
from app.stores.models import Branch, Store

# Of a store of which only the name is known; HQ changes what is different.
ZONE, CURRENCY = "Asia/Shanghai", "CNY"
OPENS_AT, CLOSES_AT = time(10), time(22)


def open_branch(session: Session, code: str, name: str) -> Branch:
    """A new branch; its code is `code`, or `code-2`, … where that is taken."""
    branch = Branch(id=new_id(session), code=_free(session, Branch, code), name=name)
    session.add(branch)
    session.flush()
    return branch


def open_store(session: Session, code: str, name: str, branch_id: int) -> Store:
    """A new store with the usual hours; its code is `code`, or `code-2`, … where that is taken."""
    store = Store(
        id=new_id(session),
        code=_free(session, Store, code),
        branch_id=branch_id,
        name=name,
        time_zone=ZONE,
        currency=CURRENCY,
        opens_at=OPENS_AT,
        closes_at=CLOSES_AT,
    )
    session.add(store)
    session.flush()
    return store


def _free(session: Session, model: type[Branch] | type[Store], code: str) -> str:
    wanted, number = code, 1
    while session.scalar(select(model.id).where(model.code == wanted)) is not None:
        number += 1
        wanted = f"{code}-{number}"
    return wanted
