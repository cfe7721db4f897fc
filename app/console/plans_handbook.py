"""编写说明: what may stand in a plan's text, told from what reads it, so that it is never out of date."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.console.plans_words import AGAIN, CHANNEL, PROBLEM, REFUND, TOUCH, TRIGGER, WHO, language
from app.criteria.words import Language
from app.follow_ups.facts import VOCABULARY
from app.follow_ups.states import Channel
from app.follow_ups.triggers.festivals import festivals
from app.sales_scripts.models import SalesScript

MOST_SCRIPTS = 200
BLANKS = {"days": "n", "tag": "…", "dates": "…", "festival": "…"}
Choices = list[tuple[str, str]]


def handbook(session: Session) -> list[tuple[str, Choices]]:
    """By field of the text, what it may say and what that means; a script by its title, a fact by its name."""
    channels = {channel: text for channel, text in CHANNEL.items() if channel is not Channel.INVITE}
    return [
        ("[trigger] on", [(kind.value, str(text) % BLANKS) for kind, text in TRIGGER.items()]),
        ("[trigger] festival", [(name, its.get("zh", "")) for name, its in festivals().items()]),
        ("[stops] refund", _told(REFUND.items())),
        ("[credit] touch", _told(TOUCH.items())),
        ("after", [("", str(PROBLEM["after"]))]),
        ("valid", [("", str(PROBLEM["valid"]))]),
        ("channel", _told(channels.items())),
        ("who", _told(WHO.items())),
        ("on_repurchase", _told(AGAIN.items())),
        ("when", _facts()),
        ("script", _scripts(session)),
    ]


def _told(words: Iterable[tuple[str, object]]) -> Choices:
    return [(str(value), str(text)) for value, text in words]


def _facts() -> Choices:
    if language() is Language.ZH:
        return [(term.zh, term.code) for term in VOCABULARY.terms]
    return [(term.code, "") for term in VOCABULARY.terms]


def _scripts(session: Session) -> Choices:
    query = select(SalesScript.code, SalesScript.title).where(SalesScript.ended_at.is_(None))
    return [
        (code, title) for code, title in session.execute(query.order_by(SalesScript.code).limit(MOST_SCRIPTS))
    ]
