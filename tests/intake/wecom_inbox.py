"""An inbox with events from WeCom, and handlers that remember what they were asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.ids import new_id
from app.inbound.models import Inbound, ReceivedEvent
from app.inbound.service import receive
from app.intake.handlers import Handler, Handlers
from app.intake.inbox import apply_received
from app.lanes import Deadline, Progress
from app.stores.models import Branch
from app.timers import Lane, Timer, TimerKey, clear_timers, set_timers
from app.wecom.callbacks import WeComEvent
from app.wecom.port import WeComPort
from tests.wecom.unanswering import UnansweringWeCom

NOBODY: Any = UnansweringWeCom()


def event(number: int, **fields: str) -> WeComEvent:
    """A customer's, each number another's."""
    return WeComEvent.of(
        {
            "MsgType": "event",
            "Event": "change_external_contact",
            "ChangeType": "edit_external_contact",
            "CreateTime": "1772352000",
            "UserID": "lin",
            "ExternalUserID": f"wm{number}",
            **fields,
        }
    )


@dataclass
class Recorder:
    """A handler that writes one branch per event into the database, so that what was applied can be counted."""

    looks: list[str] = field(default_factory=list)
    look_does: Callable[[WeComEvent], Any] = lambda event: f"saw {event.text('ExternalUserID')}"
    apply_does: Callable[[Session, WeComEvent, Any], None] = lambda *_: None
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def handlers(self, name: str = "change_external_contact") -> Handlers:
        return {name: Handler(self.look, self.apply)}

    def look(self, _wecom: WeComPort, event: WeComEvent) -> Any:
        with self._guard:
            self.looks.append(event.text("ExternalUserID"))
        return self.look_does(event)

    def apply(self, session: Session, event: WeComEvent, looked: Any) -> None:
        number = new_id(session)
        session.add(Branch(id=number, code=str(number), name=str(looked)))
        self.apply_does(session, event, looked)


@dataclass
class Inbox:
    """The inbox lane over a database, and what became of its events."""

    database: Database

    def receive(self, *events: WeComEvent) -> int:
        with self.database.transaction() as session:
            return sum(receive(session, one, clock.real_now(session)) for one in events)

    def run(self, handlers: Handlers) -> Progress:
        return apply_received(self.database, NOBODY, handlers, Deadline(60))

    def rows(self) -> list[Inbound]:
        with self.database.reading() as session:
            return list(session.scalars(select(Inbound).order_by(Inbound.id)))

    def works(self) -> list[ReceivedEvent]:
        with self.database.reading() as session:
            return list(session.scalars(select(ReceivedEvent).order_by(ReceivedEvent.inbound_id)))

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]

    def written(self) -> list[str]:
        """What handlers wrote, in the order of writing."""
        with self.database.reading() as session:
            return list(session.scalars(select(Branch.name).order_by(Branch.id)))

    def timers(self) -> set[tuple[Any, int]]:
        with self.database.reading() as session:
            query = select(Timer.due_at, Timer.subject_id).where(Timer.lane == str(Lane.INBOX))
            return {(row.due_at, row.subject_id) for row in session.execute(query)}

    def bring_due(self) -> None:
        """As if the time had passed until the next attempt, or until leases end: real time is not ours to move."""
        with self.database.transaction() as session:
            past = clock.real_now(session) - timedelta(seconds=1)
            waiting = select(ReceivedEvent).where(ReceivedEvent.next_due_at.is_not(None))
            for row in session.scalars(waiting.with_for_update()):
                assert row.next_due_at is not None
                clear_timers(session, [TimerKey(Lane.INBOX, row.next_due_at, row.inbound_id)])
                row.next_due_at = past
                set_timers(session, [(TimerKey(Lane.INBOX, past, row.inbound_id), None)])

    def assert_timers_are_their_owners(self) -> None:
        """Also while others apply: either half is one statement, and every commit leaves both true."""
        theirs = and_(Timer.subject_id == ReceivedEvent.inbound_id, Timer.due_at == ReceivedEvent.next_due_at)
        is_inbox = Timer.lane == str(Lane.INBOX)
        unwatched = select(ReceivedEvent.inbound_id).where(
            ReceivedEvent.next_due_at.is_not(None), ~exists().where(is_inbox, theirs)
        )
        ownerless = select(Timer.subject_id).where(is_inbox, ~exists().where(theirs))
        with self.database.reading() as session:
            assert session.scalars(unwatched).all() == []
            assert session.scalars(ownerless).all() == []
