"""What commands say on standard error where they cannot do their work."""

from __future__ import annotations

import sys

from sqlalchemy.exc import SQLAlchemyError


def database_failed(error: SQLAlchemyError, code: int, advice: str = "") -> int:
    """Say in the database's own words what went wrong, without the statement; returns the exit code given.

    Which code that is each command documents: some keep 1 for what they found out.
    """
    sys.stderr.write(f"database: {getattr(error, 'orig', None) or error}\n{advice}")
    return code
