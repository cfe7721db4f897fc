"""Pages of the console: worst first, filters in the URL, every number opens the people behind it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate

from app.associates.models import Role
from app.console import queries
from app.console.views import read_day, total
from app.follow_ups.progress import progress_by_associate, progress_by_store
from app.http import NO_FIELDS, allow, load_query
from app.http.parts import current_database, current_public_ids
from app.sessions import current_actor

pages = Blueprint("console", __name__, url_prefix="/console", template_folder="templates")


class DaySchema(Schema):
    """`day`: a local date, today where none is given."""

    day = fields.Date(load_default=None)


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
    branches = sorted({row.branch_name for row in rows} | ({asked["branch"]} - {""}))
    rows = [row for row in rows if asked["branch"] in ("", row.branch_name)]
    return _render("today", day=day, rows=rows, totals=total(rows), branches=branches, branch=asked["branch"])


@pages.get("/stores/<ref>")
@allow(Role.HQ)
def store(ref: str) -> ResponseReturnValue:
    """The people of a store on a day, worst first."""
    asked, store_id = load_query(DAY), current_public_ids().decode("store", ref)
    with current_database().reading() as session:
        shop = queries.get_store_by_id(session, store_id)
        day = read_day(session, asked["day"])
        rows = progress_by_associate(session, store_id, *day.bounds)
    return _render("store", day=day, store=shop, rows=rows, totals=total(rows))


@pages.get("/stores/<ref>/people/<person_ref>")
@allow(Role.HQ)
def person(ref: str, person_ref: str) -> ResponseReturnValue:
    """What one person had to do on a day, what is still open first."""
    asked = load_query(DAY)
    store_id, associate_id = (
        current_public_ids().decode("store", ref),
        current_public_ids().decode("associate", person_ref),
    )
    with current_database().reading() as session:
        shop = queries.get_store_by_id(session, store_id)
        associate = queries.get_person(session, associate_id)
        day = read_day(session, asked["day"])
        rows = queries.tasks_of_person(session, store_id, associate_id, *day.bounds)
    return _render("person", day=day, store=shop, person=associate, rows=rows)


@pages.get("/imports")
@allow(Role.HQ)
def imports() -> ResponseReturnValue:
    """Import runs: how far each came and what it refused."""
    load_query(NO_FIELDS)
    with current_database().reading() as session:
        day = read_day(session, None)
        rows = queries.latest_imports(session)
    return _render("imports", day=day, rows=rows)


class QuarantineSchema(Schema):
    """`before`: where the page before this one ended."""

    before = fields.String(load_default="")


QUARANTINE = QuarantineSchema()


@pages.get("/quarantine")
@allow(Role.HQ)
def quarantine() -> ResponseReturnValue:
    """Events that could not be applied, each with its reason."""
    asked = load_query(QUARANTINE)
    before = current_public_ids().decode("inbound", asked["before"]) if asked["before"] else None
    with current_database().reading() as session:
        day = read_day(session, None)
        rows, further = queries.quarantined(session, before)
    return _render("quarantine", day=day, rows=rows, further=further, paged=before is not None)


def _render(page: str, **values: Any) -> str:
    return render_template(
        f"console/{page}.html", page=page, actor=current_actor(), ref_of=current_public_ids().encode, **values
    )
