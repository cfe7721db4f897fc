"""A member answered a text message. Who refuses is opted out, as by one tap of 勿扰; anything else is a reply.

A number may be several members' (families share one), and the gateway may also work for others of the chain. A refusal
counts for all of the members, whatever message it answers; a reply for those whom we wrote to not long before.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.follow_ups.series.happenings import happen
from app.follow_ups.series.opting_out import opt_out_members
from app.follow_ups.texting.models import SmsMessage
from app.follow_ups.texting.rules import ANSWERED_WITHIN, CLOCKS_APART
from app.member_events.models import MemberEventKind
from app.member_events.rules import ReplyWay, short_key
from app.member_events.service import NewEvent
from app.members.models import Member
from app.members.service import lock_members
from app.stores.queries import hours_of


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as far as it matters: the gateway's number of it, when it was sent, and whether it refuses."""

    answer_id: str
    sent_at: datetime
    refuses: bool


def keep_answer(session: Session, member_ids: Collection[int], answer: Answer, now: datetime) -> None:
    """Let it count for the members whose number it came from, once however often it is told."""
    lock_members(session, member_ids)
    at = min(answer.sent_at, now)
    if answer.refuses:  # first, so that what it ends is ended by that
        opt_out_members(session, member_ids, now)
    theirs = member_ids if answer.refuses else _written_to(session, member_ids, at)
    happen(session, _replies(session, theirs, answer, at), now)


def _written_to(session: Session, member_ids: Collection[int], at: datetime) -> set[int]:
    """Those to whom a message of ours went out not long before."""
    query = select(SmsMessage.member_id).where(
        SmsMessage.member_id.in_(sorted(member_ids)),
        SmsMessage.sent_at <= at + CLOCKS_APART,
        SmsMessage.sent_at >= at - ANSWERED_WITHIN,
    )
    return set(session.scalars(query.distinct()))


def _replies(session: Session, member_ids: Collection[int], answer: Answer, at: datetime) -> list[NewEvent]:
    query = select(Member.id, Member.store_id).where(Member.id.in_(sorted(member_ids))).order_by(Member.id)
    rows = session.execute(query).all()
    hours = hours_of(session, {row.store_id for row in rows})
    return [
        NewEvent(
            member_id=row.id,
            kind=MemberEventKind.REPLY,
            key=short_key("sms", answer.answer_id),
            store_id=row.store_id,
            associate_id=None,
            happened_at=at,
            happened_on=hours[row.store_id].local_date(at),
            time_known=True,
            data={"how": ReplyWay.SMS, "opts_out": answer.refuses},
        )
        for row in rows
    ]
