"""Pages of the console: worst first, filters in the URL, every number opens the people behind it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate

from app.associates.models import Role
from app.console import queries
from app.console.reconciliation_words import ANCHOR
from app.console.views import FIRST_DAY, read_day, total
from app.errors import NotFound
from app.follow_ups.history import (
    ROWS,
    StepsOfDay,
    count_steps,
    step_counts,
    step_history,
    steps_that_ended,
)
from app.follow_ups.pending import HeldBy, pending_counts, pending_steps
from app.follow_ups.progress import progress_by_associate, progress_by_store
from app.follow_ups.states import Evidence, StepOutcome, StepReason
from app.follow_ups.told import recent_told
from app.follow_ups.worklists import PAGE_TASKS, PersonDay, count_tasks_of_person, tasks_of_person
from app.http import allow, load_query
from app.http.parts import current_database, current_public_ids
from app.http.refs import read_ref
from app.members.models import MemberCare
from app.members.queries import find_member
from app.orders.queries import purchases_of
from app.pages.parts import FilterSchema, PageSchema, part_of
from app.sessions import current_actor
from app.worklist.models import WorkState

TOLD_SHOWN = 20
pages = Blueprint("console", __name__, url_prefix="/console", template_folder="templates")


class DaySchema(FilterSchema):
    """`day`: a local date, today where none is given."""

    day = fields.Date(load_default=None, validate=validate.Range(min=FIRST_DAY))


class TodaySchema(DaySchema):
    """`branch`: the name of one, all where none is given."""

    branch = fields.String(load_default="", validate=validate.Length(max=64))


DAY, TODAY = DaySchema(), TodaySchema()


@pages.get("/")
@allow(Role.HQ)
def today() -> ResponseReturnValue:
    """Follow-ups of a day by store, worst first."""
    asked = load_query(TODAY)
    with current_database().reading() as session:
        day = read_day(session, asked["day"])
        rows = progress_by_store(session, *day.bounds)
        of = StepsOfDay(*day.bounds, asked["branch"])
        steps, waiting = step_counts(session, of), pending_counts(session, of)
    branches = sorted({row.branch_name for row in rows} | ({asked["branch"]} - {""}))
    rows = [row for row in rows if asked["branch"] in ("", row.branch_name)]
    return _render(
        "today",
        day=day,
        rows=rows,
        totals=total(rows),
        steps=steps,
        waiting=waiting,
        branches=branches,
        branch=asked["branch"],
    )


class StepsSchema(TodaySchema, PageSchema):
    """How the steps ended."""

    outcome = fields.Enum(StepOutcome, by_value=True, required=True)
    reason = fields.Enum(StepReason, by_value=True, required=True)


STEPS = StepsSchema()


@pages.get("/steps")
@allow(Role.HQ)
def steps() -> ResponseReturnValue:
    """The members behind one count of the day: whose step ended so."""
    asked = load_query(STEPS)
    outcome, reason, page = asked["outcome"], asked["reason"], asked["page"]
    with current_database().reading() as session:
        day = read_day(session, asked["day"])
        of = StepsOfDay(*day.bounds, asked["branch"])
        counts = {(count.outcome, count.reason): count.steps for count in step_counts(session, of)}
        rows = steps_that_ended(session, of, outcome, reason, page)
    part = part_of(page, ROWS, len(rows), counts.get((outcome, reason), 0))
    return _render(
        "steps", day=day, rows=rows, part=part, outcome=outcome, reason=reason, branch=asked["branch"]
    )


class WaitingSchema(TodaySchema, PageSchema):
    """`held_by`: what the steps wait for."""

    held_by = fields.Enum(HeldBy, by_value=True, required=True)


WAITING = WaitingSchema()


@pages.get("/waiting")
@allow(Role.HQ)
def waiting() -> ResponseReturnValue:
    """The members behind one count of what is due and waits, as it is now."""
    asked = load_query(WAITING)
    held_by, page = asked["held_by"], asked["page"]
    with current_database().reading() as session:
        day = read_day(session, asked["day"])
        of = StepsOfDay(*day.bounds, asked["branch"])
        total_of = pending_counts(session, of).get(held_by, 0)
        rows = pending_steps(session, of, held_by, page)
    part = part_of(page, ROWS, len(rows), total_of)
    return _render("waiting", day=day, rows=rows, part=part, held_by=held_by, branch=asked["branch"])


PAGE = PageSchema()


@pages.get("/members/<ref>")
@allow(Role.HQ)
def member(ref: str) -> ResponseReturnValue:
    """Everything that became of a member's steps, newest first."""
    page, member_id = load_query(PAGE)["page"], read_ref("member", ref)
    with current_database().reading() as session:
        day = read_day(session, None)
        profile = find_member(session, member_id)
        if profile is None:
            raise NotFound("unknown_id", place=ref)
        rows = step_history(session, member_id, ROWS, page)
        part = part_of(page, ROWS, len(rows), count_steps(session, member_id))
        purchases = purchases_of(session, member_id)
        told = recent_told(session, member_id, TOLD_SHOWN)
        opted_out_at = session.get_one(MemberCare, member_id).opted_out_at
    of_member = {"purchases": purchases, "told": told, "opted_out_at": opted_out_at}
    return _render("member", day=day, who=profile, rows=rows, part=part, ref=ref, **of_member)


@pages.get("/stores/<ref>")
@allow(Role.HQ)
def store(ref: str) -> ResponseReturnValue:
    """The people of a store on a day, worst first."""
    asked, store_id = load_query(DAY), read_ref("store", ref)
    with current_database().reading() as session:
        shop = queries.get_store_by_id(session, store_id)
        day = read_day(session, asked["day"])
        rows = progress_by_associate(session, store_id, *day.bounds)
    return _render("store", day=day, store=shop, rows=rows, totals=total(rows))


class PersonSchema(DaySchema, PageSchema):
    """One person's tasks of a day; `state`, `evidence`: only those in this state, proven like this."""

    state = fields.Enum(WorkState, by_value=True, load_default=None)
    evidence = fields.Enum(Evidence, by_value=True, load_default=None)


PERSON = PersonSchema()


@pages.get("/stores/<ref>/people/<person_ref>")
@allow(Role.HQ)
def person(ref: str, person_ref: str) -> ResponseReturnValue:
    """What one person had to do on a day, what is still open first."""
    asked, store_id, associate_id = (
        load_query(PERSON),
        read_ref("store", ref),
        read_ref("associate", person_ref),
    )
    actor, page = current_actor(), asked["page"]
    with current_database().reading() as session:
        shop = queries.get_store_by_id(session, store_id)
        associate = queries.get_person(session, associate_id)
        day = read_day(session, asked["day"])
        of = PersonDay(store_id, associate_id, *day.bounds, asked["state"], asked["evidence"])
        rows = tasks_of_person(session, actor, of, page)
        part = part_of(page, PAGE_TASKS, len(rows), count_tasks_of_person(session, actor, of))
    kept = {name: asked[name].value for name in ("state", "evidence") if asked[name]}
    return _render("person", day=day, store=shop, person=associate, rows=rows, part=part, kept=kept)


class BeforeSchema(Schema):
    """`before`: where the page before this one ended."""

    before = fields.String(load_default="")


BEFORE = BeforeSchema()


@pages.get("/imports")
@allow(Role.HQ)
def imports() -> ResponseReturnValue:
    """Import runs: how far each came and what it refused."""
    before = _before("import")
    with current_database().reading() as session:
        day = read_day(session, None)
        rows, further = queries.latest_imports(session, before)
    return _render("imports", day=day, rows=rows, further=further, paged=before is not None)


def _before(kind: str) -> int | None:
    asked = load_query(BEFORE)["before"]
    return read_ref(kind, asked) if asked else None


def _render(page: str, **values: Any) -> str:
    return render_template(
        f"console/{page}.html",
        page=page,
        actor=current_actor(),
        ref_of=current_public_ids().encode,
        anchors=ANCHOR,
        **values,
    )
