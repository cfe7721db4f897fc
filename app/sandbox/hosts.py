"""Which host stands for what: a phone is a host of its own, `<userid>.localhost`, so that the cookies
and stores of two phones are apart; the app's hosts follow from the toolbar's address."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import urlsplit

from app.sandbox.settings import Settings

PHONE_DOMAIN = "localhost"

_PLAIN = re.compile(r"[a-z0-9]([a-z0-9_\-]{0,61}[a-z0-9])?")
_ENCODED = "x--"


def label_of(userid: str) -> str:
    """The host label of a member: the id in lower case, or an encoding when no label can spell it."""
    lowered = userid.lower()
    if _PLAIN.fullmatch(lowered) and not lowered.startswith(_ENCODED):
        return lowered
    return _ENCODED + base64.b32encode(lowered.encode()).decode().rstrip("=").lower()


def userid_of(host: str) -> str | None:
    """The member whose phone this host (with or without port) is; None for any other host."""
    name = host.rsplit(":", 1)[0] if ":" in host else host
    label, dot, domain = name.lower().partition(".")
    if not dot or domain != PHONE_DOMAIN:
        return None
    return _decoded(label) if label.startswith(_ENCODED) else label


def port_of(host: str) -> str:
    """The port of a Host header with its colon, or nothing."""
    name, colon, port = host.rpartition(":")
    return colon + port if name and port.isdigit() else ""


def toolbar_url_of(settings: Settings, userid: str) -> str:
    """The toolbar's address on this member's phone."""
    return settings.toolbar_url.replace("{userid}", label_of(userid))


def app_origins(settings: Settings) -> list[str]:
    """The app's origins as a Content-Security-Policy writes them: every phone's, and the bare host's."""
    parts = urlsplit(settings.toolbar_url)
    bare = parts.netloc.replace("{userid}.", "")
    return [f"{parts.scheme}://{host}" for host in (bare, *_loopback_twins(bare), f"*.{bare}")]


def is_trusted(settings: Settings, redirect_uri: str) -> bool:
    """Whether the app may be sent a code there: host and port as in the toolbar's address, any phone
    label, and 127.0.0.1 where that is localhost (facts 3.2, 7.3)."""
    wanted = urlsplit(settings.toolbar_url)
    bare = wanted.netloc.replace("{userid}.", "")
    try:
        parts = urlsplit(redirect_uri)
    except ValueError:
        return False
    if parts.scheme != wanted.scheme or "@" in parts.netloc:
        return False
    host = parts.netloc.lower()
    return host in (bare, *_loopback_twins(bare)) or host.endswith("." + bare)


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine; anything else may be a rebound name."""
    name = urlsplit("//" + host).hostname or ""
    return name in ("localhost", "127.0.0.1", "::1") or name.endswith("." + PHONE_DOMAIN)


def _loopback_twins(bare: str) -> list[str]:
    name, colon, port = bare.partition(":")
    return [f"127.0.0.1{colon}{port}"] if name == "localhost" else []


def _decoded(label: str) -> str | None:
    text = label.removeprefix(_ENCODED).upper()
    try:
        return base64.b32decode(text + "=" * (-len(text) % 8)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
