"""Which host stands for what: a phone is a host of its own, `<userid>.localhost`, so that the cookies
and stores of two phones are apart; the app's hosts follow from the toolbar's address."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import urlsplit

from app.sandbox.settings import Settings

PHONE_DOMAIN = "localhost"
# Phones side by side are below one name, so that to a browser they are one site: a page framed in a frame
# of another site gets no SameSite=Lax cookie, and the toolbar could not sign in there.
TOGETHER = "phones"
TOGETHER_DOMAIN = f"{TOGETHER}.{PHONE_DOMAIN}"

_PLAIN = re.compile(r"[a-z0-9]([a-z0-9_\-]{0,61}[a-z0-9])?")
_ENCODED = "x--"
_CUSTOMER = "c--"


def label_of(userid: str) -> str:
    """The host label of a member: the id in lower case, or an encoding when no label can spell it."""
    lowered = userid.lower()
    if _PLAIN.fullmatch(lowered) and not lowered.startswith((_ENCODED, _CUSTOMER)) and lowered != TOGETHER:
        return lowered
    return _ENCODED + _encoded(lowered)


def customer_label_of(external_userid: str) -> str:
    """The host label of a customer's phone; ids of customers are told apart by case, so they are encoded."""
    return _CUSTOMER + _encoded(external_userid)


def userid_of(host: str) -> str | None:
    """The member whose phone this host (with or without port) is; None for any other host."""
    label = _phone_label(host)
    if label is None or label.startswith(_CUSTOMER):
        return None
    return _decoded(label.removeprefix(_ENCODED)) if label.startswith(_ENCODED) else label


def customer_of(host: str) -> str | None:
    """The external_userid of the customer whose phone this host is; None for any other host."""
    label = _phone_label(host)
    return _decoded(label.removeprefix(_CUSTOMER)) if label and label.startswith(_CUSTOMER) else None


def is_together(host: str) -> bool:
    """Whether the host is the page of phones side by side, or a phone on it."""
    name = _name(host)
    return name == TOGETHER_DOMAIN or name.endswith("." + TOGETHER_DOMAIN)


def phone_domain(host: str) -> str:
    """What stands behind the label of a phone reached from this host, with its port."""
    return (TOGETHER_DOMAIN if is_together(host) else PHONE_DOMAIN) + port_of(host)


def chooser_url(host: str) -> str:
    """Where one chooses a phone, seen from any host of the sandbox."""
    return f"http://{PHONE_DOMAIN}{port_of(host)}/"


def port_of(host: str) -> str:
    """The port of a Host header with its colon, or nothing."""
    name, colon, port = host.rpartition(":")
    return colon + port if name and port.isdigit() else ""


def toolbar_url_of(settings: Settings, label: str, host: str) -> str:
    """The toolbar's address on the phone of this label, where the phone itself is reached by `host`."""
    return settings.toolbar_url.replace("{userid}", f"{label}.{TOGETHER}" if is_together(host) else label)


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


def _name(host: str) -> str:
    return (host.rsplit(":", 1)[0] if ":" in host else host).lower()


def _phone_label(host: str) -> str | None:
    name = _name(host)
    for domain in (TOGETHER_DOMAIN, PHONE_DOMAIN):
        label = name.removesuffix(f".{domain}")
        if label != name:
            return None if "." in label or label == TOGETHER else label
    return None


def _encoded(text: str) -> str:
    return base64.b32encode(text.encode()).decode().rstrip("=").lower()


def _decoded(encoded: str) -> str | None:
    text = encoded.upper()
    try:
        return base64.b32decode(text + "=" * (-len(text) % 8)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
