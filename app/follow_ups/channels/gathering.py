"""Putting tasks that fall due into orders: members of one step, associate and time with the same words make one.

In firing's transaction, so that a task and what is to be ordered for it are there together, or neither is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import insert_rows
from app.follow_ups.channels.models import ASKED_ABOUT, FINAL, OrderState, SendOrder, SendTarget, TargetState
from app.follow_ups.channels.rules import GATHER, MOST_MEMBERS, key_of, month_of
from app.follow_ups.states import Channel, StepReason
from app.ids import new_ids
from app.members.models import ContactBinding, ExternalContact
from app.members.queries import live_bindings
from app.timers import Lane, TimerKey, set_timers
from app.worklist.models import WorkState
from app.worklist.service import close_items


@dataclass(frozen=True, slots=True)
class Ask:
    """A task that WeCom is to have done by `associate_id`, with the final words for its member."""

    channel: Channel
    plan_version_id: int
    step_no: int
    task_id: int
    work_item_id: int
    member_id: int
    associate_id: int
    associate: str
    store_id: int
    title: str
    text: str
    valid_until: datetime
    day: str  # the local date

    @property
    def key(self) -> str:
        """What belongs together. A moment is seen by everybody, so one of a day serves whoever comes later too."""
        window = self.day if self.channel is Channel.MOMENT else self.valid_until.isoformat()
        step = (self.channel, self.plan_version_id, self.step_no)
        return key_of(*step, self.associate_id, window, self.text)


def gather(session: Session, asks: Sequence[Ask], now: datetime) -> None:
    """Put each into an order that may still be joined, or into a new one.

    Callers hold the members and the associates' balance schedules, which keeps two from making the same order, and have
    made sure that there are words that WeCom takes.
    """
    contacts = _contacts(session, asks)
    rest = [ask for ask in asks if ask.member_id in contacts]
    # No contact any more, since a moment ago.
    _close(session, set(asks) - set(rest), StepReason.NO_CHANNEL, now)
    if not rest:
        return
    by_key: dict[str, list[Ask]] = {}
    for ask in rest:
        by_key.setdefault(ask.key, []).append(ask)
    joined = _join(session, by_key, now)
    orders, targets = [], []
    ids = iter(new_ids(session, sum(len(part) // MOST_MEMBERS + 1 for part in by_key.values())))
    for key, part in sorted(by_key.items()):
        room, order_id = joined.get(key, (0, 0))
        targets += [_target(ask, order_id, contacts, now) for ask in part[:room]]
        most = MOST_MEMBERS if part[0].channel is Channel.GROUP_SEND else len(part)
        for start in range(room, len(part), most):
            some, order_id = part[start : start + most], next(ids)
            is_last = start + most >= len(part)
            orders.append(_order(order_id, key if is_last else None, some, now))
            targets += [_target(ask, order_id, contacts, now) for ask in some]
    insert_rows(session, SendOrder, orders)
    insert_rows(session, SendTarget, targets)
    set_timers(session, [(TimerKey(Lane.CONFIRM, row["next_due_at"], row["id"]), None) for row in orders])


def _close(session: Session, asks: Iterable[Ask], reason: str, now: datetime) -> None:
    close_items(session, sorted(ask.work_item_id for ask in asks), WorkState.CANCELLED, reason, now)


def _join(session: Session, by_key: Mapping[str, list[Ask]], now: datetime) -> dict[str, tuple[int, int]]:
    """For each key that has an order: how many may join it, and its id. One that takes no more is open no more."""
    query = select(SendOrder).where(SendOrder.open_key.in_(sorted(by_key))).order_by(SendOrder.id)
    locking = query.with_for_update().execution_options(populate_existing=True)
    joined: dict[str, tuple[int, int]] = {}
    for order in session.scalars(locking):
        assert order.open_key is not None
        part = by_key[order.open_key]
        # A moment is not made longer by who it is for.
        room = len(part) if order.channel == Channel.MOMENT else MOST_MEMBERS - order.size
        joined[order.open_key] = (min(room, len(part)), order.id)
        order.size += min(room, len(part))
        if order.state in ASKED_ABOUT:  # whoever is asking just now does not know of these
            order.fence += 1
        order.valid_until = max([order.valid_until, *(ask.valid_until for ask in part[:room])])
        if room < len(part):
            order.open_key = None
        if order.state in FINAL:  # a moment that is out already: look again who sees it
            order.state, order.next_due_at = OrderState.ORDERED, now + GATHER
            set_timers(session, [(TimerKey(Lane.CONFIRM, order.next_due_at, order.id), None)])
    session.flush()
    return joined


def _contacts(session: Session, asks: Sequence[Ask]) -> dict[int, str]:
    """The member's WeCom id; of several the one whom the associate has."""
    if not asks:
        return {}
    query = (
        live_bindings(ExternalContact.member_id, ContactBinding.associate_id, ExternalContact.external_userid)
        .where(ExternalContact.member_id.in_(sorted({ask.member_id for ask in asks})))
        .order_by(ContactBinding.id.desc())
    )
    found: dict[int, str] = {}
    mine = {(ask.member_id, ask.associate_id) for ask in asks}
    rows = session.execute(query).all()
    for own in (False, True):
        found |= {member: name for member, who, name in rows if member and ((member, who) in mine) is own}
    return found


def _order(order_id: int, key: str | None, asks: Sequence[Ask], now: datetime) -> dict[str, Any]:
    first = asks[0]
    return {
        "id": order_id,
        "channel": first.channel,
        "open_key": key,
        "associate_id": first.associate_id,
        "store_id": first.store_id,
        "title": first.title,
        "text": first.text,
        "speaks_for": first.associate in first.text,
        "size": len(asks),
        "state": OrderState.GATHERING,
        "reason": "",
        "fence": 0,
        "attempts": 0,
        "looks": 0,
        "wecom_id": "",
        "job_id": "",
        "opened_at": now,
        "valid_until": max(ask.valid_until for ask in asks),
        "next_due_at": now + GATHER,
        "claimed_at": None,
        "ordered_at": None,
        "reminded_at": None,
        "same_key": key_of(first.channel, first.text) if first.channel is Channel.MOMENT else "",
        "slot_at": None,
        "call_id": None,
    }


def _target(ask: Ask, order_id: int, contacts: Mapping[int, str], now: datetime) -> dict[str, Any]:
    return {
        "task_id": ask.task_id,
        "order_id": order_id,
        "work_item_id": ask.work_item_id,
        "member_id": ask.member_id,
        "external_userid": contacts[ask.member_id],
        "month": month_of(now) if ask.channel is Channel.GROUP_SEND else "",
        "state": TargetState.WAITING,
        "sent_by": None,
        "sent_at": None,
    }
