"""The sandbox's fast-forward: a small face that asks the clock process to live on until some instant.

Registered in sandbox mode only; the caller shows a key. Production has neither the route nor the key.
"""

from __future__ import annotations

from flask import Flask

from app.sandbox_clock.routes import travel


def register(app: Flask) -> None:
    """Add these routes."""
    app.register_blueprint(travel)
