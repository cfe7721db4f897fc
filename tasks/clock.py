"""The clock process: APScheduler rings the lanes, nothing more. Run as many of it as you like.

python -m tasks.clock
"""

from __future__ import annotations

import gc
import logging
import signal
import threading
import time
from functools import partial

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import DBAPIError

from app import clock, failpoints
from app.db import Database
from app.follow_ups.reconciling.runs import ask_after_journey
from app.intake.wecom.heartbeats import Beating, keep_beating
from app.lanes import Deadline
from app.nightly import ensure_jobs
from app.timers import Lane, first_dues, time_of
from app.wecom.sandbox_control import SandboxControl
from config.logging import configure_logging
from config.settings import Mode, Settings
from tasks.lanes import Hands, hands_of, run_lane
from tasks.nightly import JOBS
from tasks.timetable import TIMETABLE, Bell
from tasks.travel import live_until

RING_S = 20.0
TRAVEL_EVERY_S = 0.2
OBJECTS_OF_A_BATCH = 50_000
LISTEN_EVERY_S = 0.5
FRESH_S = 0.2  # a look at the timers serves the bells that ring so soon after it

log = structlog.get_logger(__name__)


def main() -> None:
    """Ring until SIGINT or SIGTERM; the batches in progress are finished first."""
    settings = Settings.from_env()
    configure_logging(settings.log_level)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # or each ring would be three lines
    failpoints.arm(settings.failpoints.split(","), is_sandbox=settings.mode is Mode.SANDBOX)
    hands = hands_of(settings)
    settle()
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop.ask)
    scheduler = _scheduler(hands, stop)
    if settings.mode is Mode.PRODUCTION:
        with hands.database.reading() as session:
            clock.refuse_offset(session)
    else:
        control = SandboxControl(settings.wecom_api_url)
        scheduler.add_job(
            _travel, "interval", args=[hands, control, stop], seconds=TRAVEL_EVERY_S, id="travel"
        )
    scheduler.start()
    log.info("clock_started", lanes=[bell.lane.value for bell in TIMETABLE])
    while not stop.is_asked():
        # A signal that the kernel gave to another thread is heard only when this one runs.
        time.sleep(LISTEN_EVERY_S)
    scheduler.shutdown(wait=True)
    hands.database.close()
    log.info("clock_stopped")


def settle() -> None:
    """What is loaded by now lives as long as the process: the collector of garbage need not look at it ever again.

    Nor need it look at a batch as often as it would: a batch makes tens of thousands of objects, which go with it.
    [M] Either takes a tenth of the processor time of firing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_OF_A_BATCH)


class Stop:
    """Whether somebody asked us to end. Not an Event: a handler that set one in the thread that waits for it, between
    two of its steps, would wait for itself for ever."""

    def __init__(self) -> None:
        self._asked = False

    def ask(self, *_signal: object) -> None:
        """By a signal."""
        self._asked = True

    def is_asked(self) -> bool:
        """For deadlines, and for whoever listens."""
        return self._asked


class Watch:
    """Sees in which lanes something is due: one look for all bells that ring at nearly the same time.

    [M] Idle, each bell looking for itself took twice the processor time.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looking = threading.Lock()
        self._looked_s = -FRESH_S
        self._lanes: frozenset[Lane] = frozenset()

    def sees(self, lane: Lane) -> bool:
        """True where something was due in the lane less than `FRESH_S` ago."""
        with self._looking:
            if time.monotonic() - self._looked_s >= FRESH_S:
                self._lanes = self._look()
                self._looked_s = time.monotonic()
            return lane in self._lanes

    def _look(self) -> frozenset[Lane]:
        with self._database.reading() as session:
            dues, moment = first_dues(session, tuple(Lane)), clock.moment(session)
        return frozenset(lane for lane, due in dues.items() if due <= time_of(lane, moment))


def _scheduler(hands: Hands, stop: Stop) -> BackgroundScheduler:
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(sum(bell.at_once for bell in TIMETABLE) + 1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    watch = Watch(hands.database)
    for bell in TIMETABLE:
        scheduler.add_job(
            _ring,
            "interval",
            args=[hands, watch, bell, stop],
            seconds=bell.every_s,
            id=bell.lane.value,
            max_instances=bell.at_once,
        )
    return scheduler


def _ring(hands: Hands, watch: Watch, bell: Bell, stop: Stop) -> None:
    """Work the lane off; a database that is away is met again with the next ring."""
    try:
        if bell.lane is Lane.SYNC:
            keep_beating(hands.database, Beating.CLOCK)
        if bell.lane is Lane.NIGHTLY:
            ensure_jobs(hands.database, JOBS)
        if watch.sees(bell.lane):
            run_lane(hands, bell.lane, Deadline(RING_S, stop.is_asked))
    except DBAPIError as error:
        log.warning("lane_interrupted", lane=bell.lane.value, error=type(error.orig).__name__)


def _travel(hands: Hands, control: SandboxControl, stop: Stop) -> None:
    """Go where a fast-forward was asked to go; who is asked to end, or whose database is away, goes on later."""
    try:
        _go_on(hands, control, stop)
    except DBAPIError as error:
        log.warning("journey_interrupted", error=type(error.orig).__name__)


def _go_on(hands: Hands, control: SandboxControl, stop: Stop) -> None:
    with hands.database.reading() as session:
        target = clock.moment(session).target_at
    if target is None:
        return
    arrive = partial(live_until, hands, target, control.set_clock, stop.is_asked)
    if not arrive():
        return
    # Before anybody hears of the arrival: what the nights on the way would each have done, once.
    if hands.database.in_transaction(ask_after_journey) is not None and not arrive():
        return
    with hands.database.transaction() as session:
        clock.clear_target(session, target)
    log.info("travelled", target=target.isoformat())


if __name__ == "__main__":
    main()
