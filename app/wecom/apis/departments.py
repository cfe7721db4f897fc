"""Departments (部门) of the corp, as far as the app may see them (facts 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

from app.wecom.apis.base import Answer, CorpAPI, given, items, number, part, text
from app.wecom.errors import WeComRetryable

ROOT = 1


@dataclass(frozen=True, slots=True)
class WeComDepartment:
    """A department; `parent_id` is 0 for the root. WeCom shows those of higher `order` first."""

    id: int
    name: str
    parent_id: int
    order: int
    leaders: tuple[str, ...]  # accounts in lower case


@dataclass(frozen=True, slots=True)
class DepartmentPlace:
    """What department/simplelist tells: where in the tree."""

    id: int
    parent_id: int
    order: int


class DepartmentsAPI(CorpAPI):
    """What department/* answers. Raises `WeComRejected`: 60003 no such department, 60123 no id, 60011 out of scope."""

    def all(self, under: int | None = None) -> tuple[WeComDepartment, ...]:
        """Every department in scope, or one with everything below it."""
        path = "department/list"
        answer = self._get(path, params=given(id=under))
        return tuple(_department(path, found) for found in items(answer, "department"))

    def places(self, under: int | None = None) -> tuple[DepartmentPlace, ...]:
        """The same without names; the contacts-sync secret may ask too."""
        path = "department/simplelist"
        answer = self._get(path, params=given(id=under))
        return tuple(
            DepartmentPlace(_id(path, found), number(found, "parentid"), number(found, "order"))
            for found in items(answer, "department_id")
        )

    def get(self, department_id: int) -> WeComDepartment:
        """One of them."""
        path = "department/get"
        return _department(path, part(self._get(path, params={"id": department_id}), "department"))


def _department(path: str, found: Answer) -> WeComDepartment:
    return WeComDepartment(
        id=_id(path, found),
        name=text(found, "name"),
        parent_id=number(found, "parentid"),
        order=number(found, "order"),
        leaders=tuple(str(leader).lower() for leader in items(found, "department_leader")),
    )


def _id(path: str, found: Answer) -> int:
    department_id = number(found, "id")
    if department_id < 1:
        raise WeComRetryable(path, "a department without id")
    return department_id
