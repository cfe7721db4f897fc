"""Moments (朋友圈) and those kept out: whatever an associate publishes, all their customers see.

WeCom can narrow a moment down by customer tags only, so neither who is held out, nor who wants none, nor who had enough
can be kept from one. A plan that measures what it brings, or a chain that measures what everything brings, has none.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.follow_ups.plans.documents import Document
from app.follow_ups.plans.releases import in_force
from app.follow_ups.plans.versions import versions
from app.follow_ups.states import Channel


def has_moments(document: Document) -> bool:
    """Whether a step of it is a moment."""
    return any(step.channel is Channel.MOMENT for step in document.steps)


def plans_with_moments(session: Session) -> list[str]:
    """The names of plans in force that have one."""
    known = versions(session, in_force(session).version_ids()).values()
    return sorted({one.document.name for one in known if has_moments(one.document)})
