"""The traveller of a life with bugs in it, so that the judge may find them.

python -m tests.faults.planted …     (PLANTED names the bugs; the arguments are those of life_traveller)
"""

from __future__ import annotations

import itertools
import json
import os
import runpy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

import app.db
import app.intake.service
from app.db import Base, Database
from app.inbound.events import Event
from app.intake.sifting import EventResult, EventStatus
from app.wecom.app import WeComApp
from app.wecom.port import SentMessage


def records_twice() -> None:
    """Each step is recorded twice: only a unique key would stop it."""
    insert = app.db.insert_rows

    def twice(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
        insert(session, model, rows)
        if model.__tablename__ == "step_records":
            insert(session, model, rows)

    app.db.insert_rows = twice


def answers_before_it_commits() -> None:
    """Every second report is acknowledged and then lost."""
    apply, turns = app.intake.service.apply_events, itertools.cycle((True, False))

    def forgetful(
        database: Database, source: str, events: Sequence[Event], *, enrolls: bool
    ) -> list[EventResult]:
        if next(turns):
            return apply(database, source, events, enrolls=enrolls)
        return [EventResult(EventStatus.APPLIED) for _ in events]

    app.intake.service.apply_events = forgetful


def sends_another_body() -> None:
    """A message goes out again and is not the same to the byte: WeCom's duplicate check shows both."""
    send = WeComApp.send_app_message

    def again(self: WeComApp, body: str) -> SentMessage:
        other = json.loads(body)
        other["template_card"]["task_id"] += "-again"
        send(self, body)
        return send(self, json.dumps(other))

    WeComApp.send_app_message = again  # type: ignore[method-assign]


BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug for bug in (records_twice, answers_before_it_commits, sends_another_body)
}

if __name__ == "__main__":
    for bug in os.environ["PLANTED"].split(","):
        BUGS[bug]()
    # Imported only now: names are taken from modules as the bug left them.
    runpy.run_module("scripts.commands.life_traveller", run_name="__main__")
