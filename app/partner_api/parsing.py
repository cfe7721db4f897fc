"""Reads a request's body strictly and says of everything that is wrong where it stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar, cast

from flask import Request
from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import UnsupportedMediaType, abort

from app.errors import Invalid
from app.http.problems import problem

F = TypeVar("F", bound=Callable[..., Any])


class StrictParser(FlaskParser):
    """JSON only; no field twice, no NaN, no depth that would break the parser; errors as a list of places."""

    def _raw_load_json(self, req: Request) -> Any:
        if not req.is_json:
            raise UnsupportedMediaType
        try:
            return json.loads(req.get_data(cache=True), parse_constant=_refuse, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise Invalid("not_json") from error

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **_more: Any) -> NoReturn:
        """Answer 422 with every place that is wrong."""
        messages = error.messages_dict
        places = [
            {"place": place, "message": message} for place, message in _places(messages.get("json", messages))
        ]
        abort(problem(422, "invalid", place=places[0]["place"], errors=places))


class StrictBlueprint(Blueprint):  # type: ignore[misc]
    """A documented blueprint whose bodies are read by `StrictParser`."""

    ARGUMENTS_PARSER = StrictParser()


def typed(decorator: Any) -> Callable[[F], F]:
    """An untyped decorator that keeps the type of what it decorates."""
    return cast("Callable[[F], F]", decorator)


def _places(messages: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            step = "" if name == "_schema" else str(name)
            yield from _places(inner, ".".join(part for part in (path, step) if part))
    else:
        for message in messages if isinstance(messages, list) else [messages]:
            yield path, str(message)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        names = [name for name, _ in pairs]
        raise Invalid("repeated_field", place=next(name for name in names if names.count(name) > 1))
    return read


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
