"""What the composition root put together, typed, for the routes of every face."""

from __future__ import annotations

from flask import current_app

from app.db import Database
from app.public_ids import PublicIds


def current_database() -> Database:
    """The process's database."""
    found: Database = current_app.extensions["database"]
    return found


def current_public_ids() -> PublicIds:
    """The permutation that hides ids in addresses."""
    found: PublicIds = current_app.extensions["public_ids"]
    return found
