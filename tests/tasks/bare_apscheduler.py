"""APScheduler's own way: one date job for each step, kept in its SQLAlchemy store; what ours is compared with.

A job does for its one step what firing does for a batch of them, by the same code in a transaction of its own: looks at
everything as it is now, judges, words and writes. Anything less would not be running a step.
"""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import create_engine

from app.db import Database
from app.follow_ups.firing.lane import fire_batch
from app.orders.value import Tiers
from app.timers import Lane

OVERDUE = datetime(2026, 1, 1, tzinfo=UTC)
JOBS_TABLE = "apscheduler_jobs"
THREADS = 4
POLL_S = 0.005

_databases: dict[str, Database] = {}


class BareScheduler:
    """A scheduler that has been started but stands still until it is told to run."""

    def __init__(self, url: str) -> None:
        self._url = url
        _databases.setdefault(url, Database(url))
        self._ids = itertools.count(1)
        self._ended: list[BaseException | None] = []  # what each job that ended raised
        stores = {"default": SQLAlchemyJobStore(engine=create_engine(url), tablename=JOBS_TABLE)}
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._scheduler = BackgroundScheduler(
            jobstores=stores,
            executors={"default": ThreadPoolExecutor(THREADS)},
            job_defaults=defaults,
            timezone=UTC,
        )
        self._scheduler.add_listener(self._note, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        self._scheduler.start(paused=True)

    def add(self, jobs: int) -> float:
        """Add overdue date jobs; returns seconds."""
        started = time.perf_counter()
        for job_id in itertools.islice(self._ids, jobs):
            self._scheduler.add_job(
                run_step, "date", run_date=OVERDUE, args=[self._url, job_id], id=str(job_id)
            )
        return time.perf_counter() - started

    def run(self, jobs: int) -> float:
        """Run what was added, that many jobs; returns seconds. Raises what the first that failed raised."""
        until = len(self._ended) + jobs
        started = time.perf_counter()
        self._scheduler.resume()
        while len(self._ended) < until:
            time.sleep(POLL_S)
        seconds = time.perf_counter() - started
        self._scheduler.pause()
        for error in filter(None, self._ended):
            raise error
        return seconds

    def stop(self) -> None:
        """Wait for what is running."""
        self._scheduler.shutdown(wait=True)

    def _note(self, event: JobExecutionEvent) -> None:
        self._ended.append(event.exception)


def run_step(url: str, _number: int) -> None:
    """The job: one step of the minutes that is due. Raises `LookupError` where none is."""
    fired = _databases[url].in_transaction(lambda session: fire_batch(session, Lane.MINUTES, 1, Tiers()))
    if len(fired) != 1:
        raise LookupError("no step is due")
