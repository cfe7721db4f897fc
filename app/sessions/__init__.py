"""Who is at the other end of a face: signing in through WeCom, the session cookie, the `Actor` of a request.

Each face has its own cookie, so a person's toolbar and console are two identities. Sessions live in the database:
signing out, leaving the chain and a used-up sign-in take effect with the next request.
"""

from __future__ import annotations

from flask import Flask

from app.sessions.flow import CONSOLE, H5, csrf_token, current_actor, install_sign_in
from app.sessions.mini_program import install_mini_program
from app.sessions.origins import own_origin

__all__ = ["CONSOLE", "H5", "csrf_token", "current_actor", "install_sessions", "own_origin"]


def install_sessions(app: Flask) -> None:
    """Identify the person before each request of a face, and serve every way to sign in and out."""
    install_sign_in(app)
    install_mini_program(app)
