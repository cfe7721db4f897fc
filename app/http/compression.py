"""Compressed answers: phones are often on slow networks, and text shrinks to a fourth.

A page that holds a secret and repeats what somebody else chose must not let its length tell the secret (BREACH):
the CSRF token, the one secret on our pages, is masked anew for each answer.
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

TEXTS = frozenset({"text/html", "application/json", "application/problem+json"})
SMALLEST_BYTES = 800
LEVEL = 6


def install_compression(app: Flask) -> None:
    """Compress whole text answers of some length for whoever takes gzip."""
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if response.mimetype not in TEXTS or response.is_streamed or response.direct_passthrough:
        return response
    response.vary.add("Accept-Encoding")
    body = response.get_data()
    if len(body) < SMALLEST_BYTES or not request.accept_encodings["gzip"]:
        return response
    if "Content-Encoding" in response.headers:
        return response
    response.set_data(gzip.compress(body, LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    return response
