"""Who may use the sandbox's own pages and control API, and what its pages may load."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import Response, abort, request

from app.sandbox import hosts
from app.sandbox.settings import Settings


def refuse_strangers() -> None:
    """403 for a caller from another machine, for a Host that is not this machine's (a rebound name),
    and for a page of another origin."""
    if not _is_loopback(request.remote_addr) or not hosts.is_loopback_host(request.host):
        abort(403)
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        abort(403)


def content_policy(settings: Settings, own_host: str) -> str:
    """The Content-Security-Policy of every page here: own scripts and styles, frames of the app and of
    the login it passes through, nothing inline, nothing from outside."""
    port = hosts.port_of(own_host)
    own = f"http://localhost{port} http://*.localhost{port} http://127.0.0.1{port}"
    frames = " ".join(hosts.app_origins(settings))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"frame-src {frames} {own}; frame-ancestors {own}; base-uri 'none'; form-action 'self'"
    )


def protect(response: Response, settings: Settings) -> Response:
    """Set the headers of a page: policy, no sniffing, no referrer, no caching of what is not static."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = content_policy(settings, request.host)
        response.headers["Referrer-Policy"] = "no-referrer"
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False
