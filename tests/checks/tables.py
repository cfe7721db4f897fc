"""The rows that checks of guarantees look at, read whole, and how they are compared."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import HandoverSchedule
from app.db import Base, table_of
from app.follow_ups.channels.models import SendOrder
from app.follow_ups.models import Enrollment, FollowUpTask, PlanSweep, PlanVersion, StepRecord
from app.follow_ups.texting.models import SmsMessage
from app.inbound.models import Inbound, ReceivedEvent
from app.members.models import Sync
from app.messaging.models import DigestSchedule, Notice, OutboundMessage, Welcome
from app.nightly import NightlyJob
from app.orders.models import MemberPurchases, Order, OrderLine, Refund, RefundLine
from app.timers import Timer
from app.worklist.models import BalanceSchedule, WorkItem


class Tables:
    """All rows that matter."""

    def __init__(self, session: Session) -> None:
        def rows(model: type[Base]) -> list[Any]:
            return list(session.execute(select(table_of(model))))

        self.enrollments = rows(Enrollment)
        self.records = rows(StepRecord)
        self.steps: Counter[int] = Counter(
            {row.id: len(json.loads(row.document)["steps"]) for row in rows(PlanVersion)}
        )
        self.tasks, self.items = rows(FollowUpTask), rows(WorkItem)
        self.timers = rows(Timer)
        self.balances, self.sweeps = rows(BalanceSchedule), rows(PlanSweep)
        self.sends, self.nightly = rows(SendOrder), rows(NightlyJob)
        self.handovers, self.texts = rows(HandoverSchedule), rows(SmsMessage)
        self.notices, self.schedules = rows(Notice), rows(DigestSchedule)
        self.messages = rows(OutboundMessage)
        self.orders, self.order_lines = rows(Order), rows(OrderLine)
        self.refunds, self.refund_lines = rows(Refund), rows(RefundLine)
        self.totals = rows(MemberPurchases)
        self.inbound = rows(Inbound)
        self.received, self.welcomes, self.syncs = rows(ReceivedEvent), rows(Welcome), rows(Sync)


def doubled(what: str, keys: Iterable[Hashable]) -> Iterator[str]:
    return (f"{what}: {count} of {key}" for key, count in Counter(keys).items() if count > 1)


def differs(what: str, these: Iterable[Hashable], those: Iterable[Hashable]) -> Iterator[str]:
    """Compared as multisets, so that a double is found as well."""
    left, right = Counter(iter(these)), Counter(iter(those))
    yield from (f"{what}: {key} stands on the left only" for key in left - right)
    yield from (f"{what}: {key} stands on the right only" for key in right - left)
