"""When text messages are handed over and looked for, and what the law adds to them. Pure."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from datetime import datetime, timedelta
from pathlib import Path

from app.sales_scripts.rules import LINK, unfilled

TEXTS = tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))
REFUSAL: str = TEXTS["refusal"]
REFUSES: dict[str, list[str]] = TEXTS["refuses"]
NOT_A_LETTER = re.compile(r"[\W_]+")
CHARACTERS = 500  # what gateways take in one message, signature included
SIGNATURE = 20
# Who answers so long after the last message meant another one.
ANSWERED_WITHIN = timedelta(days=7)
CLOCKS_APART = timedelta(minutes=1)  # ours and the gateway's, which counts whole seconds
# A claim's life: longer than the port's longest call.
LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 8
# When a message of which nobody knows whether the gateway has it is looked for, after each look.
LOOKS = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20))
# When it is asked whether a message arrived, after each time; networks tell within minutes, or never.
RECEIPTS = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
# Before its task's validity ends it is settled with what is known then.
BEFORE_END = timedelta(minutes=1)


def sms_text(text: str, *, is_service: bool) -> str:
    """What the member reads, without the signature before it."""
    return text if is_service else f"{text.rstrip('。')}{REFUSAL}"


def refuses(words: str) -> bool:
    """True for an answer that wants no more messages: R, TD, 回T退订… in whatever width, case and punctuation."""
    said = NOT_A_LETTER.sub("", unicodedata.normalize("NFKC", words)).upper()
    if any(word in said for word in REFUSES["within"]):
        return True
    for word in REFUSES["before"]:
        said = said.removeprefix(word)
    return said in REFUSES["whole"]


def has_sms_words(text: str, template: str, link: str) -> bool:
    """True where the gateway has a template for it, nothing is left to fill in but a link, and it is not too long."""
    left = set(unfilled(text)) - ({LINK} if link else set())
    return bool(template and text.strip()) and not left and len(text) <= CHARACTERS - SIGNATURE


def next_receipt(asked: int, valid_until: datetime, now: datetime) -> datetime | None:
    """When to ask (again) whether it arrived, having asked so often; None once that is given up."""
    if asked >= len(RECEIPTS):
        return None
    at = min(now + RECEIPTS[asked], valid_until - BEFORE_END)
    return at if at > now else None
