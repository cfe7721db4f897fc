"""Reading input: one schema, unknown fields refused, wherever they stand."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import Schema, fields

from app.errors import Invalid

NO_FIELDS = Schema()


def load_query(schema: Schema = NO_FIELDS) -> dict[str, Any]:
    """The query string through the schema. Raises `ValidationError` for unknown, repeated or wrong fields."""
    for name, values in request.args.lists():
        if len(values) > 1:
            raise Invalid("repeated_field", place=name)
    loaded: dict[str, Any] = schema.load(request.args.to_dict())
    return loaded


def load_json(schema: Schema) -> dict[str, Any]:
    """The JSON body through the schema. Raises `ValidationError`, or `Invalid` for a body that is no JSON object."""
    body = request.get_json(silent=True) if request.is_json else None
    if not isinstance(body, dict):
        raise Invalid("not_json")
    loaded: dict[str, Any] = schema.load(body)
    return loaded


def load_form(schema: Schema) -> dict[str, Any]:
    """A form's fields through the schema; its lists are fields sent more than once. Raises `ValidationError`.

    The CSRF token was checked before and is left out.
    """
    sent: dict[str, Any] = {}
    for name, values in request.form.lists():
        if name == "csrf_token":
            continue
        if isinstance(schema.fields.get(name), fields.List):
            sent[name] = values
        elif len(values) > 1:
            raise Invalid("repeated_field", place=name)
        else:
            sent[name] = values[0]
    loaded: dict[str, Any] = schema.load(sent)
    return loaded
