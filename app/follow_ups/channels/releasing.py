"""Taking members out of group sends that nobody has made yet."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import table_of
from app.follow_ups.channels.models import OrderState, SendOrder, SendTarget, TargetState
from app.follow_ups.states import Channel

NOT_MADE = (OrderState.GATHERING, OrderState.READY)


def release_unmade(session: Session, task_ids: Collection[int]) -> set[int]:
    """Take these tasks out of their orders and return those for which that was in time: WeCom will not have them.

    Locks the orders, after the members whom callers hold, so that none of them is made meanwhile.
    """
    targets, orders = table_of(SendTarget), table_of(SendOrder)
    query = select(targets.c.task_id, targets.c.order_id).where(
        targets.c.task_id.in_(sorted(task_ids)), targets.c.state == TargetState.WAITING
    )
    its: dict[int, int] = dict(session.execute(query).all()) if task_ids else {}
    if not its:
        return set()
    locked = select(orders.c.id, orders.c.state, orders.c.channel).where(
        orders.c.id.in_(sorted(its.values()))
    )
    unmade = {
        row.id
        for row in session.execute(locked.order_by(orders.c.id).with_for_update())
        if row.state in NOT_MADE and row.channel == Channel.GROUP_SEND
    }
    released = {task_id for task_id, order_id in its.items() if order_id in unmade}
    if released:
        ours = update(targets).where(targets.c.task_id.in_(sorted(released)))
        session.connection().execute(ours.values(state=TargetState.RELEASED))
    return released
