"""Putting the sandbox together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from flask import Flask, Response

from app.sandbox.api import api
from app.sandbox.calls import World
from app.sandbox.clock import VirtualClock, real_time
from app.sandbox.control import control
from app.sandbox.guard import protect
from app.sandbox.logins import logins
from app.sandbox.phone import phone
from app.sandbox.settings import Settings
from app.sandbox.store import Store


def create_sandbox(settings: Settings, real_now: Callable[[], int] = real_time) -> Flask:
    """The sandbox over its state file, which is made when missing. `real_now` gives microseconds."""
    app = Flask(__name__)
    store = Store(settings.state)
    app.extensions["sandbox"] = World(settings, store, VirtualClock(store, real_now))
    app.extensions["sandbox_calls"] = Counter()
    app.register_blueprint(api)
    app.register_blueprint(control)
    app.register_blueprint(logins)
    app.register_blueprint(phone)

    def protected(response: Response) -> Response:
        return protect(response, settings)

    app.after_request(protected)
    return app
