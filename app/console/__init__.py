"""The console of headquarters (总部), in a browser. Every page works without JavaScript."""

from __future__ import annotations

from flask import Flask

from app.console.attention import attention_pages
from app.console.organisation import organisation_pages
from app.console.pages import pages
from app.console.plans import plan_pages
from app.console.plans_drafts import draft_pages
from app.console.quarantine import quarantine_pages
from app.console.reconciliation import reconciliation_pages
from app.console.results import results_pages
from app.console.syncs import sync_pages


def register(app: Flask) -> None:
    """Add these routes."""
    app.register_blueprint(pages)
    app.register_blueprint(attention_pages)
    app.register_blueprint(plan_pages)
    app.register_blueprint(draft_pages)
    app.register_blueprint(quarantine_pages)
    app.register_blueprint(reconciliation_pages)
    app.register_blueprint(sync_pages)
    app.register_blueprint(organisation_pages)
    app.register_blueprint(results_pages)
