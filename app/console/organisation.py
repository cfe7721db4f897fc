"""组织同步: what WeCom's departments are mapped to, what a full sync would change, and applying it as it was shown."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Blueprint, Response, make_response, redirect, render_template
from flask.typing import ResponseReturnValue
from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from werkzeug.wrappers import Response as AnyResponse

from app.associates.models import Associate, Role
from app.console import organisation_words
from app.console.organisation_views import read_level, rows_of
from app.console.views import read_day
from app.http import NO_FIELDS, allow, load_form, load_query
from app.http.parts import current_database, current_public_ids
from app.http.refs import read_ref
from app.organisation.models import SyncState
from app.organisation.plan import What
from app.organisation.queries import get_sync, latest_syncs, plan_in, waiting_departments
from app.organisation.rules import Kind
from app.organisation.service import choose, request_apply, request_sync
from app.pages.parts import PageSchema, part_of
from app.sessions import current_actor

organisation_pages = Blueprint(
    "console_organisation", __name__, url_prefix="/console/organisation", template_folder="templates"
)

ROWS = 100
PENDING = frozenset({SyncState.REQUESTED, SyncState.APPLYING})
LOOK_AGAIN_S = 3
AS_PROPOSED = "proposed"
MOST_AT_ONCE = 1_000
log = structlog.get_logger()


class LevelSchema(PageSchema):
    """`under`: the department whose level is shown."""

    under = fields.String(load_default="", validate=validate.Length(max=32))


class MappingSchema(Schema):
    """The rows of one page, in parallel: department, what it was when the page was made, what it is to be."""

    under = fields.String(load_default="", validate=validate.Length(max=32))
    department = fields.List(fields.String(), required=True, validate=validate.Length(1, MOST_AT_ONCE))
    was = fields.List(fields.String(), required=True)
    kind = fields.List(
        fields.String(validate=validate.OneOf([AS_PROPOSED, *Kind])), required=True, data_key="kind"
    )

    @validates_schema
    def check_lengths(self, data: dict[str, Any], **_: Any) -> None:
        """Each department has both."""
        if not len(data["department"]) == len(data["was"]) == len(data["kind"]):
            raise ValidationError("Invalid value.", "kind")


class PlanSchema(PageSchema):
    """`what`: only changes of this kind."""

    what = fields.Enum(What, by_value=True, load_default=None)


class ApplySchema(Schema):
    """Ticks; one that is not ticked is not sent."""

    may_end_many = fields.Boolean(load_default=False)
    ends_unknown = fields.Boolean(load_default=False)


LEVEL, MAPPING, PLAN, APPLY = LevelSchema(), MappingSchema(), PlanSchema(), ApplySchema()


@organisation_pages.get("")
@allow(Role.HQ)
def organisation() -> ResponseReturnValue:
    """The mapping, a level of the tree at a time, and the latest syncs."""
    asked = load_query(LEVEL)
    under = read_ref("department", asked["under"]) if asked["under"] else None
    with current_database().reading() as session:
        day = read_day(session, None)
        level = read_level(session, under)
        syncs, waiting = latest_syncs(session), waiting_departments(session)
        names = {sync.id: _name(session.get(Associate, sync.asked_by or 0)) for sync in syncs}
    start = (asked["page"] - 1) * ROWS
    rows = level.rows[start : start + ROWS]
    return _render(
        "organisation",
        day=day,
        level=level,
        rows=rows,
        part=part_of(asked["page"], ROWS, len(rows), len(level.rows)),
        under=asked["under"],
        waiting=waiting[:ROWS],
        syncs=syncs,
        names=names,
        as_proposed=AS_PROPOSED,
    )


@organisation_pages.post("/mapping")
@allow(Role.HQ)
def map_departments() -> AnyResponse:
    """Map the departments that were changed on the page; what others changed meanwhile stays."""
    load_query(NO_FIELDS)
    sent = load_form(MAPPING)
    changed = {
        read_ref("department", ref): None if kind == AS_PROPOSED else Kind(kind)
        for ref, was, kind in zip(sent["department"], sent["was"], sent["kind"], strict=True)
        if was != kind
    }
    with current_database().transaction() as session:
        choose(session, changed)
    log.info("organisation_mapped", by=current_actor().associate_id, departments=len(changed))
    under = f"?under={sent['under']}" if sent["under"] else ""
    return redirect(f"/console/organisation{under}", 303)


@organisation_pages.post("/syncs")
@allow(Role.HQ)
def begin_sync() -> AnyResponse:
    """Read WeCom and plan; the page says when it is done."""
    load_query(NO_FIELDS)
    load_form(NO_FIELDS)
    with current_database().transaction() as session:
        sync_id = request_sync(session, current_actor().associate_id).id
    return redirect(_address(sync_id), 303)


@organisation_pages.get("/syncs/<ref>")
@allow(Role.HQ)
def organisation_sync(ref: str) -> ResponseReturnValue:
    """One sync: what it would change, or did."""
    asked, sync_id = load_query(PLAN), read_ref("organisation_sync", ref)
    with current_database().reading() as session:
        day = read_day(session, None)
        sync = get_sync(session, sync_id)
    plan = plan_in(sync)
    rows = rows_of(plan, asked["what"]) if plan is not None else []
    start = (asked["page"] - 1) * ROWS
    shown = rows[start : start + ROWS]
    page = _render(
        "organisation_sync",
        day=day,
        sync=sync,
        ref=ref,
        plan=plan,
        rows=shown,
        part=part_of(asked["page"], ROWS, len(shown), len(rows)),
        what=asked["what"],
        is_pending=sync.state in PENDING,
    )
    return _looked_at_again(page) if sync.state in PENDING else page


@organisation_pages.post("/syncs/<ref>/apply")
@allow(Role.HQ)
def apply_sync(ref: str) -> AnyResponse:
    """Apply the plan as it was shown."""
    load_query(NO_FIELDS)
    ticks, sync_id = load_form(APPLY), read_ref("organisation_sync", ref)
    with current_database().transaction() as session:
        request_apply(session, sync_id, **ticks)
    log.info("organisation_sync_wanted", by=current_actor().associate_id, sync_id=sync_id, **ticks)
    return redirect(_address(sync_id), 303)


def _address(sync_id: int) -> str:
    return f"/console/organisation/syncs/{current_public_ids().encode('organisation_sync', sync_id)}"


def _looked_at_again(page: str) -> Response:
    """The browser loads the page again by itself, without a script, until there is something to read."""
    response = make_response(page)
    response.headers["Refresh"] = str(LOOK_AGAIN_S)
    return response


def _name(person: Associate | None) -> str:
    return "" if person is None else person.name


def _render(page: str, **values: Any) -> str:
    return render_template(
        f"console/{page}.html",
        page=page,
        actor=current_actor(),
        ref_of=current_public_ids().encode,
        organisation_words=organisation_words,
        **values,
    )
