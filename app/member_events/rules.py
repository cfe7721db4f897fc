"""What an event of each kind says, checked: the data of a member event. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import msgspec

LONGEST_KEY = 64
MOST_SKUS = 20


class VisitReason(StrEnum):
    """Why somebody who came bought nothing."""

    PRICE = "price"
    STYLE = "style"
    SIZE = "size"
    OTHER = "other"


class ServiceKind(StrEnum):
    """What was done for the member after a purchase."""

    CARE = "care"
    TAILORING = "tailoring"
    REPAIR = "repair"


class Ender(StrEnum):
    """Who ended a WeCom contact."""

    MEMBER = "member"
    ASSOCIATE = "associate"


class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of one event; what is not known is empty."""


class Joined(_Data, frozen=True):
    """A member joined, `via` a code, a campaign, a till."""

    via: str = ""


class Refunded(_Data, frozen=True):
    """Goods came back."""

    ref: str
    amount_fen: int


class CaseOpened(_Data, frozen=True):
    """An after-sales case was opened."""

    case: str
    about: str = ""


class LevelChanged(_Data, frozen=True):
    """From one level to another; `before` is empty for the first."""

    after: str
    before: str = ""


class Unfriended(_Data, frozen=True):
    """A WeCom contact was ended."""

    by: Ender


class TagGained(_Data, frozen=True):
    """A tag was put on one of the member's contacts."""

    tag: str
    tag_id: str


class Visited(_Data, frozen=True):
    """Came and bought nothing: which articles were tried, and why not."""

    reason: VisitReason = VisitReason.OTHER
    tried: tuple[str, ...] = ()
    size: str = ""


class Served(_Data, frozen=True):
    """Something was done for the member, or is ready to be fetched."""

    service: ServiceKind
    about: str = ""


class Satisfied(_Data, frozen=True):
    """An answer to how satisfied they are: 1 not at all, 5 very."""

    score: int
    comment: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.score <= 5:
            raise ValueError("a score is 1 to 5")


class Reviewed(_Data, frozen=True):
    """A review that is open: nobody has answered it yet. 1 to 5 stars."""

    stars: int
    comment: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.stars <= 5:
            raise ValueError("stars are 1 to 5")


class ReplyWay(StrEnum):
    """How it is known that a member answered."""

    ASSOCIATE = "associate"  # they say so
    LINK = "link"  # a tracked link of ours was opened
    ARCHIVE = "archive"  # the archive of chats (会话存档) has it
    SMS = "sms"  # they answered a text message


class Replied(_Data, frozen=True):
    """The member answered; `how` it is known, and whether they want to hear no more."""

    how: str = ""
    opts_out: bool = False


DATA: dict[str, type[_Data]] = {
    "join": Joined,
    "refund": Refunded,
    "after_sales": CaseOpened,
    "level_change": LevelChanged,
    "unfriended": Unfriended,
    "tag_gained": TagGained,
    "visit": Visited,
    "service": Served,
    "satisfaction": Satisfied,
    "review": Reviewed,
    "reply": Replied,
}


def checked(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of an event of this kind, complete. Raises `ValueError` for what does not belong or is out of range."""
    read = msgspec.convert(dict(data), DATA[kind])
    builtins: dict[str, Any] = msgspec.to_builtins(read)
    return builtins


def short_key(*parts: str) -> str:
    """The parts joined, or, where that is too long for a key, a fingerprint of them."""
    key = ":".join(parts)
    if len(key) <= LONGEST_KEY:
        return key
    return "#" + blake2b(key.encode(), digest_size=24).hexdigest()
