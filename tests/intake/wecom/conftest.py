"""A small chain, a corp in memory, and the lanes between the two."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from app import clock
from app.db import Database
from app.inbound.models import Inbound, ReceivedEvent
from app.inbound.service import receive
from app.intake.inbox import apply_received
from app.intake.wecom_events import wecom_handlers
from app.lanes import Deadline
from app.members.models import ContactBinding, ExternalContact
from app.members.queries import is_live
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.wecom.callbacks import WeComEvent
from tests.intake.wecom.fake_corp import FakeCorp
from tests.world import World


class Desk:
    """Everything a test of this folder does."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.world = World(database)
        self.corp = FakeCorp()

    def hear(self, *events: WeComEvent) -> None:
        """Events arrive, are applied, and none fails."""
        self.keep(*events)
        self.work()

    def keep(self, *events: WeComEvent) -> None:
        """Events arrive."""
        for event in events:
            with self.database.transaction() as session:
                receive(session, event, clock.real_now(session))

    def work(self) -> None:
        """The inbox lane, as if every wait were over, until nothing is left."""
        while True:
            apply_received(self.database, self.corp.port, wecom_handlers(self.database), Deadline(60))
            if not self._make_due():
                break
        with self.database.reading() as session:
            assert set(session.scalars(select(Inbound.state))) <= {"applied"}, session.scalars(
                select(Inbound.reason)
            ).all()

    def _make_due(self) -> bool:
        with self.database.transaction() as session:
            waiting = select(ReceivedEvent).where(ReceivedEvent.next_due_at.is_not(None))
            rows = session.scalars(waiting.with_for_update()).all()
            past = clock.real_now(session) - timedelta(seconds=1)
            for row in rows:
                assert row.next_due_at is not None
                clear_timers(session, [TimerKey(Lane.INBOX, row.next_due_at, row.inbound_id)])
                row.next_due_at = past
                set_timers(session, [(TimerKey(Lane.INBOX, past, row.inbound_id), None)])
            return bool(rows)

    def bindings(self) -> dict[tuple[str, str], str]:
        """How each binding stands: "live", "lost", "half" or "ended"."""
        people = {self.world.person(userid).id: userid for userid in ("owner", "colleague")}
        with self.database.reading() as session:
            query = select(ContactBinding, ExternalContact.external_userid, is_live()).join(
                ExternalContact, ExternalContact.id == ContactBinding.external_contact_id
            )
            rows = session.execute(query).all()
        return {
            (people[binding.associate_id], who): _standing(binding, bool(live)) for binding, who, live in rows
        }

    def times(self) -> list[tuple[object, ...]]:
        """Everything that is kept of the bindings, but their ids."""
        with self.database.reading() as session:
            rows = session.scalars(select(ContactBinding))
            return sorted(
                (
                    row.associate_id,
                    str(row.bound_at),
                    str(row.half_at),
                    str(row.lost_at),
                    str(row.deleted_at),
                    row.is_half,
                    row.remark,
                )
                for row in rows
            )


def _standing(binding: ContactBinding, live: bool) -> str:
    if binding.ended_at is not None:
        assert not live
        return "ended"
    if binding.is_half:
        assert not live
        return "half"
    return "live" if live else "lost"


def again(event: WeComEvent, number: int) -> WeComEvent:
    """The same news in another event: an exact repeat would not even reach its handler."""
    return WeComEvent.of({**event.fields, "Repeat": str(number)})


def shuffled(events: Sequence[WeComEvent], seed: int, repeats: int = 2) -> list[WeComEvent]:
    """In some order, each several times."""
    mixed = [again(event, number) for number in range(repeats) for event in events]
    random.Random(seed).shuffle(mixed)
    return mixed


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)
