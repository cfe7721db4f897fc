"""One life under kills: the scene, the processes, the killer, the judgement."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy.exc import DBAPIError

from app import clock
from app.db import Database
from app.intake.importing import local_span
from app.intake.report import RefusalReport
from app.wecom.sandbox_control import SandboxControl
from scripts.commands.life_checks import Verdict, judge
from scripts.commands.life_crew import Crew
from scripts.commands.life_history import History, read_histories
from scripts.commands.life_kills import NEED_A_SERVER, Kill, Leash, Victim, draw_kills
from scripts.commands.life_leases import end_leases, once_it_answers
from scripts.commands.life_scene import TillRoll, arrivals, set_scene
from scripts.commands.sandbox_process import sandbox_process

TRAVELLER = "scripts.commands.life_traveller"
ASSOCIATES = "scripts.commands.life_associates"
LOOK_S = 0.2
SHOWN_EVERY_S = 10.0
LEASH_FILE = "leash"
PROCESSES = (Victim.TRAVELLER, Victim.WORKER, Victim.CLOCK, Victim.ASSOCIATES)


class Server(Protocol):
    """A database server that may be killed and started again."""

    def kill(self) -> None:
        """kill -9."""

    def start(self) -> None:
        """Returns when it answers."""


@dataclass(frozen=True, slots=True)
class LifePlan:
    """What is lived: a purchase file in a chain, to `days_after` its last day, with how many kills.

    `share` of the tasks are done by the associates, who look for new ones `looks_every_s` (real time: a look reads
    everything of the last seconds, and a small life lives a task's whole time in less than one); `quantum`: what falls
    due within it is lived together.
    """

    file: Path
    chain: Path
    folder: Path
    seed: int = 1
    kills: int = 30
    days_after: int = 95
    share: float = 0.3
    looks_every_s: float = 1.0
    quantum: timedelta = timedelta(hours=2)


@dataclass(slots=True)
class Lived:
    """How it went; `year_s`: the time it took to the file's last day, `life_s`: and to the end."""

    verdict: Verdict
    struck: list[tuple[Kill, datetime]]
    events: int
    set_up_s: float
    year_s: float
    life_s: float
    judged_s: float


class Life:
    """A life on a migrated, empty database; `server` is killed too where there is one."""

    def __init__(self, plan: LifePlan, database: Database, server: Server | None = None) -> None:
        self._plan = plan
        self._database = database
        self._server = server
        self._histories = plan.folder / "history"
        self._own = History(self._histories, "killer")
        self._struck: list[tuple[Kill, datetime]] = []

    def live(self, tell: Callable[[str], None] = lambda _line: None) -> Lived:
        """Live it and judge it. Raises RuntimeError where a process ends that nobody killed."""
        phones = self._plan.folder / "sandbox.sqlite3"
        with sandbox_process(phones, fresh=True, threads=1) as url:
            began = time.monotonic()
            roll, events, begins, last = self._set_scene(url)
            ends = last + timedelta(days=self._plan.days_after)
            set_up = time.monotonic()
            tell(f"{events:,} events from {begins:%Y-%m-%d} on, lived until {ends:%Y-%m-%d}")
            try:
                year = self._run(self._crew(url, ends), begins, last, ends, tell)
            finally:
                self._own.close()
            lived = time.monotonic()
        verdict = judge(self._database, read_histories(self._histories), roll, phones, self._plan.quantum)
        if len(self._struck) < self._plan.kills:
            verdict.broken.append(f"only {len(self._struck)} of {self._plan.kills} kills struck")
        judged = time.monotonic()
        return Lived(
            verdict, self._struck, events, set_up - began, year - set_up, lived - set_up, judged - lived
        )

    def _set_scene(self, url: str) -> tuple[TillRoll, int, datetime, datetime]:
        plan = self._plan
        span = local_span(plan.file)
        if span is None:
            raise ValueError(f"{plan.file}: no purchases in it")
        zone = set_scene(self._database, SandboxControl(url), plan.chain, plan.file, span.first)
        roll = TillRoll(plan.folder / "tills")
        refusals = RefusalReport(plan.folder / "refused.csv")
        events = roll.write(arrivals(self._database, plan.file, span, zone, refusals, plan.quantum))
        refusals.close()
        begins, ends = (day.replace(tzinfo=zone).astimezone(UTC) for day in (span.first, span.last))
        return roll, events, begins, ends

    def _crew(self, url: str, ends: datetime) -> Crew:
        plan = self._plan
        seconds = str(plan.quantum / timedelta(seconds=1))
        history = str(self._histories)
        tills, leash = str(plan.folder / "tills"), str(plan.folder / LEASH_FILE)
        arguments = (TRAVELLER, tills, history, leash, ends.isoformat(), seconds)
        address = self._database.engine.url.render_as_string(hide_password=False)
        work = (ASSOCIATES, history, str(plan.seed), str(plan.share), str(plan.looks_every_s))
        return Crew(plan.folder, address, url, traveller=arguments, associates=work)

    def _run(
        self, crew: Crew, begins: datetime, last: datetime, ends: datetime, tell: Callable[[str], None]
    ) -> float:
        """Until they have arrived; returns when (monotonic) the last purchase was behind them."""
        has_server = self._server is not None
        waiting = draw_kills(self._plan.seed, self._plan.kills, begins, last, has_server=has_server)
        shown, now, year = time.monotonic(), begins, time.monotonic()
        leash = Leash(self._plan.folder / LEASH_FILE)
        try:
            leash.hold(waiting, ends)
            crew.start()
            while not crew.has_arrived():
                now = self._now() or now
                year = time.monotonic() if now < last else year
                if waiting and now >= waiting[0].at:
                    self._strike(crew, waiting.pop(0))
                    leash.hold(waiting, ends)
                if time.monotonic() - shown > SHOWN_EVERY_S:
                    shown = time.monotonic()
                    tell(f"{now:%Y-%m-%d}  {len(self._struck)} kills")
                time.sleep(LOOK_S)
        finally:
            crew.dismiss()
        return year

    def _strike(self, crew: Crew, kill: Kill) -> None:
        """Kill, and start again what died. Leases of the dead end at once, for days would pass meanwhile."""
        time.sleep(kill.aim_s)
        struck = self._now() or kill.at
        self._own.info("kill", victim=kill.victim, business=struck.isoformat())
        victims = PROCESSES if kill.victim is Victim.EVERYTHING else (kill.victim,)
        if kill.victim in NEED_A_SERVER and self._server is not None:
            self._server.kill()
        crew.kill(*(victim for victim in victims if victim in PROCESSES))
        if kill.victim in NEED_A_SERVER and self._server is not None:
            self._server.start()
        once_it_answers(self._database, end_leases)
        crew.start()
        self._own.info("restarted", victim=kill.victim)
        self._struck.append((kill, struck))

    def _now(self) -> datetime | None:
        """Business now; None where the database does not say."""
        try:
            with self._database.reading() as session:
                return clock.now(session)
        except DBAPIError:
            self._database.close()
            return None
