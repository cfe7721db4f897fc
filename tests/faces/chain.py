"""A small chain with everything the pages have to show, written as rows: no job has to run for it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate, Role
from app.db import Base, Database
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.versions import Version, publish
from app.follow_ups.states import Channel, EnrollmentState, Evidence, StepOutcome, StepReason
from app.ids import new_id
from app.inbound.models import Inbound, InboundState
from app.intake.models import PurchaseImport
from app.members.models import ContactBinding, ExternalContact, Member, MemberCare
from app.orders.models import MemberPurchases, Order, OrderLine
from app.stores.models import Branch, Store
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import open_items

PLAN = Path(__file__).resolve().parents[2] / "config" / "plans" / "after_purchase.toml"
THANKS = (
    "晓雯姐，您好，我是万象城店的李娜。谢谢您今天过来，"
    "挑的羊毛混纺西装很适合您。到家试穿要是有哪里不合适，直接在这里告诉我，我来帮您处理。"
)
FIT = "晓雯姐，{product}这两天上身了吗？肩膀、袖长、腰身有哪里觉得紧或松，拍张照片给我看看。"
INVITE = "周敏姐您好，我是万象城店的李娜。加我企业微信，之后换季、改衣、到货都可以直接找我。"
YUAN = 100
CLOSED_BY = {WorkState.DONE: "done", WorkState.EXPIRED: "validity_ended"}


@dataclass
class Chain:
    """Ids by the name a test uses."""

    stores: dict[str, int] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    members: dict[str, int] = field(default_factory=dict)
    tasks: dict[str, int] = field(default_factory=dict)


def seed(database: Database, at: datetime | None = None) -> Chain:
    """The chain as of business now; `at` moves business time there first, to a time of day a test can rely on."""
    with database.transaction() as session:
        if at is not None:
            clock.jump_to(session, at) if "moment" in session.info else _jump(session, at)
    with database.transaction() as session:
        return Writer(session).write()


def noon_today() -> datetime:
    """13:00 in Shanghai on the test's day, so that deadlines of the day lie ahead."""
    return datetime.combine(datetime.now(UTC).date(), time(5, 0), tzinfo=UTC)


def _jump(session: Session, at: datetime) -> None:
    clock.now(session)
    clock.jump_to(session, at)


class Writer:
    """Writes the rows of one chain."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.chain = Chain()
        self.now = clock.now(session)
        self.version: Version

    def write(self) -> Chain:
        self.version, _ = publish(self.session, tomllib.loads(PLAN.read_text(encoding="utf-8")))
        self._organisation()
        self._members()
        self._xiaowen()
        self._others()
        self._imports()
        self.session.flush()
        return self.chain

    def add(self, row: Base) -> None:
        self.session.add(row)

    def id(self) -> int:
        return new_id(self.session)

    def _organisation(self) -> None:
        for code, branch, name in (("S1", "华南", "深圳万象城店"), ("S2", "华东", "上海恒隆店")):
            branch_id, store_id = self.id(), self.id()
            self.add(Branch(id=branch_id, code=f"B-{code}", name=branch))
            self.session.flush()
            hours = {
                "opens_at": time(10),
                "closes_at": time(22),
                "time_zone": "Asia/Shanghai",
                "ended_at": None,
            }
            self.add(Store(id=store_id, code=code, branch_id=branch_id, name=name, currency="CNY", **hours))
            self.chain.stores[code] = store_id
        self.session.flush()
        self._person("lina", "李娜", "S1", Role.ASSOCIATE)
        self._person("wangwei", "王伟", "S1", Role.STORE_MANAGER)
        self._person("hejia", "何佳", "S1", Role.ASSOCIATE)
        self._person("chenjie", "陈洁", "S2", Role.ASSOCIATE)
        self._person("zhaohq", "赵敏", None, Role.HQ)

    def _person(self, userid: str, name: str, store: str | None, role: Role) -> None:
        self.chain.people[userid] = self.id()
        store_id = self.chain.stores[store] if store else None
        self.add(
            Associate(
                id=self.chain.people[userid],
                wecom_userid=userid,
                name=name,
                store_id=store_id,
                role=role,
                ended_at=None,
            )
        )
        self.session.flush()

    def _members(self) -> None:
        self._member("xiaowen", "林晓雯", "lina", contact="wmXiaowen")
        self._member("chen", "陈国强", "lina", contact="wmChen")
        self._member("zhoumin", "周敏", "lina")
        self._member("other", "吴桐", "chenjie", contact="wmOther", store="S2")
        self._contact("wmNobody", "路过的客人", None, "lina")

    def _member(self, key: str, name: str, owner: str, contact: str = "", store: str = "S1") -> None:
        member_id = self.chain.members[key] = self.id()
        self.add(
            Member(
                id=member_id,
                name=name,
                store_id=self.chain.stores[store],
                owner_id=self.chain.people[owner],
                joined_at=self.now - timedelta(days=400),
            )
        )
        self.add(MemberCare(member_id=member_id))
        if contact:
            self._contact(contact, name, member_id, owner)

    def _contact(self, external_userid: str, name: str, member_id: int | None, associate: str) -> None:
        contact_id = self.id()
        self.add(
            ExternalContact(id=contact_id, external_userid=external_userid, name=name, member_id=member_id)
        )
        self.add(
            ContactBinding(
                id=self.id(),
                associate_id=self.chain.people[associate],
                external_contact_id=contact_id,
                bound_at=self.now - timedelta(days=300),
                ended_at=None,
            )
        )

    def _xiaowen(self) -> None:
        """Two open tasks (one with a variable nobody filled), steps to come, steps with every outcome, purchases."""
        member_id = self.chain.members["xiaowen"]
        fresh = self._enrollment(member_id, timedelta(minutes=45), next_step=3)
        self._task(
            "thanks",
            fresh,
            1,
            "lina",
            Channel.CHAT,
            THANKS,
            "今天在深圳万象城店买了羊毛混纺西装，趁热道个谢，说说怎么保养",
        )
        self._task(
            "fit", fresh, 2, "lina", Channel.CHAT, FIT, "3 天前买了羊毛混纺西装，问问合不合适、满不满意"
        )
        older = self._enrollment(member_id, timedelta(days=12), next_step=None)
        for step_no, outcome, reason in (
            (1, StepOutcome.SKIPPED, StepReason.TIME_UNKNOWN),
            (2, StepOutcome.CANCELLED, StepReason.NEW_PURCHASE),
            (3, StepOutcome.MERGED, StepReason.KEPT_EARLIER),
            (4, StepOutcome.EXPIRED, StepReason.BEFORE_START),
            (5, StepOutcome.CANCELLED, StepReason.REFUNDED),
        ):
            self._record(older, step_no, outcome, reason, step_no)
        self._order(member_id, "P-1001", timedelta(minutes=45), 1899 * YUAN, ["羊毛混纺西装"])
        self._order(
            member_id,
            "P-0904",
            timedelta(days=12),
            1158 * YUAN,
            ["垂感直筒裤", "真丝方巾"],
            refunded=459 * YUAN,
        )
        self._order(
            member_id,
            "P-0411",
            timedelta(days=190),
            309950,
            ["软羊皮乐福鞋", "真丝衬衫", "针织开衫", "羊绒围巾"],
        )
        self._totals(member_id, 3, 1899 * YUAN + 1158 * YUAN + 309950, 459 * YUAN, timedelta(minutes=45))

    def _others(self) -> None:
        """An invitation, one done today, one expired, one of a colleague, one of another store."""
        chen, zhoumin = self.chain.members["chen"], self.chain.members["zhoumin"]
        calm = self._enrollment(chen, timedelta(days=20), next_step=3)
        self._task("done", calm, 2, "lina", Channel.CHAT, THANKS, "问问合不合适", state=WorkState.DONE)
        self._totals(chen, 1, 699 * YUAN, 0, timedelta(days=20))
        invited = self._enrollment(zhoumin, timedelta(minutes=50), next_step=2)
        self._task(
            "invite",
            invited,
            1,
            "lina",
            Channel.INVITE,
            INVITE,
            "今天在深圳万象城店买了真丝衬衫，趁热加上企业微信",
        )
        lost = self._enrollment(zhoumin, timedelta(days=1, minutes=50), next_step=None)
        self._record(calm, 1, StepOutcome.SKIPPED, StepReason.TIME_UNKNOWN, 20 * 24)
        self._task(
            "missed", lost, 1, "hejia", Channel.INVITE, INVITE, "今天买了真丝衬衫", state=WorkState.EXPIRED
        )
        elsewhere = self._enrollment(
            self.chain.members["other"], timedelta(minutes=55), next_step=2, store="S2"
        )
        self._task("other", elsewhere, 1, "chenjie", Channel.CHAT, THANKS, "今天买了西装", store="S2")

    def _enrollment(self, member_id: int, ago: timedelta, next_step: int | None, store: str = "S1") -> int:
        enrollment_id, anchor_at = self.id(), self.now - ago
        self.add(
            Enrollment(
                id=enrollment_id,
                plan_id=self.version.plan_id,
                plan_version_id=self.version.id,
                member_id=member_id,
                store_id=self.chain.stores[store],
                anchor_event=f"day:{enrollment_id}",
                anchor_at=anchor_at,
                anchor_on=(anchor_at + timedelta(hours=8)).date(),
                time_known=True,
                state=EnrollmentState.ACTIVE if next_step else EnrollmentState.FINISHED,
                ended_reason="",
                next_step_no=next_step,
                next_lane="days" if next_step else None,
                next_due_at=anchor_at + timedelta(days=30) if next_step else None,
                enrolled_at=anchor_at,
            )
        )
        self.session.flush()
        return enrollment_id

    def _record(
        self,
        enrollment_id: int,
        step_no: int,
        outcome: StepOutcome,
        reason: StepReason,
        age: float,
        task_id: int | None = None,
    ) -> None:
        at = self.now - timedelta(hours=age)
        self.add(
            StepRecord(
                enrollment_id=enrollment_id,
                step_no=step_no,
                outcome=outcome,
                reason=reason,
                due_at=at,
                recorded_at=at,
                task_id=task_id,
            )
        )

    def _task(
        self,
        key: str,
        enrollment_id: int,
        step_no: int,
        person: str,
        channel: Channel,
        text: str,
        why: str,
        *,
        state: WorkState = WorkState.OPEN,
        store: str = "S1",
    ) -> None:
        step = self.version.step(step_no)
        item_id = self.id()
        enrollment = self.session.get_one(Enrollment, enrollment_id)
        item: dict[str, Any] = {
            "id": item_id,
            "assignee_id": self.chain.people[person],
            "store_id": self.chain.stores[store],
            "member_id": enrollment.member_id,
            "priority": step.priority,
            "title": step.title,
            "due_at": self.now - timedelta(minutes=15),
            "valid_until": self.now + timedelta(hours=23),
            "opened_at": self.now - timedelta(minutes=15),
        }
        if state is WorkState.OPEN:
            open_items(self.session, [item])
        else:
            self.add(
                WorkItem(
                    **item,
                    state=state,
                    closed_at=self.now - timedelta(minutes=5),
                    close_reason=CLOSED_BY[state],
                )
            )
        is_done = state is WorkState.DONE
        self.chain.tasks[key] = self.id()
        self.add(
            FollowUpTask(
                id=self.chain.tasks[key],
                work_item_id=item_id,
                enrollment_id=enrollment_id,
                step_no=step_no,
                channel=channel,
                why=why,
                text=text,
                evidence=Evidence.CLIENT_REPORTED if is_done else None,
                sent_text=text if is_done else None,
                completed_by=self.chain.people[person] if is_done else None,
            )
        )
        self._record(enrollment_id, step_no, StepOutcome.OPENED, StepReason.DUE, 0.25, self.chain.tasks[key])
        self.session.flush()

    def _order(
        self, member_id: int, ref: str, ago: timedelta, amount_fen: int, items: list[str], refunded: int = 0
    ) -> None:
        order_id, at = self.id(), self.now - ago
        self.add(
            Order(
                id=order_id,
                source="pos",
                ref=ref,
                store_id=self.chain.stores["S1"],
                member_id=member_id,
                seller_id=self.chain.people["lina"],
                purchased_at=at,
                purchased_on=(at + timedelta(hours=8)).date(),
                time_known=True,
                currency="CNY",
                amount_fen=amount_fen,
                goods_fen=amount_fen,
                refunded_fen=refunded,
                wholly_refunded=False,
                recorded_at=at,
                enrolls=True,
            )
        )
        for number, name in enumerate(items, start=1):
            line = {
                "sku": f"SKU-{number}",
                "size": "M",
                "kind": "goods",
                "quantity": 1,
                "refunded_quantity": 0,
            }
            fen = amount_fen // len(items)
            self.add(
                OrderLine(
                    order_id=order_id,
                    line_no=number,
                    description=name,
                    unit_price=fen / YUAN,
                    amount_fen=fen,
                    **line,
                )
            )

    def _totals(
        self, member_id: int, orders: int, amount_fen: int, refunded_fen: int, last: timedelta
    ) -> None:
        self.add(
            MemberPurchases(
                member_id=member_id,
                orders=orders,
                amount_fen=amount_fen,
                refunded_fen=refunded_fen,
                first_purchased_at=self.now - timedelta(days=400),
                last_purchased_at=self.now - last,
            )
        )

    def _imports(self) -> None:
        self.add(
            PurchaseImport(
                id=self.id(),
                source="pos",
                file_name="online_retail_lines.csv",
                file_hash="0" * 64,
                shift_days=0,
                started_at=self.now - timedelta(hours=2),
                finished_at=self.now - timedelta(hours=1, minutes=58),
                rows_read=12_431,
                applied=702,
                repeated=0,
                refused=31,
                quarantined=1,
            )
        )
        self.add(
            Inbound(
                id=self.id(),
                source="pos",
                event_key="purchase:536414",
                content_hash="0" * 32,
                payload='{"type":"purchase","ref":"536414"}',
                state=InboundState.QUARANTINED,
                reason="seller_unknown: LISI",
                enrolls=True,
                received_at=self.now - timedelta(hours=2),
            )
        )
