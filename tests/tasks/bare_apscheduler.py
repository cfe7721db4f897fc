"""APScheduler's own way: one date job for each step, kept in its SQLAlchemy store; what ours is compared with.

Its jobs make the row changes that firing a step makes, and nothing more: nothing is looked up, judged or worded.
"""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine, create_engine, text

OVERDUE = datetime(2026, 1, 1, tzinfo=UTC)
JOBS_TABLE = "apscheduler_jobs"
POLL_S = 0.005
WRITES = tuple(
    text(statement)
    for statement in (
        """
        INSERT INTO work_items (id, assignee_id, store_id, member_id, kind, state, priority, title, due_at, valid_until,
            opened_at, close_reason, is_service, value_fen, rank, urge_level, next_urge_at, elsewhere)
        VALUES (:id, 1, 1, :id, 'follow_up', 'open', 100, '购后致谢', '2026-03-02', '2026-03-03', '2026-03-02', '',
            TRUE, 0, 0, 0, '2026-03-02', 'contact')
        """,
        "INSERT INTO timers (lane, due_at, subject_id, member_id) VALUES ('expiry', '2026-03-03', :id, :id)",
        "INSERT INTO timers (lane, due_at, subject_id, member_id) VALUES ('urge', '2026-03-02', :id, :id)",
        """
        INSERT INTO balance_schedules (associate_id, counted) VALUES (1, 1)
        ON DUPLICATE KEY UPDATE counted = counted + 1
        """,
        """
        INSERT INTO follow_up_tasks (id, work_item_id, enrollment_id, step_no, channel, why, text, script_code,
            chosen_because, note)
        VALUES (:id, :id, :id, 1, 'chat', '3月2日买了半高领羊绒混纺针织衫，趁热道个谢', '谢谢您今天来看我们。',
            'thanks_30m', '', '')
        """,
        """
        INSERT INTO notices (id, associate_id, work_item_id, text, state, written_at, kind)
        VALUES (:id, 1, :id, '购后致谢 · 杜静', 'waiting', '2026-03-02', 'opened')
        """,
        """
        INSERT INTO digest_schedules (associate_id, next_due_at) VALUES (1, '2026-03-02')
        ON DUPLICATE KEY UPDATE next_due_at = LEAST(next_due_at, VALUES(next_due_at))
        """,
        """
        INSERT INTO step_records (enrollment_id, step_no, outcome, reason, due_at, recorded_at, task_id)
        VALUES (:id, 1, 'opened', 'due', '2026-03-02', '2026-03-02', :id)
        """,
        "UPDATE enrollments SET next_step_no = 2, next_due_at = '2026-03-05' WHERE id = :id",
    )
)

_engines: dict[str, Engine] = {}


class BareScheduler:
    """A scheduler that has been started but stands still until it is told to run."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine = create_engine(url)
        self._ids = itertools.count(1)
        stores = {"default": SQLAlchemyJobStore(engine=self._engine, tablename=JOBS_TABLE)}
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._scheduler = BackgroundScheduler(
            jobstores=stores,
            executors={"default": ThreadPoolExecutor(4)},
            job_defaults=defaults,
            timezone=UTC,
        )
        self._scheduler.start(paused=True)

    def add(self, jobs: int) -> float:
        """Add overdue date jobs; returns seconds."""
        started = time.perf_counter()
        for job_id in itertools.islice(self._ids, jobs):
            self._scheduler.add_job(
                write_rows, "date", run_date=OVERDUE, args=[self._url, job_id], id=str(job_id)
            )
        return time.perf_counter() - started

    def run_all(self) -> float:
        """Run every job there is; returns seconds. The last one's writes may outlast its row by a moment."""
        started = time.perf_counter()
        self._scheduler.resume()
        while self._waiting():
            time.sleep(POLL_S)
        self._scheduler.pause()
        return time.perf_counter() - started

    def stop(self) -> None:
        """Wait for what is running."""
        self._scheduler.shutdown(wait=True)

    def written(self) -> int:
        """How many jobs have written their rows."""
        with self._engine.connect() as connection:
            return int(connection.scalar(text("SELECT COUNT(*) FROM notices WHERE associate_id = 1")) or 0)

    def _waiting(self) -> bool:
        with self._engine.connect() as connection:
            return bool(connection.scalar(text(f"SELECT EXISTS (SELECT 1 FROM {JOBS_TABLE})")))


def write_rows(url: str, row_id: int) -> None:
    """The job: what firing a step writes, in one transaction."""
    engine = _engines.get(url) or _engines.setdefault(url, create_engine(url))
    with engine.begin() as connection:
        for statement in WRITES:
            connection.execute(statement, {"id": row_id})
