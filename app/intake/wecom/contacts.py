"""change_external_contact: whatever happened between an associate and a customer, the contact is read anew.

One thing a look cannot show: a customer who deleted the associate is still shown as their contact (facts 3.4). So what
events tell is kept as newest instants, see `app.members.rules`.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from app import clock
from app.intake.handlers import Handler
from app.members.contacts import Sight, people_by_userid, write_sight
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
NOT_SEEN = 40096  # nobody whom this app may see has them
KIND = {ADDED: "bound_at", HALF_ADDED: "half_at", DELETED: "deleted_at", LOST: "lost_at"}

log = structlog.get_logger(__name__)


def look_at_contact(wecom: WeComPort, external_userid: str) -> Contact | None:
    """The contact as WeCom shows it now; None where nobody whom the app may see has them. Raises as the port does."""
    try:
        return wecom.contacts.get(external_userid)
    except WeComRejected as error:
        if error.errcode == NOT_SEEN:
            return None
        raise


def write_contact(session: Session, sight: Sight, now: datetime) -> list[str]:
    """Write a look down with the tags it shows; returns what changed, one word per binding looked at."""
    written = write_sight(session, sight, now)
    marked = {each.id: each.tag_ids for each in written if each.tag_ids is not None}
    put_tags(session, marked)
    return [each.change.value for each in written]


def _look(wecom: WeComPort, event: WeComEvent) -> Contact | None:
    return look_at_contact(wecom, event.text("ExternalUserID"))


def _apply(session: Session, event: WeComEvent, contact: Contact | None) -> None:
    userid, external_userid = event.text("UserID").lower(), event.text("ExternalUserID")
    associate_id = people_by_userid(session, [userid]).get(userid)
    if associate_id is None:
        log.info("contact_of_unknown_account", change=event.change, wecom_userid=userid)
        told, asked = {}, set()
    else:
        told, asked = {associate_id: _told(event)}, {associate_id}
    write_contact(session, Sight(external_userid, contact, asked, told), clock.now(session))


def _told(event: WeComEvent) -> Told:
    kind = KIND.get(event.change)
    return Told(**{kind: clock.instant_of(event.created_at_s)}) if kind else Told()


CONTACT = Handler(_look, _apply)
