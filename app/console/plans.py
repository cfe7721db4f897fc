"""计划: which plans there are, what each does, what is in force where since when, and putting versions in force."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import structlog
from flask import Blueprint, current_app, redirect, render_template
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app.associates.models import Role
from app.console import plans_words
from app.console.plans_preview import Preview, preview_of
from app.console.plans_product import OF_PRODUCT, product_plans
from app.console.plans_views import (
    DRAFT,
    get_plan,
    may_compare,
    numbers_of,
    plan_rows,
    release_rows,
    shown_version,
    side_of,
    store_ids_of,
    stores_to_name,
    version_of,
)
from app.console.views import Day, read_day
from app.errors import Invalid
from app.follow_ups.forecasting.counting import Side, Span
from app.follow_ups.linking.addresses import LinkMaker
from app.follow_ups.plans.comparing import differences
from app.follow_ups.plans.documents import LONGEST_CODE, Document
from app.follow_ups.plans.drafts import CODE, find_draft
from app.follow_ups.plans.moments import has_moments
from app.follow_ups.plans.releases import release
from app.http import allow, load_form, load_query
from app.http.parts import current_database, current_public_ids
from app.http.refs import read_ref
from app.sessions import current_actor

plan_pages = Blueprint("console_plans", __name__, url_prefix="/console/plans", template_folder="templates")

HOME = "/console/plans"
MOST_VERSIONS = 100_000
LONGEST_LIKE = len(OF_PRODUCT) + LONGEST_CODE
# In a form: nothing is to be in force.
NOTHING = 0
log = structlog.get_logger()


class PlanSchema(Schema):
    """`version`: which one is shown; left out: what is in force."""

    version = fields.Integer(load_default=None, validate=validate.Range(1, MOST_VERSIONS))


class CompareSchema(Schema):
    """Two versions by number; 0 is the draft."""

    before = fields.Integer(required=True, validate=validate.Range(DRAFT, MOST_VERSIONS))
    after = fields.Integer(required=True, validate=validate.Range(DRAFT, MOST_VERSIONS))


class ReleaseSchema(Schema):
    """Which version (0: none any more) is to be in force where: `stores` are codes, none: everywhere."""

    version = fields.Integer(required=True, validate=validate.Range(NOTHING, MOST_VERSIONS))
    stores = fields.String(load_default="", validate=validate.Length(max=4000))
    note = fields.String(load_default="", validate=validate.Length(max=255))
    confirmed = fields.Boolean(load_default=False)


class NewSchema(Schema):
    """The code of a new plan, and of the one whose text it begins with (`OF_PRODUCT` before one of the product's)."""

    code = fields.String(required=True, validate=validate.Regexp(CODE))
    like = fields.String(load_default="", validate=validate.Length(max=LONGEST_LIKE))


PLAN, COMPARE, RELEASE, NEW = PlanSchema(), CompareSchema(), ReleaseSchema(), NewSchema()


@plan_pages.get("")
@allow(Role.HQ)
def plans() -> ResponseReturnValue:
    """Every plan: what starts it, which version is in force, whether somebody is at a draft."""
    load_query()
    with current_database().reading() as session:
        day, rows = read_day(session, None), plan_rows(session)
    of_product = product_plans(current_app.extensions["settings"].plans_folder)
    known = {row.code for row in rows}
    unused = [plan for plan in of_product if plan.code not in known]
    return render("plans", day=day, rows=rows, of_product=of_product, unused=unused, prefix=OF_PRODUCT)


@plan_pages.post("")
@allow(Role.HQ)
def new() -> AnyResponse:
    """Begin a draft of a new plan."""
    load_query()
    asked = load_form(NEW)
    like = f"?{urlencode({'like': asked['like']})}" if asked["like"] else ""
    return redirect(f"{HOME}/drafts/{asked['code']}{like}", 303)


@plan_pages.get("/<ref>")
@allow(Role.HQ)
def plan(ref: str) -> ResponseReturnValue:
    """One version: what starts and ends it, and its steps along the time."""
    asked, plan_id = load_query(PLAN), read_ref("plan", ref)
    with current_database().reading() as session:
        day, its = read_day(session, None), get_plan(session, plan_id)
        version = shown_version(session, plan_id, asked["version"])
        numbers, draft = numbers_of(session, plan_id), find_draft(session, its.code)
        releases, readable = release_rows(session, plan_id), may_compare(session, draft)
        preview = preview_for(session, version.document, plan_id, day)
    return render(
        "plan",
        day=day,
        plan=its,
        ref=ref,
        version=version,
        preview=preview,
        numbers=numbers,
        draft=draft,
        readable=readable,
        releases=[row for row in releases if row.is_in_force],
    )


@plan_pages.get("/<ref>/releases")
@allow(Role.HQ)
def releases(ref: str) -> ResponseReturnValue:
    """What was in force where since when and by whom, and a form that puts another version in force."""
    load_query()
    plan_id = read_ref("plan", ref)
    with current_database().reading() as session:
        day, its = read_day(session, None), get_plan(session, plan_id)
        rows, numbers = release_rows(session, plan_id), numbers_of(session, plan_id)
        stores = stores_to_name(session)
    return render("plan_releases", day=day, plan=its, ref=ref, rows=rows, numbers=numbers, stores=stores)


@plan_pages.post("/<ref>/releases")
@allow(Role.HQ)
def put_in_force(ref: str) -> AnyResponse:
    """Widen, roll back or withdraw; members in the plan keep the version they began with."""
    load_query()
    asked, plan_id, by = load_form(RELEASE), read_ref("plan", ref), current_actor().associate_id
    if not asked["confirmed"]:
        raise Invalid("not_confirmed", place="confirmed")
    with current_database().transaction() as session:
        get_plan(session, plan_id)
        number = asked["version"]
        version_id = version_of(session, plan_id, number).id if number != NOTHING else None
        store_ids = store_ids_of(session, asked["stores"])
        release(session, plan_id, version_id, store_ids=store_ids, by=by, note=asked["note"])
    log.warning("plan_released", plan_id=plan_id, version=asked["version"], by=by)
    return redirect(f"{HOME}/{ref}/releases", 303)


@plan_pages.get("/<ref>/compare")
@allow(Role.HQ)
def compare(ref: str) -> ResponseReturnValue:
    """What differs between two versions, or a version and the draft."""
    asked, plan_id = load_query(COMPARE), read_ref("plan", ref)
    with current_database().reading() as session:
        day, its = read_day(session, None), get_plan(session, plan_id)
        before, after = (side_of(session, its, asked[name]) for name in ("before", "after"))
        numbers, draft = numbers_of(session, plan_id), find_draft(session, its.code)
        readable = may_compare(session, draft)
    return render(
        "plan_compare",
        day=day,
        plan=its,
        ref=ref,
        asked=asked,
        numbers=numbers,
        readable=readable,
        before=before,
        after=after,
        found=differences(before, after),
    )


def preview_for(session: Session, document: Document, plan_id: int | None, day: Day) -> Preview:
    """A document's words as this installation would send them."""
    settings = current_app.extensions["settings"]
    links = LinkMaker(settings.public_url, current_public_ids())
    return preview_of(session, document, plan_id, day.today, links, settings.sms_sign_name)


def render(page: str, **values: Any) -> str:
    """A page of plans."""
    return render_template(
        f"console/{page}.html",
        page=page,
        actor=current_actor(),
        ref_of=current_public_ids().encode,
        told=plans_words,
        Side=Side,
        Span=Span,
        home=HOME,
        has_moments=has_moments,
        **values,
    )
