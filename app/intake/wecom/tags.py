"""change_external_tag: created, renamed, deleted or put into another order, the corp's tags are read anew as a whole."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app import clock
from app.intake.handlers import Handler
from app.tagging.service import write_vocabulary
from app.wecom.apis.tags import TagGroup
from app.wecom.callbacks import WeComEvent
from app.wecom.port import WeComPort


def _look(wecom: WeComPort, _event: WeComEvent) -> tuple[TagGroup, ...]:
    return wecom.tags.groups()


def _apply(session: Session, _event: WeComEvent, groups: tuple[TagGroup, ...]) -> None:
    write_vocabulary(session, groups, clock.now(session))


TAGS = Handler(_look, _apply)
