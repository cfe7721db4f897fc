"""The process that works beside a life's traveller, as a second clock process does in production; killed like it.

It sees within hundredths of a second what has fallen due by business time, and begins with what the traveller comes to
last. What is sent it leaves to the traveller, who tells the sandbox what time it is first.

python -m scripts.commands.life_worker
"""

from __future__ import annotations

import signal
import time

from app import clock
from app.db import Database
from app.lanes import Deadline
from app.timers import first_dues
from app.worklist.attention import lanes_at_work
from config.logging import configure_logging
from config.settings import Settings
from scripts.commands.life_leases import once_it_answers
from tasks.clock import Stop, settle
from tasks.lanes import Hands, hands_of, work_on
from tasks.travel import BUSINESS_LANES, SLICE_S, SPEAKING_LANES

LANES = tuple(lane for lane in reversed(BUSINESS_LANES) if lane not in SPEAKING_LANES)
IDLE_S = 0.05


def work_off(hands: Hands) -> int:
    """Do what is due now, lane after lane; returns how much that was."""
    with hands.database.reading() as session:
        dues, now = first_dues(session, lanes_at_work(session, LANES)), clock.now(session)
    waiting = [lane for lane in LANES if lane in dues and dues[lane] <= now]
    return sum(work_on(hands, lane, Deadline(SLICE_S)).done for lane in waiting)


def main() -> None:
    """Until SIGTERM, whatever happens to the database meanwhile."""
    settings = Settings.from_env()
    configure_logging("WARNING")
    hands, stop = hands_of(settings), Stop()
    signal.signal(signal.SIGTERM, stop.ask)
    settle()

    def turn(_database: Database) -> None:
        if not work_off(hands):
            time.sleep(IDLE_S)

    while not stop.is_asked():
        once_it_answers(hands.database, turn)


if __name__ == "__main__":
    main()
