"""Refusals: `app.errors`, wrong input, HTTP's own errors and an overloaded database become one shape.

Programs get problem+json (RFC 9457) with a stable `code`; a person's browser gets a page that says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from flask import Flask, Response, jsonify, make_response, render_template, request
from marshmallow import ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from app.http.database_trouble import code_of, is_passing
from app.http.validation import in_readers_language, places
from app.http.words import explain

STATUS: dict[type[DomainError], int] = {NotFound: 404, Forbidden: 403, Conflict: 409, Invalid: 422}
MEDIA_TYPES = ("application/problem+json", "application/json", "text/html")
CODES = {
    400: "bad_request",
    401: "signed_out",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "not_json",
    422: "invalid",
    503: "overloaded",
}
RETRY_AFTER_S = "2"
MOST_LISTED = 20
LONGEST_STATEMENT = 500
log = structlog.get_logger()


def install_problems(app: Flask) -> None:
    """Answer every error in one shape; call after the faces, whose libraries bring handlers of their own."""
    app.register_error_handler(DomainError, _domain)
    app.register_error_handler(ValidationError, _validation)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(PoolTimeout, _overloaded)


def problem(
    status: int, code: str, *, place: str = "", errors: Any = None, details: Mapping[str, Any] | None = None
) -> Response:
    """A refusal: `place` names the field or object at fault; `errors`, nested by field or flat, becomes a flat list.

    `details` are what a program may want to know besides.
    """
    title = explain(code, status)
    wrong = [
        {"place": where, "message": in_readers_language(message)} for where, message in places(errors or [])
    ]
    if wants_page():
        listed = wrong or ([{"place": place, "message": ""}] if status == 422 and place else [])
        page = render_template(
            "error.html",
            status=status,
            code=code,
            title=title,
            start=_start_of(request.path),
            errors=listed[:MOST_LISTED],
        )
        return make_response(page, status)
    body = {"type": "about:blank", "title": title, "status": status, "code": code}
    extras = {"place": place, "errors": wrong, "details": details}
    response = jsonify({**body, **{name: value for name, value in extras.items() if value}})
    response.status_code = status
    response.mimetype = "application/problem+json"
    return response


def wants_page() -> bool:
    """True where a person is looking: their browser prefers HTML."""
    return request.accept_mimetypes.best_match(MEDIA_TYPES) == "text/html"


def _start_of(path: str) -> str:
    """The first page of the face a path belongs to: the page itself may be what is wrong."""
    return next((start for start in ("/h5/", "/console/") if path.startswith(start)), "/")


def _domain(error: DomainError) -> Response:
    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    return problem(status, error.code, place=error.place, details=_jsonable(error.details))


def _validation(error: ValidationError) -> Response:
    return problem(422, "invalid", place=_first_place(error.messages), errors=error.messages)


def _http(error: HTTPException) -> Response:
    if isinstance(error.response, Response):
        return error.response
    status = error.code or 500
    data: Mapping[str, Any] = getattr(error, "data", None) or {}  # webargs hangs its messages here
    errors = data.get("messages")
    response = problem(status, CODES.get(status, "error"), place=_first_place(errors), errors=errors)
    for name, value in error.get_headers(request.environ):
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _database(error: DBAPIError) -> Response:
    """What passes asks for patience; anything else is our fault, written down without people's values."""
    if is_passing(error):
        return _overloaded(error)
    statement = (error.statement or "")[:LONGEST_STATEMENT]
    log.error(
        "database_error",
        route=_route(),
        error=type(error.orig or error).__name__,
        code=code_of(error),
        statement=statement,
    )
    return problem(500, "error")


def _overloaded(error: DBAPIError | PoolTimeout) -> Response:
    reason = error.orig if isinstance(error, DBAPIError) else None
    code = code_of(error) if isinstance(error, DBAPIError) else ""
    log.error("database_unavailable", route=_route(), error=type(reason or error).__name__, code=code)
    response = problem(503, "overloaded")
    response.headers["Retry-After"] = RETRY_AFTER_S
    return response


def _first_place(messages: Any) -> str:
    """The path to the first wrong field, as `events.3.amount`."""
    return next((place for place, _message in places(messages or [])), "")


def _jsonable(details: Mapping[str, object]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, int | str | list | dict) else str(value)
        for name, value in details.items()
    }


def _route() -> str:
    return request.url_rule.rule if request.url_rule else ""
