"""Writing livings down as WeCom shows them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.ids import new_id
from app.livings.models import Living
from app.wecom.apis import livings as wecom_livings


def write_living(session: Session, seen: wecom_livings.Living) -> None:
    """Bring a living to what was seen. Locks its row."""
    query = select(Living).where(Living.living_id == seen.livingid).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        row = Living(id=new_id(session), living_id=seen.livingid, version=0)
        session.add(row)
    row.theme = seen.theme[:255]
    row.anchor_userid = seen.anchor_userid[:64]
    row.status = int(seen.status)
    row.reserved_at = _instant(seen.reserved_at_s)
    row.starts_at = _instant(seen.starts_at_s)
    row.length_s = seen.duration_s
    row.version += 1
    session.flush()


def _instant(seconds: int) -> datetime | None:
    return clock.instant_of(seconds) if seconds > 0 else None
