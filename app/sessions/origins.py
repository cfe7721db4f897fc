"""Our own address: where WeCom may send people back to, and which pages a signature may be made for."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, request


def own_origin() -> str:
    """Scheme, host and port of this installation.

    PUBLIC_URL, whatever the request's Host says; only the sandbox also answers for its phones, `<userid>.localhost`.
    """
    settings = current_app.extensions["settings"]
    public = urlsplit(settings.public_url)
    origin = f"{public.scheme}://{public.netloc}"
    if settings.mode == "sandbox" and _is_phone(request.host, public.port):
        return f"http://{request.host}"
    return origin


def _is_phone(host: str, port: int | None) -> bool:
    parts = urlsplit(f"//{host}")
    name = parts.hostname or ""
    return parts.port == port and (name in ("localhost", "127.0.0.1") or name.endswith(".localhost"))
