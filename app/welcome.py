"""The address itself: where to go from here, and whether the process can work."""

from __future__ import annotations

from flask import Blueprint, Flask, current_app, jsonify, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import text

from app.db import Database
from app.http import ANYONE, allow, load_query

welcome = Blueprint("welcome", __name__)


def register(app: Flask) -> None:
    """Add these routes."""
    app.register_blueprint(welcome)


@welcome.get("/")
@allow(ANYONE)
def index() -> ResponseReturnValue:
    """Who goes where; the sandbox also shows the way to its phones."""
    load_query()
    settings = current_app.extensions["settings"]
    phones = settings.wecom_oauth_url if settings.mode == "sandbox" else ""
    return render_template("welcome.html", phones=phones)


@welcome.get("/healthz")
@allow(ANYONE)
def health() -> ResponseReturnValue:
    """200 when the database answers; otherwise 503 through the error handlers."""
    load_query()
    database: Database = current_app.extensions["database"]
    with database.reading() as session:
        session.execute(text("SELECT 1"))
    return jsonify(status="ok")
