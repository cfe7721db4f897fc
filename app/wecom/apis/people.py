"""Members (成员) of the corp and their accounts (facts 3.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from app.wecom.apis.base import Answer, CorpAPI, items, needed, number, text
from app.wecom.errors import WeComRejected

# Not there, left, or not in the app's scope: WeCom does not tell which; or a name that no account of the corp has.
NOT_FOUND = frozenset({60111, 40003})
IDS_A_PAGE = 10_000


class AccountStatus(IntEnum):
    """What WeCom says of an account; a value that is none of these counts as NOT_ACTIVATED."""

    ACTIVE = 1
    DISABLED = 2
    NOT_ACTIVATED = 4
    LEFT = 5


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account in the corp (成员账号). `leads`: those of `department_ids` of which they are a leader."""

    wecom_userid: str  # lower case
    name: str
    alias: str
    position: str
    department_ids: tuple[int, ...]
    main_department_id: int | None
    leads: frozenset[int]
    direct_leaders: tuple[str, ...]
    status: AccountStatus

    @property
    def is_active(self) -> bool:
        """May sign in and be written to."""
        return self.status is AccountStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class NamedAccount:
    """What user/simplelist tells."""

    wecom_userid: str
    name: str
    department_ids: tuple[int, ...]


class PeopleAPI(CorpAPI):
    """What user/* answers. Mobile, e-mail and avatar are not told to apps made after 2022-06-20."""

    def get(self, wecom_userid: str) -> Account:
        """The account. Raises `WeComRejected` 60111 for one that is not there, left, or is out of scope."""
        return _account("user/get", self._get("user/get", params={"userid": wecom_userid}))

    def find(self, wecom_userid: str) -> Account | None:
        """The account, or None where there is none: 60111, or 40003 for a name no account has (facts 6)."""
        try:
            return self.get(wecom_userid)
        except WeComRejected as error:
            if error.errcode in NOT_FOUND:
                return None
            raise

    def of_department(self, department_id: int) -> list[Account]:
        """The department's direct members in full.

        Raises `WeComRejected`: 60003 no such department, 60123 no id, 60011 out of scope, 45029 too many.
        """
        answer = self._get("user/list", params={"department_id": department_id})
        return [_account("user/list", found) for found in items(answer, "userlist")]

    def names_of_department(self, department_id: int) -> list[NamedAccount]:
        """The department's direct members by name. Raises like `of_department`."""
        answer = self._get("user/simplelist", params={"department_id": department_id})
        return [
            NamedAccount(_userid("user/simplelist", found), text(found, "name"), _ids(found, "department"))
            for found in items(answer, "userlist")
        ]

    def ids(self, limit: int = IDS_A_PAGE) -> Iterator[tuple[str, int]]:
        """Every (account, department) of the corp. Contacts-sync secret only: `WeComMisconfigured` 48002 else."""
        for page in self._pages("user/list_id", {"limit": limit}):
            for found in items(page, "dept_user"):
                yield _userid("user/list_id", found), number(found, "department")

    def userid_of(self, mobile: str) -> str | None:
        """Whose mobile number this is, in lower case; None for nobody's.

        Numbers nobody has, more of them than a fifth of the corp, block this call for a day: `WeComRetryable`.
        """
        try:
            return _userid("user/getuserid", self._post("user/getuserid", data={"mobile": mobile}))
        except WeComRejected as error:
            if error.errcode == 46004:
                return None
            raise


def _account(path: str, found: Answer) -> Account:
    departments = _ids(found, "department")
    led = [flag == 1 for flag in items(found, "is_leader_in_dept")]
    main = number(found, "main_department")
    return Account(
        wecom_userid=_userid(path, found),
        name=text(found, "name"),
        alias=text(found, "alias"),
        position=text(found, "position"),
        department_ids=departments,
        main_department_id=main if main in departments else next(iter(departments), None),
        leads=frozenset(each for each, leads in zip(departments, led, strict=False) if leads),
        direct_leaders=tuple(str(leader).lower() for leader in items(found, "direct_leader")),
        status=_status(number(found, "status")),
    )


def _status(value: int) -> AccountStatus:
    known = AccountStatus._value2member_map_.get(value, AccountStatus.NOT_ACTIVATED)
    assert isinstance(known, AccountStatus)
    return known


def _userid(path: str, found: Answer) -> str:
    return needed(path, found, "userid").lower()


def _ids(found: Answer, name: str) -> tuple[int, ...]:
    listed: list[Any] = items(found, name)
    return tuple(each for each in listed if isinstance(each, int))
