"""Addresses of tracked links, and where they may lead. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.public_ids import PublicIds

KIND = "link"
LONGEST = 512


@dataclass(frozen=True, slots=True)
class LinkMaker:
    """Makes the short address of a task's link; nobody makes one without the installation's secret."""

    public_url: str
    ids: PublicIds = field(repr=False)

    def address_of(self, task_id: int) -> str:
        """E.g. https://example.com/h5/r/abcdefghijklm."""
        return f"{self.public_url.rstrip('/')}/h5/r/{self.ids.encode(KIND, task_id)}"


def is_target(url: str) -> bool:
    """True for an address that members may be led to: https with a host, nobody's name or password in it."""
    if not url.isascii() or len(url) > LONGEST or any(letter.isspace() for letter in url):
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and bool(host) and "@" not in parts.netloc and port in (None, 443)
