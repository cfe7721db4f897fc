"""A corp's contact book in memory: what an administrator does to it, and what the port tells of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.db import Database
from app.lanes import Deadline
from app.organisation.events import changes_of_contacts
from app.organisation.models import OrganisationSync
from app.organisation.plan import Plan
from app.organisation.queries import get_sync, plan_in
from app.organisation.running import run_syncs
from app.organisation.service import request_apply, request_sync
from app.stores.models import Branch, Store
from app.wecom.apis.departments import WeComDepartment
from app.wecom.apis.people import Account, AccountStatus
from app.wecom.callbacks import WeComEvent
from app.wecom.errors import WeComError
from app.wecom.port import WeComPort
from tests.wecom.unanswering import UnansweringWeCom

ACTIVE = AccountStatus.ACTIVE


class Departments:
    def __init__(self, book: Book) -> None:
        self._book = book

    def all(self) -> tuple[WeComDepartment, ...]:
        self._book.fail_if_asked("departments")
        return tuple(self._book.tree.values())


class People:
    def __init__(self, book: Book) -> None:
        self._book = book

    def of_department(self, department_id: int) -> list[Account]:
        self._book.fail_if_asked(department_id)
        found = self._book.accounts.values()
        return [account for account in found if department_id in account.department_ids]

    def find(self, wecom_userid: str) -> Account | None:
        self._book.fail_if_asked(wecom_userid)
        return self._book.accounts.get(wecom_userid)


class Book(UnansweringWeCom):
    """The port to a corp with a root, two branches of two stores each, and headquarters. Each act queues its event."""

    def __init__(self) -> None:
        self.tree: dict[int, WeComDepartment] = {}
        self.accounts: dict[str, Account] = {}
        self.events: list[WeComEvent] = []
        self.failing: dict[object, WeComError] = {}
        for number, name, parent in (
            (1, "好衣裳", 0),
            (2, "总部", 1),
            (3, "华东分公司", 1),
            (4, "华南分公司", 1),
            (31, "静安店", 3),
            (32, "湖滨店", 3),
            (41, "天河店", 4),
            (42, "福田店", 4),
        ):
            self.tree[number] = WeComDepartment(number, name, parent, 0, ())
        for userid, department, leads in (
            ("fang", 2, False),
            ("zhou", 31, True),
            ("chen", 31, False),
            ("lin", 32, True),
            ("xu", 32, False),
            ("he", 41, True),
            ("liang", 41, False),
            ("zheng", 42, True),
            ("wu", 42, False),
        ):
            self.put(userid, department, leads=leads)
        self.events.clear()

    @property
    def departments(self) -> Any:
        return Departments(self)

    @property
    def people(self) -> Any:
        return People(self)

    def fail_if_asked(self, name: object) -> None:
        if name in self.failing:
            raise self.failing[name]

    def put(self, userid: str, *departments: int, leads: bool = False, name: str = "") -> None:
        """Somebody comes to the corp."""
        led = frozenset(departments[:1]) if leads else frozenset[int]()
        self.accounts[userid] = Account(
            userid, name or userid.title(), "", "", departments, departments[0], led, (), ACTIVE
        )
        self._tell("create_user", UserID=userid)

    def change(self, userid: str, **changes: Any) -> None:
        """Fields of an account; `department_ids` moves it, the first being the main one."""
        if "department_ids" in changes:
            changes["main_department_id"] = changes["department_ids"][0]
        self.accounts[userid] = replace(self.accounts[userid], **changes)
        self._tell("update_user", UserID=userid)

    def rename(self, userid: str, new: str) -> None:
        self.accounts[new] = replace(self.accounts.pop(userid), wecom_userid=new)
        self._tell("update_user", UserID=userid, NewUserID=new)

    def leave(self, userid: str) -> None:
        del self.accounts[userid]
        self._tell("delete_user", UserID=userid)

    def department(self, number: int, name: str, parent: int) -> None:
        """A new department, or another name or place of one."""
        change = "update_party" if number in self.tree else "create_party"
        self.tree[number] = WeComDepartment(number, name, parent, 0, ())
        self._tell(change, Id=str(number))

    def close(self, number: int) -> None:
        """Delete an empty department."""
        del self.tree[number]
        self._tell("delete_party", Id=str(number))

    def _tell(self, change: str, **fields: str) -> None:
        event = {"MsgType": "event", "Event": "change_contact", "ChangeType": change, **fields}
        self.events.append(WeComEvent.of({**event, "CreateTime": str(1_760_000_000 + len(self.events))}))


def hear(database: Database, book: Book, event: WeComEvent) -> None:
    """What the inbox does with an event: look, then apply."""
    look, apply = changes_of_contacts(database)[f"{event.name}:{event.change}"]
    looked = look(book, event)
    database.in_transaction(lambda session: apply(session, event, looked))


def plan_full(database: Database, book: WeComPort) -> int:
    """A full sync up to the preview; its id."""
    with database.transaction() as session:
        sync_id = request_sync(session, None).id
    run_syncs(database, book, Deadline(60))
    return sync_id


def apply_full(database: Database, book: WeComPort, sync_id: int, **ticks: bool) -> str:
    """Apply a preview; the state it ends in."""
    with database.transaction() as session:
        allowed = {"may_end_many": False, "ends_unknown": False, **ticks}
        request_apply(session, sync_id, **allowed)
    run_syncs(database, book, Deadline(60))
    return str(sync_of(database, sync_id).state)


def sync_full(database: Database, book: WeComPort, **ticks: bool) -> Plan:
    """A whole full sync; the plan that was applied."""
    sync_id = plan_full(database, book)
    plan = shown(database, sync_id)
    assert apply_full(database, book, sync_id, **ticks) == "applied"
    return plan


def sync_of(database: Database, sync_id: int) -> OrganisationSync:
    with database.reading() as session:
        return get_sync(session, sync_id)


def shown(database: Database, sync_id: int) -> Plan:
    plan = plan_in(sync_of(database, sync_id))
    assert plan is not None
    return plan


def roster(database: Database) -> dict[str, tuple[str, str, str]]:
    """Everybody who works here: account → (name, role, store)."""
    with database.reading() as session:
        stores = {store.id: store.name for store in session.scalars(select(Store))}
        people = session.scalars(select(Associate).where(Associate.ended_at.is_(None)))
        return {
            person.wecom_userid: (person.name, person.role, stores.get(person.store_id or 0, ""))
            for person in people
        }


def stores(database: Database) -> dict[str, str]:
    """Store → branch, by name."""
    with database.reading() as session:
        query = select(Store.name, Branch.name).join(Branch, Branch.id == Store.branch_id)
        return dict(session.execute(query).all())


def associate(session: Session, userid: str) -> Associate:
    return session.scalars(select(Associate).where(Associate.wecom_userid == userid)).one()
