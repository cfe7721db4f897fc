"""The process that moves a life's time and lets purchases arrive; killed at any moment, the next one goes on.

python -m scripts.commands.life_traveller TILL_ROLL HISTORY LEASH END QUANTUM_S
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from app import clock
from app.inbound.events import Event
from app.intake.service import apply_events
from app.wecom.sandbox_control import SandboxControl
from config.logging import configure_logging
from config.settings import Settings
from scripts.commands.life_history import History
from scripts.commands.life_kills import Leash
from scripts.commands.life_leases import end_leases, once_it_answers
from scripts.commands.life_scene import SOURCE, TillRoll
from tasks.clock import settle
from tasks.lanes import Hands, hands_of
from tasks.travel import live_until

# Who comes back reports this much again: what was reported just before the kill may have been lost with it.
TOLD_AGAIN = timedelta(hours=2)
LOOK_S = 0.02


class Traveller:
    """Lives on from wherever business time stands."""

    def __init__(
        self,
        hands: Hands,
        control: SandboxControl,
        roll: TillRoll,
        history: History,
        leash: Leash,
        quantum: timedelta,
    ) -> None:
        self._hands = hands
        self._control = control
        self._roll = roll
        self._history = history
        self._leash = leash
        self._quantum = quantum

    def travel(self, end: datetime) -> None:
        """Live until `end`, whatever happens to the database on the way."""
        while True:
            once_it_answers(self._hands.database, end_leases)
            try:
                self._live(end)
            except DBAPIError as error:
                self._history.info("interrupted", error=type(error.orig).__name__)
            else:
                self._history.info("arrived")
                return

    def _live(self, end: datetime) -> None:
        for instant, events in self._roll.since(self._now() - TOLD_AGAIN):
            self._live_until(instant, stops_over=True)
            self._report(events)
        self._live_until(end)

    def _live_until(self, instant: datetime, *, stops_over: bool = False) -> None:
        while (end := self._leash.end()) < instant:
            self._go_on(end)
            time.sleep(LOOK_S)
        self._go_on(instant, stops_over=stops_over)

    def _go_on(self, instant: datetime, *, stops_over: bool = False) -> None:
        follow = self._control.set_clock
        live_until(self._hands, instant, follow, quantum=self._quantum, stops_over=stops_over)

    def _report(self, events: Sequence[Event]) -> None:
        self._history.invoke("report", keys=[event.event_key for event in events])
        results = apply_events(self._hands.database, SOURCE, events, enrolls=True)
        self._history.ok("report", statuses=[result.status for result in results])

    def _now(self) -> datetime:
        with self._hands.database.reading() as session:
            return clock.now(session)


def main() -> None:
    """Entry of the process."""
    roll, history, leash, end, quantum = sys.argv[1:]
    settings = Settings.from_env()
    configure_logging("WARNING")
    traveller = Traveller(
        hands_of(settings),
        SandboxControl(settings.wecom_api_url),
        TillRoll(Path(roll)),
        History(Path(history), f"traveller-{os.getpid()}"),
        Leash(Path(leash)),
        timedelta(seconds=float(quantum)),
    )
    settle()
    traveller.travel(datetime.fromisoformat(end))


if __name__ == "__main__":
    main()
