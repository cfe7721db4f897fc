"""placeholder"""

from flask import Flask


def register(app: Flask) -> None:
    """Add these routes."""
