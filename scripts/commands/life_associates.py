"""The process that plays a life's associates: they do a share of their tasks, sooner or later, until it is killed.

python -m scripts.commands.life_associates HISTORY SEED SHARE LOOKS_EVERY_S
"""

from __future__ import annotations

import heapq
import os
import random
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, exists, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.associates.queries import find_actor
from app.db import Database, read_rows, table_of
from app.errors import DomainError
from app.follow_ups.models import FollowUpTask
from app.follow_ups.service import complete_task
from app.follow_ups.states import Channel, Evidence
from app.members.models import ContactBinding, ExternalContact
from app.worklist.models import WorkItem, WorkState
from config.settings import Settings
from scripts.commands.life_history import History
from scripts.commands.life_leases import once_it_answers
from tasks.clock import settle

IDLE_S = 0.25
AT_ONCE = 200
LONGEST_WAIT_S = 20 * 3600.0
# Ids grow with real time, but those of a transaction that commits late come behind later ones.
LATE_COMERS = 5_000 << 22


TASKS, ITEMS, CONTACTS = table_of(FollowUpTask), table_of(WorkItem), table_of(ExternalContact)
OPEN = (
    select(
        TASKS.c.id,
        TASKS.c.channel,
        TASKS.c.enrollment_id,
        TASKS.c.step_no,
        ITEMS.c.assignee_id,
        ITEMS.c.opened_at,
        select(CONTACTS.c.external_userid)
        .where(
            CONTACTS.c.member_id == ITEMS.c.member_id,
            exists().where(table_of(ContactBinding).c.external_contact_id == CONTACTS.c.id),
        )
        .limit(1)
        .scalar_subquery()
        .label("external_userid"),
    )
    .join(ITEMS, ITEMS.c.id == TASKS.c.work_item_id)
    .where(TASKS.c.id > bindparam("after"), ITEMS.c.state == WorkState.OPEN)
)


class Associates:
    """Everybody's hands. Whether and when a task is done follows from the seed and the task's step alone."""

    def __init__(
        self, database: Database, history: History, seed: int, share: float, looks_every_s: float
    ) -> None:
        self._database = database
        self._history = history
        self._seed = seed
        self._share = share
        self._last_id = 0
        self._looks_every_s = looks_every_s
        self._looked_s = -looks_every_s
        self._seen: set[int] = set()
        self._meant: list[tuple[datetime, int]] = []
        self._tasks: dict[int, Any] = {}

    def turn(self) -> int:
        """Notice new tasks and do those whose hour has come; returns how many were tried."""
        with self._database.reading() as session:
            now = clock.now(session)
            if time.monotonic() - self._looked_s >= self._looks_every_s:
                self._looked_s = time.monotonic()
                for row in self._new_tasks(session):
                    self._mean_to_do(row)
        done = 0
        while self._meant and self._meant[0][0] <= now and done < AT_ONCE:
            self._do(self._tasks.pop(heapq.heappop(self._meant)[1]))
            done += 1
        return done

    def _new_tasks(self, session: Session) -> list[Any]:
        rows = read_rows(session, OPEN, {"after": self._last_id - LATE_COMERS})
        return [row for row in rows if row.id not in self._seen]

    def _mean_to_do(self, row: Any) -> None:
        self._last_id = max(self._last_id, row.id)
        self._seen.add(row.id)
        dice = random.Random(f"{self._seed} {row.enrollment_id} {row.step_no}")  # noqa: S311 - a play's dice
        if dice.random() < self._share:
            wait = timedelta(seconds=dice.random() * LONGEST_WAIT_S)
            heapq.heappush(self._meant, (row.opened_at + wait, row.id))
            self._tasks[row.id] = row

    def _do(self, row: Any) -> None:
        evidence = Evidence.CLIENT_REPORTED if row.channel == Channel.CHAT else Evidence.SELF_DECLARED
        self._history.invoke("complete", task=row.id)

        def work(session: Session) -> Any:
            actor = find_actor(session, row.assignee_id)
            if actor is None:
                return None
            return complete_task(
                session,
                actor,
                row.id,
                external_userid=row.external_userid,
                evidence=evidence,
                sent_text="done",
            )

        try:
            view = self._database.in_transaction(work)
        except DomainError as error:
            self._history.fail("complete", code=error.code)
        except DBAPIError as error:
            self._history.info("complete", error=type(error.orig).__name__)
            raise
        else:
            self._history.ok("complete", task=row.id, state=view.state if view else "nobody")


def main() -> None:
    """Until SIGTERM, whatever happens to the database meanwhile."""
    folder, seed, share, looks_every_s = sys.argv[1:]
    database = Database(Settings.from_env().database_url)
    associates = Associates(
        database,
        History(Path(folder), f"associates-{os.getpid()}"),
        int(seed),
        float(share),
        float(looks_every_s),
    )
    settle()
    going = True

    def end(_number: int, _frame: object) -> None:
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, end)

    def turn(_database: Database) -> None:
        if not associates.turn():
            time.sleep(min(IDLE_S, float(looks_every_s)))

    while going:
        once_it_answers(database, turn)


if __name__ == "__main__":
    main()
