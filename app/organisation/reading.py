"""Reading the whole organisation from WeCom: all of it or nothing. Calls the network; touches no table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.wecom.apis.departments import WeComDepartment
from app.wecom.apis.people import Account
from app.wecom.port import WeComPort


@dataclass(frozen=True, slots=True)
class Reading:
    """Everybody whom WeCom shows; `gone` are those asked for by name whom it does not know."""

    departments: tuple[WeComDepartment, ...]
    accounts: tuple[Account, ...]
    gone: frozenset[str]


def read_organisation(wecom: WeComPort, known: Iterable[str]) -> Reading:
    """All departments and all their members. Raises `WeComError` where any part cannot be read.

    Somebody who moves while departments are read one by one may be in none of them: each known account that was not
    seen is asked for by name before it counts as gone.
    """
    departments = wecom.departments.all()
    seen: dict[str, Account] = {}
    for department in departments:
        for account in wecom.people.of_department(department.id):
            seen[account.wecom_userid] = account
    gone: set[str] = set()
    for userid in sorted(set(known) - seen.keys()):
        found = wecom.people.find(userid)
        if found is None:
            gone.add(userid)
        else:
            seen[userid] = found
    return Reading(departments, tuple(seen.values()), frozenset(gone))
