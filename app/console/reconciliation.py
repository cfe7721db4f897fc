"""对账: everything owed, what became of it, what is missing, and repairing that."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import structlog
from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app.associates.models import Associate, Role
from app.console import books_words, reconciliation_words
from app.console.views import FIRST_DAY, read_day
from app.errors import NotFound
from app.follow_ups.reconciling.balances import (
    ROWS,
    GapView,
    Part,
    balance_of,
    by_day,
    by_plan,
    by_store,
    gaps_of,
)
from app.follow_ups.reconciling.listing import FOUND, StepRow, steps_that
from app.follow_ups.reconciling.mending import MENDABLE, Mended
from app.follow_ups.reconciling.models import BY_JOURNEY, Reconciliation
from app.follow_ups.reconciling.repairing import ask_for_timers, ask_to_mend
from app.follow_ups.reconciling.report import Became
from app.follow_ups.reconciling.runs import (
    ALARM,
    DIFFERS,
    UNEXPLAINED,
    ask_for_run,
    current_run,
    first_single_day,
    newest_run,
)
from app.http import NO_FIELDS, allow, load_form, load_query
from app.http.parts import current_database, current_public_ids
from app.http.refs import read_ref
from app.pages.parts import PageSchema, part_of
from app.sessions import current_actor

reconciliation_pages = Blueprint(
    "console_reconciliation", __name__, url_prefix="/console/reconciliation", template_folder="templates"
)

HOME = "/console/reconciliation"
FAULTY = (Became.MISSING, UNEXPLAINED, ALARM)
# Their steps were written down with the run; all others are read from the records, a day at a time.
BY_NAME = (*FAULTY, DIFFERS, Became.WAITING, Became.QUARANTINED)
STORES = 100
log = structlog.get_logger()


class PartSchema(PageSchema):
    """Of which plan, store and day; `span` "month": of the month that begins on that day."""

    plan = fields.String(load_default="", validate=validate.Length(max=32))
    store = fields.String(load_default="", validate=validate.Length(max=32))
    day = fields.Date(load_default=None, validate=validate.Range(min=FIRST_DAY))
    span = fields.String(load_default="", validate=validate.OneOf(["", "month"]))


class HomeSchema(PartSchema):
    """`said`: what a repair that led here came to."""

    said = fields.Enum(Mended, by_value=True, load_default=None)


class StepsSchema(PartSchema):
    """`became`: which number's steps; those in the records are asked for a day, or a month, at a time."""

    became = fields.String(required=True, validate=validate.OneOf([*BY_NAME, *FOUND]))

    @validates_schema
    def check_day(self, data: dict[str, Any], **_: Any) -> None:
        """A list over all days would be without end."""
        if data.get("became") not in BY_NAME and data.get("day") is None:
            raise ValidationError("Missing data for required field.", "day")


HOME_SCHEMA, STEPS = HomeSchema(), StepsSchema()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page is asked for, and how it stands in addresses."""

    part: Part
    page: int
    keep: dict[str, str]


@reconciliation_pages.get("")
@allow(Role.HQ)
def reconciliation() -> ResponseReturnValue:
    """The newest balance, what is missing first, and how far a run has come that is under way."""
    loaded = load_query(HOME_SCHEMA)
    asked = _asked(loaded)
    with current_database().reading() as session:
        day = read_day(session, None)
        run, under_way = newest_run(session), current_run(session)
        found = _figures(session, run, asked, day.today) if run else {}
    return _render(
        "reconciliation",
        day=day,
        run=run,
        under_way=under_way,
        asked=asked,
        said=loaded["said"],
        books=json.loads(run.books) if run else {},
        **found,
    )


@reconciliation_pages.post("")
@allow(Role.HQ)
def run_now() -> AnyResponse:
    """Reconcile now; while a run waits or is under way that one counts."""
    load_query()
    load_form(NO_FIELDS)
    by = current_actor().associate_id
    with current_database().transaction() as session:
        run = ask_for_run(session, by)
    log.info("reconciliation_asked", by=by, run_id=run.id)
    return redirect(HOME, 303)


@reconciliation_pages.get("/steps")
@allow(Role.HQ)
def steps() -> ResponseReturnValue:
    """The steps behind one number."""
    loaded = load_query(STEPS)
    asked, became = _asked(loaded), loaded["became"]
    with current_database().reading() as session:
        day, run = read_day(session, None), newest_run(session)
        if run is None:
            raise NotFound("unknown_id", place="reconciliation")
        gaps: list[GapView] = []
        rows: list[StepRow] = []
        if became in BY_NAME:
            gaps, count = gaps_of(session, run, [became], asked.part, day.today, asked.page)
        else:
            rows = steps_that(session, Became(became), asked.part, asked.page)
            count = balance_of(session, run, asked.part).share(Became(became))
    shown = len(gaps) + len(rows)
    count = max(count, (asked.page - 1) * ROWS + shown if shown else 0)
    return _render(
        "reconciliation_steps",
        day=day,
        run=run,
        asked=asked,
        became=became,
        gaps=gaps,
        rows=rows,
        part=part_of(asked.page, ROWS, shown, count),
    )


@reconciliation_pages.post("/gaps/<ref>/repair")
@allow(Role.HQ)
def repair(ref: str) -> AnyResponse:
    """Have the inbox repair what a gap names; asked for twice it is repaired once."""
    load_query()
    load_form(NO_FIELDS)
    gap_id, by = read_ref("gap", ref), current_actor().associate_id
    current_database().in_transaction(lambda session: ask_to_mend(session, gap_id, by))
    return redirect(f"{HOME}?said={Mended.ASKED}", 303)


@reconciliation_pages.post("/timers")
@allow(Role.HQ)
def wind_up() -> AnyResponse:
    """Have the inbox set lost timers again, and calendars look that look for nobody; twice changes nothing more."""
    load_query()
    load_form(NO_FIELDS)
    by = current_actor().associate_id
    current_database().in_transaction(lambda session: ask_for_timers(session, by))
    return redirect(f"{HOME}?said={Mended.ASKED}", 303)


def _figures(session: Session, run: Reconciliation, asked: Asked, today: date) -> dict[str, Any]:
    gaps, count = gaps_of(session, run, FAULTY, asked.part, today, asked.page)
    who = session.get(Associate, run.asked_by) if run.asked_by else None
    stores = by_store(session, run, asked.part)
    return {
        "balance": balance_of(session, run, asked.part),
        "plans": by_plan(session, run, asked.part),
        "stores": stores[:STORES],
        "left_out": max(0, len(stores) - STORES),
        "days": by_day(session, run, asked.part, today),
        "single_from": first_single_day(today),
        "asker": who.name if who else "",
        "gaps": gaps,
        "part": part_of(asked.page, ROWS, len(gaps), count),
        "all_plans": by_plan(session, run, Part()),
        "all_stores": by_store(session, run, Part()),
    }


def _asked(loaded: dict[str, Any]) -> Asked:
    part = Part(
        read_ref("plan", loaded["plan"]) if loaded["plan"] else None,
        read_ref("store", loaded["store"]) if loaded["store"] else None,
        loaded["day"],
        loaded["span"] == "month",
    )
    keep = {name: loaded[name] for name in ("plan", "store", "span") if loaded[name]}
    if part.day is not None:
        keep["day"] = part.day.isoformat()
    return Asked(part, loaded["page"], keep)


def _render(page: str, **values: Any) -> str:
    return render_template(
        f"console/{page}.html",
        page=page,
        actor=current_actor(),
        ref_of=current_public_ids().encode,
        told=reconciliation_words,
        told_check=books_words.told,
        Became=Became,
        MENDABLE=MENDABLE,
        BY_JOURNEY=BY_JOURNEY,
        **values,
    )
