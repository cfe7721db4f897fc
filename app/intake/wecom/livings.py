"""living_status_change: whatever an event says of its status, the living is read anew."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.intake.handlers import Handler
from app.livings.service import write_living
from app.wecom.apis.livings import Living
from app.wecom.callbacks import WeComEvent
from app.wecom.port import WeComPort


def _look(wecom: WeComPort, event: WeComEvent) -> Living:
    return wecom.livings.get(event.text("LivingId"))


def _apply(session: Session, _event: WeComEvent, seen: Living) -> None:
    write_living(session, seen)


LIVING = Handler(_look, _apply)
