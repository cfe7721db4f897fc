"""隔离区: what could not be applied, in words, and trying it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog
from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as AnyResponse

from app.aside import all_aside
from app.associates.models import Role
from app.console import queries
from app.console.quarantine_words import ABOUT, LANE, SOURCE, cause_of, kind_of
from app.console.views import read_day
from app.errors import NotFound
from app.follow_ups.taking_up import ask_to_take_up, troubled_jobs
from app.http import NO_FIELDS, allow, load_form, load_query
from app.http.parts import current_database, current_public_ids
from app.http.refs import read_ref
from app.inbound.models import INTERNAL, SMS_GATEWAY, WECOM, Inbound
from app.intake.quarantine import retry_events
from app.intake.refusals import reason_of, reasons
from app.intake.sifting import EventResult, EventStatus
from app.sessions import current_actor
from app.wecom.callbacks import BadCallback, WeComEvent

quarantine_pages = Blueprint(
    "console_quarantine", __name__, url_prefix="/console/quarantine", template_folder="templates"
)
log = structlog.get_logger()


class Outcome(StrEnum):
    """What trying an event again came to."""

    APPLIED = "applied"
    DUE = "due"  # from WeCom: the inbox lane takes it from here
    REFUSED = "refused"
    STAYED = "stayed"
    GONE = "gone"  # somebody else was faster


OUTCOME = {
    Outcome.APPLIED: _("It is applied and has left the quarantine."),
    Outcome.DUE: _("It is queued again and applied within seconds; if that fails, it comes back here."),
    Outcome.REFUSED: _("It stays: it is refused."),
    Outcome.STAYED: _("It failed again and stays. Its reason stands below."),
    Outcome.GONE: _("It is no longer in quarantine."),
}


class QuarantineSchema(Schema):
    """`before`: where the page before ended. `outcome` and `code`: what the retry that led here came to."""

    before = fields.String(load_default="")
    outcome = fields.Enum(Outcome, by_value=True, load_default=None)
    code = fields.String(load_default="", validate=validate.OneOf(["", *reasons()]))


QUARANTINE = QuarantineSchema()


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """An event as the page shows it; `key` and `reason` are the original texts."""

    id: int
    kind: str
    about: str
    source: str
    received_at: datetime
    cause: str
    key: str
    reason: str


@quarantine_pages.get("")
@allow(Role.HQ)
def quarantine() -> ResponseReturnValue:
    """Events that could not be applied, each with its likely cause."""
    asked = load_query(QUARANTINE)
    before = read_ref("inbound", asked["before"]) if asked["before"] else None
    with current_database().reading() as session:
        day = read_day(session, None)
        stored, further = queries.quarantined(session, before)
        works, jobs = all_aside(session), troubled_jobs(session)
    return render_template(
        "console/quarantine.html",
        page="quarantine",
        actor=current_actor(),
        ref_of=current_public_ids().encode,
        day=day,
        rows=[_row(one) for one in stored],
        further=further,
        paged=before is not None,
        works=works,
        jobs=jobs,
        lanes=LANE,
        said=_said(asked["outcome"], asked["code"]),
        stayed=asked["outcome"] in (Outcome.REFUSED, Outcome.STAYED),
    )


@quarantine_pages.post("/<ref>/retry")
@allow(Role.HQ)
def retry(ref: str) -> AnyResponse:
    """Try one event again, as scripts/quarantine does; twice applies it once."""
    load_query()
    load_form(NO_FIELDS)
    inbound_id = read_ref("inbound", ref)
    results = [result for _event, result in retry_events(current_database(), [inbound_id])]
    outcome, code = _outcome(results[0]) if results else (Outcome.GONE, "")
    log.info("quarantine_retried", by=current_actor().associate_id, inbound_id=inbound_id, outcome=outcome)
    told = f"&code={code}" if code in reasons() else ""
    return redirect(f"/console/quarantine?outcome={outcome}{told}", 303)


@quarantine_pages.post("/aside/<ref>/retry")
@allow(Role.HQ)
def retry_work(ref: str) -> AnyResponse:
    """Have work that was set aside taken up again; twice does it once."""
    load_query()
    load_form(NO_FIELDS)
    work_id, by = read_ref("work", ref), current_actor().associate_id
    try:
        with current_database().transaction() as session:
            ask_to_take_up(session, work_id, by)
    except NotFound:
        return redirect(f"/console/quarantine?outcome={Outcome.GONE}", 303)
    log.info("work_taken_up", by=by, work_id=work_id)
    return redirect(f"/console/quarantine?outcome={Outcome.DUE}", 303)


def _outcome(result: EventResult | None) -> tuple[Outcome, str]:
    if result is None:
        return Outcome.DUE, ""
    if result.status is EventStatus.REFUSED:
        return Outcome.REFUSED, result.code
    return (Outcome.STAYED if result.status is EventStatus.QUARANTINED else Outcome.APPLIED), ""


def _said(outcome: Outcome | None, code: str) -> str:
    if outcome is None:
        return ""
    reason = reason_of(code)
    why = reason.en if str(get_locale()) == "en" else reason.zh
    return f"{OUTCOME[outcome]} {why}".strip()


def _row(stored: Inbound) -> QuarantineRow:
    source, reason = str(SOURCE.get(stored.source, stored.source)), stored.reason
    return QuarantineRow(
        stored.id,
        kind_of(stored.event_key),
        _about(stored),
        source,
        stored.received_at,
        cause_of(reason),
        stored.event_key,
        reason,
    )


def _about(stored: Inbound) -> str:
    """Whom or what it is about, by number or account; empty where it cannot be told."""
    if stored.source in (INTERNAL, SMS_GATEWAY):
        return ""
    if stored.source != WECOM:
        return str(gettext("No. %(ref)s", ref=stored.event_key.partition(":")[2]))
    try:
        event = WeComEvent.decode(stored.payload)
    except BadCallback:
        return ""
    return next((f"{text} {event.text(name)}" for name, text in ABOUT.items() if event.text(name)), "")
