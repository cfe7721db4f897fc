"""A small chain whose people leave and whose members get other owners."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from sqlalchemy import select

from app import clock
from app.associates.models import Associate
from app.associates.service import bring_back, end_associate
from app.db import Database
from app.follow_ups.models import FollowUpTask
from app.handover.leaving import hand_over_due
from app.inbound.events import OwnerNamed
from app.lanes import Deadline
from app.members.models import Member, OwnerChange
from app.members.service import NewContact, bind_contacts, members_by_code
from app.timers import Lane, Timer
from app.worklist.models import WorkItem
from tests.intake.wecom.conftest import Desk
from tests.world import at


class Has(NamedTuple):
    """Who has a task, on which channel, in what state, and whether its words name them."""

    whose: str
    channel: str
    state: str
    in_their_words: bool


class House(Desk):
    """The chain, WeCom in memory, and what a test here does with both."""

    def befriend(self, code: str, userid: str) -> None:
        """Somebody else is the member's contact too."""
        with self.database.transaction() as session:
            member_id = members_by_code(session, [code])[code]
            contact = NewContact(f"wm-{code}", code, member_id, self.world.person(userid).id)
            bind_contacts(session, [contact], clock.now(session))

    def name(self, code: str, userid: str, when: str, ref: str = "") -> str:
        """Headquarters says whose a member is; what became of the report."""
        event = OwnerNamed(ref or f"{code}-{when}", "S1", code, userid, at(when), True)
        (result,) = self.world.report(event)
        return result.code or result.status

    def leave(self, userid: str) -> None:
        """They leave, and somebody looks after their work."""
        with self.database.transaction() as session:
            end_associate(session, session.get_one(Associate, self.world.person(userid).id))
        self.hand_over()

    def come_back(self, userid: str) -> None:
        with self.database.transaction() as session:
            bring_back(session, session.get_one(Associate, self.world.person(userid).id))

    def hand_over(self) -> int:
        """The lane."""
        return hand_over_due(self.database, Deadline(60)).done

    def owner(self, code: str) -> str | None:
        """Whose the member is."""
        with self.database.reading() as session:
            owner_id = session.scalars(
                select(Member.owner_id).where(Member.id == members_by_code(session, [code])[code])
            ).one()
            return session.get_one(Associate, owner_id).wecom_userid if owner_id else None

    def tasks(self, code: str) -> list[Has]:
        """The member's tasks, by opening."""
        query = (
            select(FollowUpTask, WorkItem, Associate)
            .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
            .join(Associate, Associate.id == WorkItem.assignee_id)
            .order_by(FollowUpTask.id)
        )
        with self.database.reading() as session:
            mine = query.where(WorkItem.member_id == members_by_code(session, [code])[code])
            return [
                Has(who.wecom_userid, task.channel, item.state, f"店{who.name}" in task.text)
                for task, item, who in session.execute(mine)
            ]

    def history(self) -> list[tuple[str, int | None, int | None]]:
        """Changes of owners, as they were recorded."""
        with self.database.reading() as session:
            rows = session.scalars(select(OwnerChange).order_by(OwnerChange.id))
            return [(row.why, row.from_id, row.to_id) for row in rows]

    def looks(self) -> int:
        """How many looks at people are still to come."""
        with self.database.reading() as session:
            return len(session.scalars(select(Timer.subject_id).where(Timer.lane == Lane.HANDOVER)).all())


@pytest.fixture
def house(database: Database) -> House:
    """A member of `owner`'s with a task of theirs open since half past two."""
    made = House(database)
    made.world.member("c1")
    made.world.sleep_until("2026-03-01 14:00")
    made.world.buy("c1", "2026-03-01 14:00")
    made.world.live_until("2026-03-01 14:30")
    return made
