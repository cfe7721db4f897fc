"""打扰预算: how much of people's attention may be taken, pausing everything, and what was more than people could do."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _
from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app.associates.models import Associate, Role
from app.console import queries
from app.console.attention_hours import Left, stores_with_little, without_any
from app.console.queries import count_members
from app.console.views import FIRST_DAY, read_day
from app.errors import Invalid
from app.follow_ups.measuring.counting import WINDOWS
from app.follow_ups.measuring.holding_out import WHOLE
from app.follow_ups.plans.moments import plans_with_moments
from app.http import NO_FIELDS, allow, load_form, load_query
from app.http.parts import current_database, current_public_ids
from app.http.refs import read_ref
from app.pages.parts import FilterSchema, PageSchema, part_of
from app.sessions import current_actor
from app.worklist.attention import pause, resume
from app.worklist.editing import (
    Wanted,
    budget_row,
    edit_budget,
    latest_pauses,
    latest_shares,
    set_hold_out,
)
from app.worklist.models import OverflowKind
from app.worklist.overflows import ROWS, count_overflows, overflow_by_store, overflows_of

attention_pages = Blueprint(
    "console_attention", __name__, url_prefix="/console/attention", template_folder="templates"
)

HOME = "/console/attention"
WALL_CLOCK = "%H:%M"
STORES_NAMED = 20
MOST_HELD_OUT = 200  # per mille: more would cost more than knowing it better is worth
KIND = {
    OverflowKind.MOVED: _("given to a colleague"),
    OverflowKind.POSTPONED: _("put off to another day"),
    OverflowKind.CALLED: _("called by a colleague instead"),
    OverflowKind.DROPPED: _("dropped"),
}
EQUAL = _(
    "They end as they begin. Where nothing is to be quiet, let them lie in the night, while stores are closed."
)
log = structlog.get_logger()


class BudgetSchema(Schema):
    """What HQ sets; times are local to each store. `confirmed`: few hours left to some of them are meant."""

    quiet_from = fields.Time(required=True, format=WALL_CLOCK)
    quiet_until = fields.Time(required=True, format=WALL_CLOCK)
    cap_days = fields.Integer(required=True, validate=validate.Range(1, 90))
    cap_touches = fields.Integer(required=True, validate=validate.Range(0, 50))
    daily_capacity = fields.Integer(required=True, validate=validate.Range(1, 1_000))
    urge_after_minutes = fields.Integer(required=True, validate=validate.Range(10, 7 * 24 * 60))
    escalate_after_minutes = fields.Integer(required=True, validate=validate.Range(10, 30 * 24 * 60))
    confirmed = fields.Boolean(load_default=False)

    @validates_schema
    def check_quiet_hours(self, data: dict[str, Any], **_fields: Any) -> None:
        """Whether that is no time at all or the whole day nobody can tell."""
        if data.get("quiet_from") == data.get("quiet_until"):
            raise ValidationError(str(EQUAL), "quiet_until")


class ShareSchema(Schema):
    """Which share of a thousand members is to be kept out of everything."""

    per_mille = fields.Integer(required=True, validate=validate.Range(0, MOST_HELD_OUT))


class HoldOutSchema(ShareSchema):
    """And that this is meant, by whoever read what it changes when it was `instead_of`."""

    instead_of = fields.Integer(required=True, validate=validate.Range(0, WHOLE))
    confirmed = fields.Boolean(load_default=False)


class DaySchema(FilterSchema):
    """`day`: a local date, today where none is given."""

    day = fields.Date(load_default=None, validate=validate.Range(min=FIRST_DAY))


class OverflowsSchema(DaySchema, PageSchema):
    """Of which store, and what became of them."""

    store = fields.String(required=True, validate=validate.Length(max=32))
    kind = fields.Enum(OverflowKind, by_value=True, required=True)


BUDGET, DAY, OVERFLOWS = BudgetSchema(), DaySchema(), OverflowsSchema()
SHARE, HOLD_OUT = ShareSchema(), HoldOutSchema()


@attention_pages.get("")
@allow(Role.HQ)
def attention() -> ResponseReturnValue:
    """The budget as it is, who changed it, when everything was paused, and what was too much today."""
    asked = load_query(DAY)
    with current_database().reading() as session:
        day = read_day(session, asked["day"])
        budget, pauses, shares = budget_row(session), latest_pauses(session), latest_shares(session)
        people = [budget.edited_by, *(share.began_by for share in shares)]
        names = _names(session, people + [who for one in pauses for who in (one.began_by, one.ended_by)])
        stores = overflow_by_store(session, *day.bounds)
    return _render(
        "attention",
        day=day,
        budget=budget,
        pauses=pauses,
        shares=shares,
        names=names,
        stores=stores,
        most=MOST_HELD_OUT,
    )


@attention_pages.post("")
@allow(Role.HQ)
def save() -> ResponseReturnValue:
    """Change it, unless other quiet hours leave a store no time to ask, or little that nobody has said is meant."""
    load_query(NO_FIELDS)
    form = load_form(BUDGET)
    is_meant, wanted = form.pop("confirmed"), Wanted(**form)
    with current_database().transaction() as session:
        few = _left_with_little(session, wanted)
        never = without_any(few)
        is_saved = not never and (is_meant or not few)
        if is_saved:
            edit_budget(session, wanted, current_actor().associate_id)
    if not is_saved:
        sent = BUDGET.dump(form)
        page = _render(
            "quiet_hours", wanted=wanted, few=few, never=never, sent=sent, most_listed=STORES_NAMED
        )
        return page, 422
    log.info("attention_budget_edited", by=current_actor().associate_id)
    return redirect(HOME, 303)


@attention_pages.get("/hold-out")
@allow(Role.HQ)
def hold_out() -> ResponseReturnValue:
    """What another share kept out of everything would change, before it does."""
    asked = load_query(SHARE)
    with current_database().reading() as session:
        share, members = budget_row(session).hold_out_per_mille, count_members(session)
        plans = plans_with_moments(session)
    return _render(
        "hold_out", asked=asked["per_mille"], share=share, members=members, plans=plans, windows=WINDOWS
    )


@attention_pages.post("/hold-out")
@allow(Role.HQ)
def keep_out() -> AnyResponse:
    """Change it."""
    load_query(NO_FIELDS)
    wanted, by = load_form(HOLD_OUT), current_actor().associate_id
    if not wanted["confirmed"]:
        raise Invalid("not_confirmed", place="confirmed")
    with current_database().transaction() as session:
        set_hold_out(session, wanted["per_mille"], by, instead_of=wanted["instead_of"])
    log.warning("hold_out_changed", by=by, per_mille=wanted["per_mille"], instead_of=wanted["instead_of"])
    return redirect(HOME, 303)


@attention_pages.post("/pause")
@allow(Role.HQ)
def pause_everything() -> AnyResponse:
    """Nothing is opened, urged or pushed until somebody resumes."""
    load_query(NO_FIELDS)
    load_form(NO_FIELDS)
    with current_database().transaction() as session:
        pause(session, current_actor().associate_id)
    log.warning("everything_paused", by=current_actor().associate_id)
    return redirect(HOME, 303)


@attention_pages.post("/resume")
@allow(Role.HQ)
def resume_everything() -> AnyResponse:
    """Go on with what is still worth it."""
    load_query(NO_FIELDS)
    load_form(NO_FIELDS)
    with current_database().transaction() as session:
        resume(session, current_actor().associate_id)
    log.warning("everything_resumed", by=current_actor().associate_id)
    return redirect(HOME, 303)


@attention_pages.get("/overflows")
@allow(Role.HQ)
def overflows() -> ResponseReturnValue:
    """The tasks behind one of the numbers, the most valuable first."""
    asked, page = load_query(OVERFLOWS), load_query(OVERFLOWS)["page"]
    store_id, kind = read_ref("store", asked["store"]), asked["kind"]
    with current_database().reading() as session:
        day = read_day(session, asked["day"])
        shop = queries.get_store_by_id(session, store_id)
        rows = overflows_of(session, *day.bounds, store_id, kind, page)
        part = part_of(page, ROWS, len(rows), count_overflows(session, *day.bounds, store_id, kind))
    keep = {"day": day.on.isoformat(), "store": asked["store"], "kind": kind.value}
    return _render("overflows", day=day, store=shop, rows=rows, part=part, kind=kind, keep=keep)


def _left_with_little(session: Session, wanted: Wanted) -> list[Left]:
    """What is in force already is not asked about again: other limits can be changed beside it."""
    row = budget_row(session)
    if (row.quiet_from, row.quiet_until) == (wanted.quiet_from, wanted.quiet_until):
        return []
    return stores_with_little(session, wanted.quiet_from, wanted.quiet_until)


def _names(session: Session, ids: list[int | None]) -> dict[int | None, str]:
    people = (session.get(Associate, who) for who in {who for who in ids if who is not None})
    return {person.id: person.name for person in people if person is not None}


def _render(page: str, **values: Any) -> str:
    return render_template(
        f"console/{page}.html",
        page=page,
        actor=current_actor(),
        ref_of=current_public_ids().encode,
        kinds=KIND,
        **values,
    )
