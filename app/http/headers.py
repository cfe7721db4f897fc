"""Security headers of every answer, and the line each request leaves in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter

import structlog
from flask import Flask, Response, g, request

log = structlog.get_logger()


@dataclass(frozen=True)
class PagePolicy:
    """What pages may load and who may frame them.

    `scripts` are origins beside our own, `framed_by` origins by path prefix; `https` adds HSTS.
    """

    scripts: tuple[str, ...] = ()
    framed_by: Mapping[str, str] = field(default_factory=dict)
    https: bool = False

    def content_policy(self, path: str) -> str:
        """The Content-Security-Policy of the page at this path: nothing inline, nothing evaluated."""
        ancestors = next((who for prefix, who in self.framed_by.items() if path.startswith(prefix)), "'none'")
        scripts = " ".join(("'self'", *self.scripts))
        return (
            f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            f"form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
        )


def install_headers(app: Flask, policy: PagePolicy) -> None:
    """Set the headers on every answer and log every request by its route, never by its query."""

    def start() -> None:
        g.started = perf_counter()

    def finish(response: Response) -> Response:
        _protect(response, policy)
        _log(response)
        return response

    app.before_request(start)
    app.after_request(finish)


def _protect(response: Response, policy: PagePolicy) -> None:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", policy.content_policy(request.path))
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers.setdefault("Cache-Control", "no-store")
    if policy.https:
        headers["Strict-Transport-Security"] = "max-age=31536000"


def _log(response: Response) -> None:
    took_ms = round((perf_counter() - g.started) * 1000, 1) if "started" in g else None
    route = request.url_rule.rule if request.url_rule else ""
    log.info("request", method=request.method, route=route, status=response.status_code, ms=took_ms)
