"""Time: the database's clock decides what is due.

Business time is the database's UTC plus an offset that only the sandbox may set (fast-forward); it is read
once per transaction. Leases, time-outs and token lives use real time. Wall-clock arithmetic in a store's
zone lives in `stores.rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.db import Base, table_of
from app.errors import Conflict

ROW = 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UTC_NOW = {
    "sqlite": func.strftime("%Y-%m-%d %H:%M:%f", "now"),
    "mysql": func.date_format(func.utc_timestamp(text("6")), "%Y-%m-%d %H:%i:%s.%f"),
}


class ClockOffset(Base):
    """The one row that moves business time in the sandbox; `target_at` is where a fast-forward is heading."""

    __tablename__ = "clock_offset"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    offset_us: Mapped[int]
    target_at: Mapped[datetime | None]


# Built once: every transaction asks.
TABLE = table_of(ClockOffset)
READ = {name: select(utc, TABLE.c.offset_us, TABLE.c.target_at) for name, utc in UTC_NOW.items()}
JUMPING = update(TABLE).where(TABLE.c.id == ROW).values(offset_us=bindparam("us"))


@dataclass(frozen=True, slots=True)
class Moment:
    """`business` decides what is due, `real` how long something may take; `offset` lies between them."""

    business: datetime
    real: datetime
    target_at: datetime | None

    @property
    def offset(self) -> timedelta:
        """How far business time is ahead of real time; zero in production."""
        return self.business - self.real


def moment(session: Session) -> Moment:
    """The time of this transaction: read from the database once, the same for everything done in it."""
    known = session.info.get("moment")
    if isinstance(known, Moment):
        return known
    row = session.connection().execute(READ[session.get_bind().dialect.name]).one()
    real = datetime.fromisoformat(row[0]).replace(tzinfo=UTC)
    read = Moment(real + timedelta(microseconds=row[1]), real, row[2])
    session.info["moment"] = read
    return read


def now(session: Session) -> datetime:
    """Business now, UTC."""
    return moment(session).business


def real_now(session: Session) -> datetime:
    """Real now, UTC: for leases and time-outs only."""
    return moment(session).real


def machine_now() -> datetime:
    """This machine's clock, UTC: only where the database, whose clock decides, may be away."""
    return datetime.now(UTC)


def instant_of(seconds: int) -> datetime:
    """The instant so many seconds after 1970 began, as WeCom counts."""
    return EPOCH + timedelta(seconds=seconds)


def set_target(session: Session, target: datetime) -> None:
    """Ask for a fast-forward; the clock process lives through everything due until then."""
    if target < now(session):
        raise Conflict("clock_goes_forward_only", place="target_at")
    session.execute(update(ClockOffset).where(ClockOffset.id == ROW).values(target_at=target))


def clear_target(session: Session, reached: datetime) -> None:
    """The fast-forward to `reached` has arrived; one asked for meanwhile stands."""
    arrived = update(ClockOffset).where(ClockOffset.id == ROW, ClockOffset.target_at == reached)
    session.execute(arrived.values(target_at=None))


def jump_to(session: Session, instant: datetime) -> timedelta:
    """Move business time of every process to `instant`; returns the new offset."""
    offset = instant - real_now(session)
    us = offset // timedelta(microseconds=1)
    session.connection().execute(JUMPING, {"us": us})
    del session.info["moment"]
    return offset


def refuse_offset(session: Session) -> None:
    """Production starts only on real time: raises `Conflict` where an offset or a target is set."""
    row = session.get_one(ClockOffset, ROW)
    if row.offset_us or row.target_at:
        raise Conflict("clock_offset_in_production", place="clock_offset")
