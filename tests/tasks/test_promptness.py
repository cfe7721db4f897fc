"""From due to delivered, with the lanes that production rings and a port that only writes down what it was given."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select

from app import clock
from app.db import Database
from app.follow_ups.linking.addresses import LinkMaker
from app.follow_ups.texting.sending import Texting
from app.intake.wecom.greetings import WelcomeWords
from app.members.dates import PURPOSE
from app.members.phones import PURPOSE as PHONES
from app.messaging.digests import DigestSender
from app.messaging.models import OutboundMessage
from app.public_ids import PublicIds
from app.sealing import Keyring
from app.sms.port import NoGateway
from app.wecom.port import SentMessage
from app.worklist.models import WorkItem
from app.worklist.queries import open_items
from config.welcome import read_welcome
from tasks.lanes import Hands
from tasks.travel import live_until
from tests.world import World, at


@dataclass
class WritesDown:
    """The port's local side: every message is taken, and remembered."""

    bodies: list[dict[str, object]] = field(default_factory=list)

    def send_app_message(self, body: str) -> SentMessage:
        self.bodies.append(json.loads(body))
        return SentMessage(f"msg{len(self.bodies)}", frozenset())


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


@pytest.fixture
def port() -> WritesDown:
    return WritesDown()


@pytest.fixture
def hands(world: World, port: WritesDown) -> Hands:
    sender = DigestSender(1000002, "http://localhost:8000/h5/worklist", open_items)
    words = WelcomeWords.of(read_welcome())
    keys = Keyring(["secret"], PURPOSE)
    texting = Texting(
        NoGateway(), Keyring(["secret"], PHONES), LinkMaker("http://localhost:8000", PublicIds("secret"))
    )
    return Hands(world.database, port, sender, {}, words, keys, texting)  # type: ignore[arg-type]  # the one call the lanes make


def live(hands: Hands, when: str) -> None:
    live_until(hands, at(when), lambda _: None)


def messages(world: World) -> list[OutboundMessage]:
    with world.database.reading() as session:
        return list(session.scalars(select(OutboundMessage).order_by(OutboundMessage.id)))


def test_a_thirty_minute_notice_is_delivered_within_five_minutes_of_being_due(
    hands: Hands, world: World
) -> None:
    world.member("c1")
    live(hands, "2026-03-01 14:00")
    world.buy("c1", "2026-03-01 14:00")
    live(hands, "2026-03-01 14:40")
    (message,) = messages(world)
    assert message.delivered_at is not None
    assert at("2026-03-01 14:30") <= message.delivered_at <= at("2026-03-01 14:35")


def test_a_notice_due_after_closing_is_delivered_when_the_store_opens(hands: Hands, world: World) -> None:
    world.member("c1")
    live(hands, "2026-03-01 21:50")
    world.buy("c1", "2026-03-01 21:50")
    live(hands, "2026-03-02 09:59")
    assert messages(world) == []
    live(hands, "2026-03-02 10:05")
    assert len(messages(world)) == 1


def test_day_steps_come_in_one_digest_at_opening(hands: Hands, world: World, port: WritesDown) -> None:
    codes = [f"c{number}" for number in range(20)]
    for code in codes:
        world.member(code)
    live(hands, "2026-03-01 14:00")
    for minute, code in enumerate(codes):
        world.buy(code, f"2026-03-01 13:{minute:02d}")
    live(hands, "2026-03-04 09:59")
    before = len(port.bodies)
    live(hands, "2026-03-04 10:05")
    (digest,) = port.bodies[before:]
    assert "20" in str(digest["template_card"])
    assert digest["touser"] == "owner"


def test_time_lived_through_opens_everything_at_its_own_instant(hands: Hands, world: World) -> None:
    """One jump of 95 days: no task is opened later than it fell due."""
    world.member("c1")
    live(hands, "2026-03-01 14:00")
    world.buy("c1", "2026-03-01 14:00")
    live(hands, "2026-06-05 00:00")
    with world.database.reading() as session:
        items = session.scalars(select(WorkItem).order_by(WorkItem.due_at)).all()
        assert clock.now(session) >= at("2026-06-05 00:00")
    assert len(items) == 5
    assert all(item.opened_at - item.due_at < timedelta(seconds=5) for item in items)
    assert all(item.closed_at is not None and item.closed_at >= item.valid_until for item in items)
