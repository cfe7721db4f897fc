"""What 林晓雯 said and came in for, as her associate noted it."""

from __future__ import annotations

from datetime import timedelta

from app import clock
from app.db import Database
from app.follow_ups.models import Enrollment, FollowUpTask
from app.follow_ups.series.entering import event_name
from app.member_events.models import MemberEventKind
from app.member_events.service import NewEvent, record_events
from tests.faces.chain import Chain

COMMENT = "肩有点紧 <b>"
SAID = "肩有点紧 &lt;b&gt;"


def tell(database: Database, chain: Chain) -> None:
    """She came in and did not buy; then gave two of five, which began the series of the tasks `thanks` and `fit`."""
    with database.transaction() as session:
        now = clock.now(session)
        whose = (chain.stores["S1"], chain.people["lina"])
        visit = {"reason": "size", "tried": ["藏青西装", "风衣"], "size": "52"}
        satisfied = {"score": 2, "comment": COMMENT}
        record_events(
            session,
            [
                NewEvent(chain.members["xiaowen"], kind, "k", *whose, now - ago, now.date(), True, data)
                for kind, ago, data in (
                    (MemberEventKind.VISIT, timedelta(hours=1), visit),
                    (MemberEventKind.SATISFACTION, timedelta(minutes=40), satisfied),
                )
            ],
            now,
        )
        task = session.get_one(FollowUpTask, chain.tasks["thanks"])
        series = session.get_one(Enrollment, task.enrollment_id)
        series.anchor_event = event_name("event", "satisfaction", "k")
