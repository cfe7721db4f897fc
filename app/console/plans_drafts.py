"""计划草稿: writing a draft with every mistake named, trying it over what really happened, publishing it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from flask import Blueprint, current_app, redirect
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app.associates.models import Role
from app.console.plans import HOME, LONGEST_LIKE, MOST_VERSIONS, preview_for, render
from app.console.plans_handbook import handbook
from app.console.plans_views import (
    changed_lines,
    first_text,
    is_of,
    names_of_people,
    numbers_of,
    store_ids_of,
    stores_to_name,
    tried,
)
from app.console.views import read_day
from app.errors import Conflict, Invalid, NotFound
from app.follow_ups.forecasting.counting import Span
from app.follow_ups.forecasting.runs import DAYS, ask_for_dry_run, newest_dry_run
from app.follow_ups.models import PlanDraft
from app.follow_ups.plans.drafts import (
    CODE,
    LONGEST_TEXT,
    Checked,
    check_text,
    discard_draft,
    find_draft,
    get_draft,
    plan_of_code,
    publish_draft,
    save_draft,
)
from app.follow_ups.plans.versions import Version
from app.http import allow, load_form, load_query
from app.http.parts import current_database, current_public_ids
from app.http.refs import read_ref
from app.pages.parts import FilterSchema
from app.sessions import current_actor
from app.stores.queries import stores_by_id

draft_pages = Blueprint(
    "console_plan_drafts", __name__, url_prefix="/console/plans/drafts", template_folder="templates"
)

log = structlog.get_logger()


class EditSchema(FilterSchema):
    """What a new draft begins with: a `version` of its plan, or, of a new plan, the text of another (`like`)."""

    like = fields.String(load_default="", validate=validate.Length(max=LONGEST_LIKE))
    version = fields.Integer(load_default=None, validate=validate.Range(1, MOST_VERSIONS))


class SaveSchema(Schema):
    """A text, and when the one its author began with was saved; "" for a new draft."""

    document = fields.String(required=True, validate=validate.Length(max=LONGEST_TEXT))
    began_with = fields.String(load_default="", validate=validate.Length(max=40))


class SeenSchema(Schema):
    """Which text was in front of whoever decides."""

    began_with = fields.String(required=True, validate=validate.Length(max=40))


class DiscardSchema(SeenSchema):
    """And that this is meant: nothing brings the text back."""

    confirmed = fields.Boolean(load_default=False)


class TrySchema(Schema):
    """Where it is to be tried as a canary; nothing: everywhere."""

    stores = fields.String(load_default="", validate=validate.Length(max=4000))


class PublishSchema(SeenSchema, TrySchema):
    """Where it is to be in force, and that this is meant."""

    note = fields.String(load_default="", validate=validate.Length(max=255))
    confirmed = fields.Boolean(load_default=False)


class ResultSchema(Schema):
    """Which days are shown, and whose."""

    span = fields.Enum(Span, by_value=True, load_default=Span.NEXT)
    store = fields.String(load_default="", validate=validate.Length(max=32))


EDIT, SAVE, DISCARD, TRY, PUBLISH, RESULT = (
    EditSchema(),
    SaveSchema(),
    DiscardSchema(),
    TrySchema(),
    PublishSchema(),
    ResultSchema(),
)


@draft_pages.get("/<code>")
@allow(Role.HQ)
def edit(code: str) -> ResponseReturnValue:
    """The draft as it was left, with what is wrong in it; a new one begins with a version's text."""
    asked = load_query(EDIT)
    if CODE.fullmatch(code) is None:
        raise NotFound("unknown_id", place="draft")
    version, like = asked["version"], asked["like"]
    folder = current_app.extensions["settings"].plans_folder
    with current_database().reading() as session:
        draft = find_draft(session, code)
        text = draft.document if draft else first_text(session, code, version, like, folder)
        return _editor(session, code, text, draft)


@draft_pages.post("/<code>")
@allow(Role.HQ)
def save(code: str) -> ResponseReturnValue:
    """Keep the text, right or wrong. Who was overtaken gets both texts and loses neither."""
    load_query()
    asked, by = load_form(SAVE), current_actor().associate_id
    text = asked["document"].replace("\r\n", "\n")
    began_with = _instant(asked["began_with"]) if asked["began_with"] else None
    try:
        with current_database().transaction() as session:
            save_draft(session, code, text, began_with, by)
    except Conflict:
        with current_database().reading() as session:
            return _editor(session, code, text, find_draft(session, code), overtaken=True), 409
    return redirect(f"{HOME}/drafts/{code}", 303)


@draft_pages.post("/<code>/discard")
@allow(Role.HQ)
def discard(code: str) -> AnyResponse:
    """Throw the draft away; what was published stays."""
    load_query()
    asked = load_form(DISCARD)
    if not asked["confirmed"]:
        raise Invalid("not_confirmed", place="confirmed")
    began_with = _instant(asked["began_with"])
    with current_database().transaction() as session:
        discard_draft(session, code, began_with)
    log.info("plan_draft_discarded", code=code, by=current_actor().associate_id)
    return redirect(HOME, 303)


@draft_pages.get("/<code>/dry-run")
@allow(Role.HQ)
def dry_run(code: str) -> ResponseReturnValue:
    """What the newest dry run says, or how far it has come."""
    asked = load_query(RESULT)
    with current_database().reading() as session:
        day, draft = read_day(session, None), get_draft(session, code)
        checked = check_text(session, draft.document, code)
        run = newest_dry_run(session, code)
        found = tried(session, run)
        store_id = read_ref("store", asked["store"]) if asked["store"] else None
        return render(
            "plan_dry_run",
            day=day,
            code=code,
            checked=checked,
            run=run,
            tried=found,
            is_current=is_of(run, checked),
            span=asked["span"],
            store_id=store_id,
            stores=stores_to_name(session),
            days=DAYS,
        )


@draft_pages.post("/<code>/dry-run")
@allow(Role.HQ)
def try_it(code: str) -> AnyResponse:
    """Try the draft as it is now, everywhere or as a canary; while the same waits or is under way that one counts."""
    load_query()
    asked, by = load_form(TRY), current_actor().associate_id
    with current_database().transaction() as session:
        checked = _right(session, code)
        store_ids = store_ids_of(session, asked["stores"])
        codes = None
        if store_ids is not None:
            stores = stores_by_id(session, store_ids)
            codes = [store.code for store in stores.values()]
        run = ask_for_dry_run(session, checked, codes, by)
    log.info("dry_run_asked", code=code, by=by, run_id=run.id)
    return redirect(f"{HOME}/drafts/{code}/dry-run", 303)


@draft_pages.get("/<code>/publish")
@allow(Role.HQ)
def publishing(code: str) -> ResponseReturnValue:
    """What publishing would bring, by the dry run of this very text, and the form that does it."""
    load_query()
    with current_database().reading() as session:
        day, draft = read_day(session, None), get_draft(session, code)
        checked = check_text(session, draft.document, code)
        run = newest_dry_run(session, code)
        its, plan = is_of(run, checked), plan_of_code(session, code)
        found = tried(session, run) if its else None
        document = checked.document
        return render(
            "plan_publish",
            day=day,
            code=code,
            draft=draft,
            checked=checked,
            preview=preview_for(session, document, plan.id if plan else None, day) if document else None,
            run=run if its else None,
            tried=found,
            stores=stores_to_name(session),
            days=DAYS,
        )


@draft_pages.post("/<code>/publish")
@allow(Role.HQ)
def publish(code: str) -> AnyResponse:
    """Put the draft in force, everywhere or in some stores."""
    load_query()
    asked, by = load_form(PUBLISH), current_actor().associate_id
    if not asked["confirmed"]:
        raise Invalid("not_confirmed", place="confirmed")

    def put_in_force(session: Session) -> Version:
        store_ids = store_ids_of(session, asked["stores"])
        began_with, note = _instant(asked["began_with"]), asked["note"]
        return publish_draft(session, code, began_with, store_ids=store_ids, by=by, note=note)

    version = current_database().in_transaction(put_in_force)
    ref = current_public_ids().encode("plan", version.plan_id)
    log.warning("plan_published", code=code, version=version.number, by=by)
    return redirect(f"{HOME}/{ref}/releases", 303)


def _editor(
    session: Session, code: str, text: str, draft: PlanDraft | None, *, overtaken: bool = False
) -> str:
    plan = plan_of_code(session, code)
    names = names_of_people(session, [draft.edited_by] if draft else [])
    day, checked = read_day(session, None), check_text(session, text, code)
    document = checked.document
    values: dict[str, Any] = {
        "day": day,
        "code": code,
        "text": text,
        "lines": text.splitlines(),
        "checked": checked,
        "preview": preview_for(session, document, plan.id if plan else None, day) if document else None,
        "draft": draft,
        "edited_by": names.get(draft.edited_by or 0, "") if draft else "",
        "plan": plan,
        "numbers": numbers_of(session, plan.id) if plan else [],
        "theirs": changed_lines(text, draft.document) if draft and overtaken else [],
        "overtaken": overtaken,
        "handbook": handbook(session),
    }
    return render("plan_draft", **values)


def _right(session: Session, code: str) -> Checked:
    """The draft as it is now. Raises `Invalid` for the first mistake in it."""
    checked = check_text(session, get_draft(session, code).document, code)
    if checked.mistakes:
        raise checked.mistakes[0].error
    return checked


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid("invalid", place="began_with") from error
    if found.tzinfo is None:
        raise Invalid("invalid", place="began_with")
    return found
