"""POST /partner/v1/purchases and /events: what another system reports, each item counted once."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from flask import Response, current_app, g, request
from flask_babel import get_locale
from flask_babel import lazy_gettext as _
from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.errors import Invalid
from app.http import PARTNER, allow, load_query
from app.http.parts import current_database
from app.http.problems import problem
from app.members.dates import PURPOSE
from app.members.phones import PURPOSE as OF_PHONES
from app.partner_api import idempotency
from app.partner_api.event_examples import event_answer, event_batches
from app.partner_api.event_reporting import Keys, report_happenings
from app.partner_api.event_schemas import EVENT_BATCH, EventAnswerSchema
from app.partner_api.examples import Scene, answer, batches
from app.partner_api.idempotency import Claim, InFlight, StoredAnswer
from app.partner_api.keys import Partner, find_partner
from app.partner_api.parsing import StrictBlueprint, typed
from app.partner_api.reporting import report
from app.partner_api.schemas import BATCH, AnswerSchema, ProblemSchema
from app.sealing import Keyring

MAX_BODY_BYTES = 5 * 1024 * 1024
KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
MAX_KEY = 128
PROBLEM = {"schema": ProblemSchema, "content_type": "application/problem+json"}
HEADERS = [
    {
        "in": "header",
        "name": KEY_HEADER,
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
        "description": _("Yours to choose, new for every request; repeat a request with the same key."),
    }
]

Work = Callable[[Database, Partner], dict[str, Any]]
F = TypeVar("F", bound=Callable[..., Any])

partner = StrictBlueprint("partner_api", __name__, url_prefix="/partner/v1", template_folder="templates")


@partner.before_request  # type: ignore[untyped-decorator]
def identify_partner() -> Response | None:
    """Before the body is read: whose key this is. 401 for a wrong one."""
    request.max_content_length = MAX_BODY_BYTES
    with current_database().reading() as session:
        found = find_partner(session, request.headers.get("Authorization", ""))
    if found is None:
        response = problem(401, "wrong_api_key")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    g.partner = found
    return None


RESPONSES = (
    (401, _("The API key is missing, wrong or ended.")),
    (409, _("The same request is being worked on: see Retry-After.")),
    (413, _("More than 5 MB.")),
    (415, _("The body is not application/json.")),
    (422, _("Something in the request is wrong; nothing was applied.")),
    (503, _("The database is busy: see Retry-After, then repeat.")),
)


def _refusals(view: F) -> F:
    """Every way in which a request as a whole is refused, for the documentation."""
    for status, description in reversed(RESPONSES):
        view = typed(partner.alt_response(status, **PROBLEM, description=description))(view)
    return view


@typed(partner.route("/purchases", methods=["POST"]))
@allow(PARTNER)
@typed(partner.doc(parameters=HEADERS, security=[{"apiKey": []}], summary=_("Report purchases and refunds")))
@typed(partner.arguments(BATCH, examples=batches(Scene())))
@typed(
    partner.response(200, AnswerSchema, description=_("What became of every item."), example=answer(Scene()))
)
@_refusals
def report_purchases(batch: dict[str, Any]) -> Response:
    """Each item counts once by its number; one that is refused leaves the others alone."""
    keys = _keys(OF_PHONES)
    return _once(lambda database, who: report(database, keys, who.source, batch, in_chinese=_in_chinese()))


@typed(partner.route("/events", methods=["POST"]))
@allow(PARTNER)
@typed(
    partner.doc(parameters=HEADERS, security=[{"apiKey": []}], summary=_("Report what happened to members"))
)
@typed(partner.arguments(EVENT_BATCH, examples=event_batches(Scene())))
@typed(
    partner.response(
        200, EventAnswerSchema, description=_("What became of every item."), example=event_answer(Scene())
    )
)
@_refusals
def report_events(batch: dict[str, Any]) -> Response:
    """Each item counts once by its number; one that is refused leaves the others alone."""
    keys = Keys(_keys(PURPOSE), _keys(OF_PHONES))
    return _once(
        lambda database, who: report_happenings(database, keys, who.source, batch, in_chinese=_in_chinese())
    )


def _keys(purpose: bytes) -> Keyring:
    return Keyring(current_app.extensions["settings"].secret_keys, purpose)


def _once(work: Work) -> Response:
    """The answer to a request, or the one it had when it came before (see idempotency)."""
    load_query()
    database, who = current_database(), _partner()
    key, body_hash = idempotency.hash_of(_key()), idempotency.hash_of(request.get_data())
    claimed = database.in_transaction(lambda session: idempotency.claim(session, who.key_id, key, body_hash))
    if isinstance(claimed, Claim):
        response = _work(database, who, claimed, work)
        if response is not None:
            return response
        # Somebody took over because we were slow; what they answer is the answer.
        claimed = database.in_transaction(
            lambda session: idempotency.claim(session, who.key_id, key, body_hash)
        )
    return _repeat(claimed)


def _work(database: Database, who: Partner, mine: Claim, work: Work) -> Response | None:
    try:
        results = work(database, who)
    except SQLAlchemyError:
        with suppress(SQLAlchemyError), database.transaction() as session:
            idempotency.release(session, mine)
        raise
    body = json.dumps(results, ensure_ascii=False)
    kept = database.in_transaction(lambda session: idempotency.record(session, mine, 200, body))
    return Response(body, 200, mimetype="application/json") if kept else None


def _repeat(found: StoredAnswer | InFlight | Claim) -> Response:
    if isinstance(found, StoredAnswer):
        return Response(
            found.body, found.status, mimetype="application/json", headers={REPLAYED_HEADER: "true"}
        )
    response = problem(409, "in_flight", place=KEY_HEADER)
    response.headers["Retry-After"] = str(found.retry_after_s if isinstance(found, InFlight) else 1)
    return response


def _key() -> bytes:
    key = request.headers.get(KEY_HEADER, "")
    if not 1 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
        raise Invalid("idempotency_key", place=KEY_HEADER)
    return key.encode()


def _in_chinese() -> bool:
    return str(get_locale()) != "en"


def _partner() -> Partner:
    who: Partner = g.partner
    return who
