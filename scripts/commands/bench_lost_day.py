"""`scripts/bench lost-day`: how late 30-minute steps are, without a backlog and behind that of a lost day.

The product's own clock processes work on a MariaDB of their own and push to a sandbox, in real time, while purchases
come in at ten times a peak's rate: first with nothing else due, then, after a day without a clock, with the day steps
of the whole chain overdue. Everything is read from the tables afterwards.

The peak is the whole chain's (400,000 purchases between opening and closing), however small the backlog: it is not
scaled down with it. Associates are: one for some 300 overdue steps, as 10,000 have 200 each of a chain's lost day.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from app import clock
from app.db import Database
from app.timers import Lane, first_dues
from app.wecom.sandbox_control import SandboxControl
from config.settings import ROOT
from scripts.commands.bench_fires import OPTIONS, Verdict
from scripts.commands.bench_fires_world import FIRST_OVER_AT, SECOND_DUE_AT, build_world
from scripts.commands.bench_lost_day_tables import (
    Promises,
    count_overdue,
    drained,
    last_notice,
    owed_and_opened,
    read_promises,
)
from scripts.commands.bench_lost_day_till import Sold, Tills
from scripts.commands.sandbox_process import sandbox_process
from tests.servers.mariadb import MariaDB
from tests.servers.process import ServerProcess

PEAK_A_DAY = 400_000  # purchases of the chain
OPEN_S = 12 * 3600.0  # ten in the morning to ten in the evening
TIMES = 10
RATE = TIMES * PEAK_A_DAY / OPEN_S
LOST_DAY = 2_000_000  # 400,000 purchases, five steps each
# The day before the steps fall due, early in the afternoon; and the morning after the day that was lost.
QUIET_AT = FIRST_OVER_AT + timedelta(minutes=5)
LOST_AT = SECOND_DUE_AT + timedelta(hours=20, minutes=30)
# Of the day that was lost; half an hour later its stores are still open.
EVENING = SECOND_DUE_AT + timedelta(hours=6)
LATENESS_S = 10.0
DELIVERY_S = 300.0
A_DAY_H = 24.0
LOOK_S = 5.0
# What is not told by then is missing.
PATIENCE_S = DELIVERY_S + 60.0
SETTLES_WITHIN_S = 600.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was measured in a stretch of time: purchases taken in, their 30-minute steps, and how many steps of a
    backlog of `overdue` were done in the `busy_s` seconds until purchases ended or none was left.

    `behind` are those 30-minute steps that fell due before that; where there was no backlog, all.
    """

    sold: Sold
    promises: Promises
    behind: Promises
    overdue: int = 0
    drained: int = 0
    busy_s: float = 0.0

    @property
    def drained_a_second(self) -> float:
        """Steps of the backlog."""
        return self.drained / self.busy_s if self.drained else 0.0

    @property
    def hours_for_a_lost_day(self) -> float:
        """What 2 million would take at this rate, purchases coming in all the time."""
        return LOST_DAY / self.drained_a_second / 3600 if self.drained else math.inf


def bench_lost_day(folder: Path, due: int, late: int, seconds: float, clocks: int) -> list[Verdict]:
    """Measure for `seconds` each, without and with `due` day steps overdue, with so many clock processes.

    `late` 30-minute steps of the evening before are overdue as well, as many purchases having come in meanwhile.

    Prints what it finds as it goes. Raises `RuntimeError` where a process ends by itself.
    """
    with ExitStack() as stack:
        server = MariaDB(folder / "m", durable=True, options=OPTIONS)
        server.start()
        stack.callback(server.stop)
        _say(f"building {due:,} due steps")
        world = build_world(server, "lost", folder / "chain", due)
        database = Database(world.url)
        stack.callback(database.close)
        url = stack.enter_context(sandbox_process(folder / "sandbox.sqlite3", fresh=True))
        scene = Scene(folder, database, world.url, url, clocks)
        quiet = scene.live_through(QUIET_AT, seconds, settles=True)
        _show("without a backlog", quiet)
        if late:
            scene.lose(EVENING, late)
        lost = scene.live_through(LOST_AT, seconds, settles=False)
        _show("behind a lost day", lost)
    _show_draining(lost)
    return [*verdicts("without a backlog", quiet), *verdicts("behind a lost day", lost), worked_off(lost)]


def verdicts(name: str, stretch: Stretch) -> list[Verdict]:
    """What is promised of 30-minute steps, and that as many purchases came in as were to come."""
    meant, opened, told = RATE * stretch.sold.seconds, stretch.behind.opening.p99, stretch.behind.telling.most
    return [
        Verdict(f"{name}: opened after due, p99", opened, LATENESS_S, is_least=False, unit="s"),
        Verdict(f"{name}: delivered after due, the latest", told, DELIVERY_S, is_least=False, unit="s"),
        Verdict(f"{name}: 30-minute steps not told", stretch.promises.missing, 0, is_least=False, unit=""),
        Verdict(f"{name}: of {TIMES} times the peak taken in", stretch.sold.purchases / meant, 0.98),
    ]


def worked_off(lost: Stretch) -> Verdict:
    """A lost day that took longer than a day would never be made good."""
    name = f"hours for a lost day of {LOST_DAY:,} steps"
    return Verdict(name, lost.hours_for_a_lost_day, A_DAY_H, is_least=False, unit="h")


class Scene:
    """A world with its sandbox, in which time begins anew at different instants."""

    def __init__(self, folder: Path, database: Database, url: str, api_url: str, clocks: int) -> None:
        facts = json.loads((folder / "chain" / "chain.json").read_text(encoding="utf-8"))
        self._folder = folder
        self._database = database
        self._clocks = clocks
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": url,
            "WECOM_API_URL": api_url,
            "REDIS_URL": "",
        }
        self._control = SandboxControl(api_url)
        self._control.let_cards_call_back()
        people = [{"userid": one["userid"], "name": one["name"]} for one in facts["associates"]]
        self._control.put_people(people)
        self._tills = Tills(database, facts["associates"], facts["products"])

    def lose(self, instant: datetime, purchases: int) -> None:
        """So many are reported at this instant while no clock runs."""
        self._jump(instant)
        self._tills.expect(purchases)
        self._tills.sell_at_once(purchases)

    def live_through(self, instant: datetime, seconds: float, *, settles: bool) -> Stretch:
        """Begin at this instant, with clocks and purchases; returns once everybody was told, or nobody will be.

        `settles`: purchases begin once nothing is due any more.
        """
        self._jump(instant)
        self._tills.expect(int(RATE * seconds))
        with self._database.reading() as session:
            overdue, before = count_overdue(session), last_notice(session)
        with self._running() as watch:
            if settles:
                _until(self._is_settled, SETTLES_WITHIN_S, watch)
            since = self._now()
            sold = self._tills.sell(RATE, seconds)
            until = self._now()
            _until(lambda: self._is_opened(since), PATIENCE_S, watch)
            _until(lambda: not self._promises(since, before).missing, PATIENCE_S, watch)
        promises = self._promises(since, before)
        if not overdue:
            return Stretch(sold, promises, promises)
        with self._database.reading() as session:
            done, last = drained(session, instant, since, until)
        ended = until if done < overdue else last
        busy_s = (ended - since) / timedelta(seconds=1)
        return Stretch(sold, promises, promises.due_until(ended), overdue, done, busy_s)

    def _jump(self, instant: datetime) -> None:
        with self._database.transaction() as session:
            offset = clock.jump_to(session, instant)
        self._control.set_clock(offset)

    def _now(self) -> datetime:
        with self._database.reading() as session:
            return clock.now(session)

    @contextmanager
    def _running(self) -> Iterator[Callable[[], None]]:
        """Clock processes that have begun; what is given raises `RuntimeError` where one has ended by itself."""
        processes = [self._start(number) for number in range(self._clocks)]

        def watch() -> None:
            for process in processes:
                if not process.running():
                    raise RuntimeError(process.log.read_text(errors="replace")[-3000:])

        try:
            for process in processes:
                process.wait_until(lambda: "clock_started" in process.log.read_text(errors="replace"))  # noqa: B023 - asked now
            yield watch
        finally:
            for process in processes:
                process.stop()

    def _start(self, number: int) -> ServerProcess:
        log = self._folder / f"clock{number}.log"
        log.unlink(missing_ok=True)
        return ServerProcess([sys.executable, "-m", "tasks.clock"], log, self._environment)

    def _is_settled(self) -> bool:
        with self._database.reading() as session:
            moment = clock.moment(session)
            dues = first_dues(session, (Lane.MINUTES, Lane.DAYS, Lane.EXPIRY, Lane.URGE, Lane.DIGEST))
            return Lane.PUSH not in first_dues(session, (Lane.PUSH,)) and all(
                due > moment.business for due in dues.values()
            )

    def _is_opened(self, since: datetime) -> bool:
        with self._database.reading() as session:
            owed, recorded = owed_and_opened(session, since)
        return owed == recorded

    def _promises(self, since: datetime, after_notice: int) -> Promises:
        with self._database.reading() as session:
            return read_promises(session, since, after_notice)


def _until(condition: Callable[[], bool], within_s: float, watch: Callable[[], None]) -> None:
    """Until it is so, or that long."""
    give_up_at = time.monotonic() + within_s
    while not condition() and time.monotonic() < give_up_at:
        watch()
        time.sleep(LOOK_S)


def _show(name: str, stretch: Stretch) -> None:
    sold, promises, behind = stretch.sold, stretch.promises, stretch.behind
    _say(
        f"{name}: {sold.purchases:,} purchases in {sold.seconds:.0f} s, slowest report {sold.slowest_s:.2f} s; "
        f"{promises.owed:,} 30-minute steps, {len(promises.opened):,} opened, {promises.missing:,} not told"
    )
    _say(f"{name}: of {len(behind.opened):,}, opened after due {behind.opening}")
    _say(f"{name}: of {len(behind.opened):,}, delivered after due {behind.telling}")


def _show_draining(lost: Stretch) -> None:
    _say(
        f"{lost.overdue:,} steps overdue, {lost.drained:,} done in the first {lost.busy_s:.0f} s of purchases: "
        f"{lost.drained_a_second:,.0f} a second, {lost.hours_for_a_lost_day:.1f} h for {LOST_DAY:,}"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
