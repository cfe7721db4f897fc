"""Reading scripts."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.sales_scripts.models import SalesScript


def scripts_by_code(session: Session, codes: Iterable[str]) -> dict[str, SalesScript]:
    """The scripts with these codes that have not been withdrawn."""
    query = select(SalesScript).where(SalesScript.code.in_(set(codes)), SalesScript.ended_at.is_(None))
    return {script.code: script for script in session.scalars(query)}
