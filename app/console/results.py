"""效果: what follow-ups bring. Attribution (what followed a task) and uplift (what there would not have been without)
stand apart; every number opens the people or the entries behind it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session

from app.associates.models import Role
from app.console.queries import get_person
from app.console.results_views import (
    SPANS,
    arms_of,
    better_than,
    counted_last,
    effects,
    funnel_steps,
    get_plan,
    main_currency,
    month_after,
    month_before,
    months_of,
    names_of,
    plan_rows,
    tiles,
    titles_of,
    whom,
)
from app.console.results_words import ARM, REACHED, SIDE, Side
from app.console.views import FIRST_DAY, read_day
from app.follow_ups.measuring.counting import WINDOWS
from app.follow_ups.measuring.following import ANY_PLAN
from app.follow_ups.measuring.measured import counted_span, measure
from app.follow_ups.measuring.members_behind import Found, Sought, members_behind
from app.follow_ups.measuring.results import Months, Reached
from app.follow_ups.measuring.sales import ROWS as SALES_ROWS
from app.follow_ups.measuring.sales import (
    Booked,
    by_associate,
    by_script,
    count_entries,
    entries,
    total_of,
)
from app.follow_ups.states import Evidence
from app.http import allow, load_query
from app.http.parts import current_database, current_public_ids
from app.http.refs import read_ref
from app.pages.parts import PageSchema, part_of
from app.sessions import current_actor

results_pages = Blueprint(
    "console_results", __name__, url_prefix="/console/results", template_folder="templates"
)

DEFAULT_WINDOW, DEFAULT_SPAN = 30, 12


class SpanSchema(Schema):
    """`window`: days a member is followed after entering; `span`: months of entering, up to this one."""

    window = fields.Integer(load_default=DEFAULT_WINDOW, validate=validate.OneOf(WINDOWS))
    span = fields.Integer(load_default=DEFAULT_SPAN, validate=validate.OneOf(SPANS))


class PlanSchema(SpanSchema, PageSchema):
    """`evidence`: the weakest proof that counts; `month`: any day of the month whose attributed sales are shown."""

    evidence = fields.Enum(Evidence, by_value=True, load_default=Evidence.SELF_DECLARED)
    month = fields.Date(load_default=None, validate=validate.Range(min=FIRST_DAY))


class MembersSchema(SpanSchema):
    """Which of those who entered, and `after` whom: the enrollment at which the page before ended."""

    side = fields.Enum(Side, by_value=True, required=True)
    reached = fields.Enum(Reached, by_value=True, load_default=Reached.NOTHING)
    replied = fields.Boolean(load_default=False)
    bought = fields.Boolean(load_default=False)
    compared = fields.Boolean(load_default=False)
    after = fields.String(load_default="")


class SalesSchema(PlanSchema):
    """Whose entries: one associate's, or one script's at one step, or all."""

    associate = fields.String(load_default="")
    step = fields.String(load_default="", validate=validate.Length(max=32))
    script = fields.String(load_default="", validate=validate.Length(max=64))


SPAN, PLAN, MEMBERS, SALES = SpanSchema(), PlanSchema(), MembersSchema(), SalesSchema()


@results_pages.get("")
@allow(Role.HQ)
def results() -> ResponseReturnValue:
    """What all follow-ups bring together, and each plan by itself."""
    asked = load_query(SPAN)
    with current_database().reading() as session:
        day = read_day(session, None)
        months = months_of(day.today, ANY_PLAN, asked["window"], asked["span"])
        shown = _shown(session, months)
        rows = plan_rows(session, months, shown["currency"])
    return _render("results", asked, day=day, rows=rows, **shown)


@results_pages.get("/<ref>")
@allow(Role.HQ)
def plan(ref: str) -> ResponseReturnValue:
    """One plan: how far members came, what it brings, and which purchases followed its tasks."""
    asked, plan_id = load_query(PLAN), read_ref("plan", ref)
    with current_database().reading() as session:
        day, its = read_day(session, None), get_plan(session, plan_id)
        months = months_of(day.today, plan_id, asked["window"], asked["span"])
        shown = _shown(session, months)
        month = min(asked["month"] or day.today, day.today).replace(day=1)
        booked = Booked(plan_id, month, month_after(month), better_than(asked["evidence"]))
        total = total_of(session, booked)
        people, number = by_associate(session, booked, asked["page"])
        scripts = by_script(session, booked)
        titles = titles_of(session, plan_id, {row.name for row in scripts})
    shown["steps"] = funnel_steps(shown["measured"], plan_id, asked["evidence"])
    return _render(
        "plan_results",
        asked,
        day=day,
        plan=its,
        ref=ref,
        month=month,
        months=(month_before(month), month_after(month) if month_after(month) <= day.today else None),
        total=total,
        people=people,
        part=part_of(asked["page"], SALES_ROWS, len(people), number),
        scripts=scripts,
        titles=titles,
        evidence=asked["evidence"],
        grades=list(Evidence),
        **shown,
    )


@results_pages.get("/members")
@allow(Role.HQ)
def members_of_all() -> ResponseReturnValue:
    """The people behind a number over all plans."""
    return _members(ANY_PLAN, "")


@results_pages.get("/<ref>/members")
@allow(Role.HQ)
def members(ref: str) -> ResponseReturnValue:
    """The people behind a number of one plan."""
    return _members(read_ref("plan", ref), ref)


@results_pages.get("/<ref>/sales")
@allow(Role.HQ)
def sales(ref: str) -> ResponseReturnValue:
    """The ledger's entries behind a sum."""
    asked, plan_id = load_query(SALES), read_ref("plan", ref)
    associate_id = read_ref("associate", asked["associate"]) if asked["associate"] else None
    with current_database().reading() as session:
        day, its = read_day(session, None), get_plan(session, plan_id)
        month = min(asked["month"] or day.today, day.today).replace(day=1)
        booked = Booked(
            plan_id,
            month,
            month_after(month),
            better_than(asked["evidence"]),
            associate_id,
            asked["step"] or None,
            asked["script"],
        )
        rows = entries(session, booked, asked["page"])
        part = part_of(asked["page"], SALES_ROWS, len(rows), count_entries(session, booked))
        total, currency = total_of(session, booked), main_currency(session)
        titles = titles_of(session, plan_id, {row.script_code for row in rows})
        who = get_person(session, associate_id).name if associate_id is not None else ""
    return _render(
        "result_sales", asked, day=day, plan=its, ref=ref, month=month, rows=rows, part=part,
        total=total, currency=currency, who=who, evidence=asked["evidence"], titles=titles,
    )  # fmt: skip


def _members(plan_id: int, ref: str) -> ResponseReturnValue:
    asked = load_query(MEMBERS)
    after = read_ref("enrollment", asked["after"]) if asked["after"] else None
    with current_database().reading() as session:
        day = read_day(session, None)
        its = get_plan(session, plan_id) if plan_id != ANY_PLAN else None
        span = counted_span(session, months_of(day.today, plan_id, asked["window"], asked["span"]))
        found = Found([], None)
        if span is not None:
            sought = Sought(
                plan_id,
                asked["window"],
                *span,
                arms=arms_of(plan_id, asked["side"]),
                reached=asked["reached"],
                replied=asked["replied"],
                bought=asked["bought"],
                compared=asked["compared"],
            )
            found = members_behind(session, sought, day.now, after)
        names, currency = names_of(session, found.rows), main_currency(session)
    return _render(
        "result_members", asked, day=day, plan=its, ref=ref, span_days=span, found=found, names=names,
        currency=currency, side=asked["side"], paged=after is not None,
    )  # fmt: skip


def _shown(session: Session, months: Months) -> dict[str, Any]:
    """What is measured, over all plans or for one."""
    measured, currency = measure(session, months), main_currency(session)
    return {
        "measured": measured,
        "currency": currency,
        "effects": effects(measured, currency) if measured else [],
        "tiles": tiles(measured, currency),
        "steps": funnel_steps(measured, months.plan_id, Evidence.SELF_DECLARED),
        "whom": whom(months.plan_id),
        "counted": counted_last(session, months.window_days),
    }


def _render(page: str, asked: dict[str, Any], **values: Any) -> str:
    keep = {"window": asked["window"], "span": asked["span"]}
    asked_again = request.args.to_dict()
    for turn in ("page", "after"):
        asked_again.pop(turn, None)
    return render_template(
        f"console/{page}.html",
        page=page,
        actor=current_actor(),
        ref_of=current_public_ids().encode,
        window=asked["window"],
        span=asked["span"],
        windows=WINDOWS,
        spans=SPANS,
        keep=keep,
        sought=asked_again,
        arm_words=ARM,
        reached_words=REACHED,
        side_words=SIDE,
        **values,
    )
