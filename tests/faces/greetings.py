"""A welcome that came too late, for a contact who is no member."""

from __future__ import annotations

from app import clock
from app.db import Database
from app.intake.wecom.greetings import WelcomeWords, ask_to_greet
from app.messaging.models import Welcome, WelcomeState
from config.welcome import read_welcome
from tests.faces.chain import Chain

WORDS = WelcomeWords.of(read_welcome())
WELCOME_ID = 4711
WELCOME_TEXT = "您好，我是李娜"


def add_greeting(database: Database, chain: Chain) -> None:
    """李娜 is asked to greet 路过的客人 (wmNobody) by hand."""
    with database.transaction() as session:
        row = Welcome(
            inbound_id=WELCOME_ID,
            wecom_userid="lina",
            external_userid="wmNobody",
            associate_id=chain.people["lina"],
            contact_name="路过的客人",
            text=WELCOME_TEXT,
            why="",
            state=WelcomeState.LATE,
            reason="past_deadline",
            claimed_at=clock.real_now(session),
        )
        session.add(row)
        session.flush()
        ask_to_greet(session, row, WORDS)
