"""change_external_contact: whatever happened between an associate and a customer, the contact is read anew.

One thing a look cannot show: a customer who deleted the associate is still shown as their contact (facts 3.4). So what
events tell is kept as newest instants, see `app.members.rules`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.handover.transfers import follow_transfers
from app.intake.handlers import Handler
from app.intake.wecom.member_news import hold_members, tell_of_contact
from app.members.contacts import Change, Sight, contact_versions, people_by_userid, write_sight
from app.members.rules import Told
from app.tagging.service import put_tags
from app.wecom.apis.contacts import Contact
from app.wecom.callbacks import WeComEvent
from app.wecom.errors import WeComRejected
from app.wecom.port import WeComPort

ADDED = "add_external_contact"
HALF_ADDED = "add_half_external_contact"
DELETED = "del_external_contact"
LOST = "del_follow_user"
BY_TRANSFER = (
    "DELETE_BY_TRANSFER"  # who had the customer has them no more, because the corp gave them to another
)
NOT_SEEN = 40096  # nobody whom this app may see has them
KIND = {ADDED: "bound_at", HALF_ADDED: "half_at", DELETED: "deleted_at", LOST: "lost_at"}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SeenContact:
    """The contact as WeCom showed it, None where nobody whom the app may see has them; `version` was ours before."""

    contact: Contact | None
    version: int


def look_at_contact(database: Database, wecom: WeComPort, external_userid: str) -> SeenContact:
    """The contact now. Raises as the port does."""
    with database.reading() as session:
        version = contact_versions(session, [external_userid]).get(external_userid, 0)
    try:
        return SeenContact(wecom.contacts.get(external_userid), version)
    except WeComRejected as error:
        if error.errcode == NOT_SEEN:
            return SeenContact(None, version)
        raise


def write_contact(
    session: Session, sight: Sight, now: datetime, *, transferred: Collection[int] = ()
) -> list[str]:
    """Write a look down with the tags it shows; returns what changed, one word per binding looked at.

    As `note_contact`; besides, a member whom WeCom gave to somebody else has that owner then.
    """
    member_id, changes = note_contact(session, sight, now, transferred=transferred)
    if member_id is not None:
        follow_transfers(session, [member_id], now, told_of=transferred)
    return changes


def note_contact(
    session: Session, sight: Sight, now: datetime, *, transferred: Collection[int] = ()
) -> tuple[int | None, list[str]]:
    """Write a look down as `write_contact` does, but for whose the member is; returns the member and what changed.

    Of a member's contact, who ended it and which tags it gained go to the follow-ups. Tags that a contact had when it
    was first seen are none that it gained. Of those who are told to have lost them by a transfer (`transferred`) nobody
    has ended anything. Raises `StaleSight` where somebody wrote since the look.
    """
    member_id = hold_members(session, [sight.external_userid]).get(sight.external_userid)
    written = write_sight(session, sight, now)
    marked = {each.id: each.tag_ids for each in written if each.tag_ids is not None}
    put_on = put_tags(session, marked)
    if member_id is not None:
        were_there = {each.id for each in written if each.change is not Change.ADDED}
        gained = {tag_id for binding_id, tag_id in put_on if binding_id in were_there}
        told = {who: its for who, its in sight.told.items() if who not in transferred}
        tell_of_contact(session, member_id, told, gained, now)
    return member_id, [each.change.value for each in written]


def contact_handler(database: Database) -> Handler:
    """The handler of every change of a contact."""

    def look(wecom: WeComPort, event: WeComEvent) -> SeenContact:
        return look_at_contact(database, wecom, event.text("ExternalUserID"))

    return Handler(look, _apply)


def _apply(session: Session, event: WeComEvent, seen: SeenContact) -> None:
    userid, external_userid = event.text("UserID").lower(), event.text("ExternalUserID")
    associate_id = people_by_userid(session, [userid]).get(userid)
    asked: set[int] = set()
    told: dict[int, Told] = {}
    if associate_id is None:
        log.info("contact_of_unknown_account", change=event.change, wecom_userid=userid)
    else:
        asked = {associate_id}
        # An event that tells of no relation makes none, e.g. a hand-over that the customer refused.
        told = {associate_id: its} if (its := _told(event)) != Told() else {}
    sight = Sight(external_userid, seen.contact, asked, told, seen.version)
    transferred = asked if event.text("Source") == BY_TRANSFER else ()
    write_contact(session, sight, clock.now(session), transferred=transferred)


def _told(event: WeComEvent) -> Told:
    kind = KIND.get(event.change)
    return Told(**{kind: clock.instant_of(event.created_at_s)}) if kind else Told()
