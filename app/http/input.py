"""Reading input: one schema; unknown fields are refused, wherever they stand, and so is what is no text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _
from marshmallow import Schema, ValidationError, fields

from app.errors import Invalid

NO_FIELDS = Schema()
# Control characters but those that part lines and columns, and halves of letters, which no database stores.
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
NO_TEXT = _("This is not valid text.")


def load_query(schema: Schema = NO_FIELDS) -> dict[str, Any]:
    """The query string through the schema. Raises `ValidationError` for unknown, repeated or wrong fields."""
    for name, values in request.args.lists():
        if len(values) > 1:
            raise Invalid("repeated_field", place=name)
    return _load(schema, request.args.to_dict())


def load_json(schema: Schema) -> dict[str, Any]:
    """The JSON body through the schema. Raises `ValidationError`, or `Invalid` for a body that is no JSON object."""
    try:
        body = request.get_json(silent=True) if request.is_json else None
    except RecursionError:  # brackets within brackets, thousands deep: nothing of ours
        body = None
    if not isinstance(body, dict):
        raise Invalid("not_json")
    return _load(schema, body)


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
    return _load(schema, sent)


def _load(schema: Schema, sent: Mapping[str, Any]) -> dict[str, Any]:
    unwritable = {name: [NO_TEXT] for name, value in sent.items() if not _is_text(value)}
    if unwritable:
        raise ValidationError(unwritable)
    loaded: dict[str, Any] = schema.load(sent)
    return loaded


def _is_text(sent: Any) -> bool:
    """Whether somebody can have written every text in it, however deep it stands."""
    parts = [sent]
    while parts:
        part = parts.pop()
        if isinstance(part, str) and UNWRITABLE.search(part):
            return False
        if isinstance(part, Mapping | list):
            parts += part.values() if isinstance(part, Mapping) else part
    return True
