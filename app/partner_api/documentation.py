"""The documentation: openapi.json for programs, and a page of our own for people (no script, so the CSP holds)."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, current_app, render_template
from flask_babel import get_locale
from flask_babel.speaklater import LazyString

from app.http import ANYONE, allow, load_query
from app.http.parts import current_database
from app.intake.refusals import Reason, reasons
from app.partner_api.event_examples import event_answer, event_batches
from app.partner_api.examples import Scene, answer, batches, purchase, read_scene

SPEC = "partner_api_spec"
ROUTE, EVENTS = "/partner/v1/purchases", "/partner/v1/events"
# Which refusals an item of the API can meet; the others are about files.
CODES = (
    "unknown_store",
    "unknown_associate",
    "wrong_currency",
    "in_future",
    "not_a_sale",
    "total_differs",
    "refund_before_purchase",
    "amount_too_large",
    "contradicts_stored",
    "not_applicable",
)
HAPPENINGS = (
    *(
        "Join",
        "LevelChange",
        "AfterSales",
        "Visit",
        "Service",
        "Satisfaction",
        "Review",
        "YearlyDay",
        "Owner",
    ),
)
SHOWN = (
    *("Batch", "Purchase", "Refund", "Line", "Answer", "Result", "Problem"),
    *("EventBatch", "EventAnswer", *HAPPENINGS),
)

documentation = Blueprint(
    "partner_documentation", __name__, url_prefix="/partner/v1", template_folder="templates"
)


@documentation.get("/openapi.json")
@allow(ANYONE)
def openapi() -> Response:
    """The API as OpenAPI 3.1, in the reader's language."""
    load_query()
    return Response(json.dumps(describe(_scene()), ensure_ascii=False, indent=1), mimetype="application/json")


@documentation.get("/docs")
@allow(ANYONE)
def docs() -> str:
    """The same as a page, with requests one can copy."""
    load_query()
    scene = _scene()
    spec = describe(scene)
    schemas = spec["components"]["schemas"]
    return render_template(
        "partner_api/docs.html",
        base=current_app.extensions["settings"].public_url.rstrip("/"),
        operation=spec["paths"][ROUTE]["post"],
        schemas={name: fields_of(schemas[name]) for name in SHOWN},
        request_key=f"{scene.on}-0001",
        example=_pretty(purchase(scene)),
        examples=[(str(one["summary"]), _pretty(one["value"])) for one in batches(scene).values()],
        happenings=HAPPENINGS,
        event_examples=[
            (str(one["summary"]), _pretty(one["value"])) for one in event_batches(scene).values()
        ],
        codes=[(code, _in_my_language(reasons()[code])) for code in CODES],
    )


def describe(scene: Scene) -> dict[str, Any]:
    """The OpenAPI document with every text in the reader's language and the examples of a scene."""
    spec = current_app.extensions[SPEC].to_dict()
    for route, requests, answered in (
        (ROUTE, batches(scene), answer(scene)),
        (EVENTS, event_batches(scene), event_answer(scene)),
    ):
        operation = spec["paths"][route]["post"]
        operation["requestBody"]["content"]["application/json"]["examples"] = requests
        operation["responses"]["200"]["content"]["application/json"]["example"] = answered
    schemas = spec["components"]["schemas"]
    for name in ("Purchase", "Refund", *HAPPENINGS):
        schemas[name]["properties"]["store"]["example"] = scene.store
    for name in ("Purchase", "Refund"):
        schemas[name]["properties"]["currency"]["example"] = scene.currency
    plain = _plain(spec)
    assert isinstance(plain, dict)
    del plain["components"]["schemas"]["PaginationMetadata"]  # the library's; nothing here has pages
    return plain


def fields_of(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """What a table shows of every field of an object."""
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "type": _type_of(field),
            "required": name in required,
            "about": field.get("description", ""),
            "limits": _limits_of(field),
        }
        for name, field in schema["properties"].items()
    ]


def _scene() -> Scene:
    with current_database().reading() as session:
        return read_scene(session)


def _type_of(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if field.get("type") == "array":
        return f"{_type_of(field['items'])}[]"
    return str(field.get("type", ""))


def _limits_of(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " · ".join(str(value) for value in field["enum"])
    low = field.get("minimum", field.get("minLength", field.get("minItems")))
    high = field.get("maximum", field.get("maxLength", field.get("maxItems")))
    if low is None and high is None:
        return ""
    if low == high:
        return f"{low:,}"
    return f"{low or 0:,} – {high:,}" if high is not None else f"≥ {low:,}"


def _in_my_language(reason: Reason) -> str:
    return reason.en if str(get_locale()) == "en" else reason.zh


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _plain(value: Any) -> Any:
    """Lazy translations become text; the rest stays."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, LazyString) else value
