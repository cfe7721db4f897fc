"""One event that no database can take, among five hundred: it alone is set aside, with its reason, and tried again."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import event as engine_event
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.db import Database
from app.follow_ups.reconciliation import reconcile
from app.inbound.events import Event
from app.inbound.models import Inbound, InboundState
from app.intake.service import MAX_BATCH, apply_events
from app.intake.sifting import EventResult
from tests.checker import violations
from tests.world import SOURCE, World, at, purchase, refund

POISONS: dict[str, dict[str, object]] = {
    "number_of_65_bits": {"amount_fen": 2**64},
    "number_of_70_bits": {"amount_fen": 2**70},
    "half_a_character_in_a_name": {"customer": "c\ud83d"},
    "half_a_character_in_its_key": {"ref": "r\ude00"},
    "number_and_endless_key": {"ref": "r" * 300, "amount_fen": 2**64},
}


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def five_hundred(poison: dict[str, object], position: int) -> list[Event]:
    """Purchases of 90 members, every tenth event a refund of the purchase before it, and one poisoned purchase."""
    events: list[Event] = []
    for number in range(MAX_BATCH):
        when = at("2026-02-20 12:00") + timedelta(minutes=7 * number)
        if number % 10 == 9:
            events.append(refund(f"C{number}", f"c{(number - 1) % 90}", when, cancels=f"r{number - 1}"))
        else:
            events.append(purchase(f"r{number}", f"c{number % 90}", when))
    events[position] = msgspec.structs.replace(purchase("bad", "c1", at("2026-02-20 12:00")), **poison)
    return events


def statuses(results: list[EventResult]) -> dict[str, int]:
    found: dict[str, int] = {}
    for result in results:
        found[result.status.value] = found.get(result.status.value, 0) + 1
    return found


def inbox(world: World, state: InboundState) -> list[Inbound]:
    with world.database.reading() as session:
        return list(session.scalars(select(Inbound).where(Inbound.state == state)))


@pytest.mark.parametrize(("poison", "position"), [*zip(POISONS, (0, 137, 251, 388, 499), strict=True)])
def test_the_poisoned_event_is_quarantined_alone_and_every_other_applied(
    world: World, poison: str, position: int
):
    events = five_hundred(POISONS[poison], position)
    first = world.report(*events)
    assert statuses(first) == {"applied": 499, "quarantined": 1}
    assert first[position].status == "quarantined"
    (kept,) = inbox(world, InboundState.QUARANTINED)
    assert kept.reason
    assert "purchase" in kept.payload
    assert len(inbox(world, InboundState.APPLIED)) == 499
    with world.database.reading() as session:
        assert reconcile(session).quarantined_events == 1
    assert violations(world.database) == []
    # Told again, it is tried again: still nobody can store it, and it stands there once.
    assert statuses(world.report(*events)) == {"repeated": 499, "quarantined": 1}
    assert len(inbox(world, InboundState.QUARANTINED)) == 1
    assert violations(world.database) == []


def test_told_again_in_a_form_that_can_be_stored_it_leaves_the_quarantine(world: World):
    good = purchase("r1", "c1", at("2026-03-01 08:00"))
    bad = msgspec.structs.replace(good, amount_fen=2**64)
    assert [one.status for one in world.report(bad)] == ["quarantined"]
    assert [one.status for one in world.report(good)] == ["applied"]
    assert [one.status for one in world.report(good)] == ["repeated"]
    assert [(one.status, one.code) for one in world.report(bad)] == [("refused", "contradicts_stored")]
    assert inbox(world, InboundState.QUARANTINED) == []
    assert violations(world.database) == []


def test_several_poisoned_events_are_each_quarantined_alone(world: World):
    events = five_hundred(POISONS["number_of_65_bits"], 100)
    for position, poison in ((101, "half_a_character_in_a_name"), (400, "half_a_character_in_its_key")):
        bad = purchase(f"bad{position}", "c2", at("2026-02-20 12:00"))
        events[position] = msgspec.structs.replace(bad, **POISONS[poison])
    assert statuses(world.report(*events)) == {"applied": 497, "quarantined": 3}
    assert violations(world.database) == []


def test_a_database_that_is_away_is_no_events_fault(world: World):
    def fail(_connection, _cursor, statement: str, *_more: object) -> None:
        if statement.startswith("INSERT INTO orders"):
            raise OperationalError(statement, {}, Exception("gone away"))

    engine_event.listen(world.database.engine, "before_cursor_execute", fail)
    events = five_hundred({}, 0)
    with pytest.raises(OperationalError):
        apply_events(world.database, SOURCE, events, enrolls=True)
    engine_event.remove(world.database.engine, "before_cursor_execute", fail)
    assert inbox(world, InboundState.QUARANTINED) == []
    assert inbox(world, InboundState.APPLIED) == []
    assert statuses(world.report(*events)) == {"applied": 500}


def test_more_than_five_hundred_are_refused_as_a_whole(world: World):
    with pytest.raises(ValueError, match="500"):
        world.report(*five_hundred({}, 0), purchase("one-more", "c1", at("2026-03-01 08:00")))
