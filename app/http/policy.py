"""Who may call a route. Every route says so with `@allow(...)`; one that does not is refused, and fails the build."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, request

from app.errors import Forbidden

F = TypeVar("F", bound=Callable[..., Any])

ANYONE = "anyone"  # no identity at all
PARTNER = "partner"  # another system, known by its API key
TRAVEL_KEY = "travel_key"  # the sandbox, asking for a fast-forward
_ATTRIBUTE = "allowed"


def allow(*who: str) -> Callable[[F], F]:
    """Declare who may call the view (or view class) below: roles, or one of the names above.

    The declaration is kept by `functools.wraps`, so it may stand at any place among decorators.
    """
    names = frozenset(str(name) for name in who)
    if not names:
        raise ValueError("allow() needs at least one name")

    def declare(view: F) -> F:
        setattr(view, _ATTRIBUTE, names)
        return view

    return declare


def policy_of(app: Flask, endpoint: str) -> frozenset[str] | None:
    """What the endpoint declares; None where it declares nothing."""
    view = app.view_functions[endpoint]
    declared = getattr(view, _ATTRIBUTE, None) or getattr(getattr(view, "view_class", None), _ATTRIBUTE, None)
    return declared if isinstance(declared, frozenset) else None


def allowed() -> frozenset[str]:
    """Who may call the route of this request. Raises `Forbidden` for one that declares nothing."""
    declared = policy_of(current_app, request.endpoint) if request.endpoint else frozenset({ANYONE})
    if declared is None:
        raise Forbidden("route_without_policy", place=str(request.endpoint))
    return declared


def refuse_undeclared() -> None:
    """Before each request: a forgotten declaration closes the route instead of opening it."""
    allowed()
