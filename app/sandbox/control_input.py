"""Reading what the control API is sent: checked as it streams in, each refusal naming the place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from app.sandbox.faults import DEFAULT_VALUES, Fault, FaultKind
from app.sandbox.people import USERID

Item = dict[str, Any]

_PERSON = {
    *("userid", "name", "department", "leader", "position", "alias", "mobile", "direct_leader"),
    *("status", "contacts_enabled"),
}
_CONTACT = {
    "external_userid",
    "name",
    "avatar",
    "unionid",
    "type",
    "gender",
    "position",
    "corp_name",
    "follow",
}
_STAGES = ("mutual", "one_way", "half")  # of a follow, see relations.Stage


class WrongInput(ValueError):
    """Something sent to the control API is wrong; the message names the place."""


def items_of(stream: Iterable[bytes], is_lines: bool) -> Iterator[tuple[str, Item]]:
    """The objects of a JSON array, or of lines with one object each, with the name of their place."""
    if is_lines:
        found: Iterable[Any] = (_parsed(line) for line in stream if line.strip())
    else:
        found = _parsed(b"".join(stream))
        if not isinstance(found, list):
            raise WrongInput("a JSON array is expected")
    for number, item in enumerate(found):
        if not isinstance(item, dict):
            raise WrongInput(f"[{number}]: not an object")
        yield f"[{number}]", item


def person_of(place: str, item: Item) -> Item:
    """A member: userid and name needed.

    department: one path of names below the root, `华南分公司/万象城店`, or several, the main one first ·
    leader: of the main one, or the paths of those led · position, alias, mobile, direct_leader: texts ·
    status (1) · contacts_enabled (true).
    """
    _no_others(place, item, _PERSON)
    userid = text(place, item, "userid")
    if not USERID.fullmatch(userid):
        raise WrongInput(f"{place}.userid: 1-64 letters, digits, _-@. and a letter or digit first")
    status = item.get("status", 1)
    if status not in (1, 2, 4, 5):
        raise WrongInput(f"{place}.status: 1, 2, 4 or 5")
    departments = _paths(place, item, "department") or ["未分配"]
    leader = item.get("leader", False)
    return {
        "userid": userid,
        "name": text(place, item, "name"),
        "departments": departments,
        "leads": departments[:1] * leader if isinstance(leader, bool) else _paths(place, item, "leader"),
        **{name: text(place, item, name, "") for name in ("position", "alias", "mobile", "direct_leader")},
        "status": status,
        "contacts_enabled": bool(item.get("contacts_enabled", True)),
    }


def _paths(place: str, item: Item, name: str) -> list[str]:
    given = item.get(name, [])
    paths = [given] if isinstance(given, str) else given
    if not isinstance(paths, list) or not all(isinstance(path, str) and path.strip("/ ") for path in paths):
        raise WrongInput(f"{place}.{name}: a path of department names, or an array of them")
    return paths


def contact_of(place: str, item: Item) -> Item:
    """A customer with its follow list; external_userid and name needed."""
    _no_others(place, item, _CONTACT)
    follows = item.get("follow", [])
    if not isinstance(follows, list):
        raise WrongInput(f"{place}.follow: not an array")
    external_userid = text(place, item, "external_userid")
    if not external_userid.startswith(("wm", "wo")):
        raise WrongInput(f"{place}.external_userid: starts with wm or wo (facts 2)")
    return {
        "external_userid": external_userid,
        "name": text(place, item, "name"),
        "avatar": text(place, item, "avatar", ""),
        "unionid": text(place, item, "unionid", ""),
        "kind": 2 if item.get("type") == 2 else 1,
        "gender": item.get("gender") if item.get("gender") in (1, 2) else 0,
        "position": text(place, item, "position", ""),
        "corp_name": text(place, item, "corp_name", ""),
        "follow": [_follow_of(f"{place}.follow[{n}]", follow) for n, follow in enumerate(follows)],
    }


def fault_of(place: str, item: Item) -> Fault:
    """A fault: path and kind needed; times (null for ever, default 1), value by kind."""
    _no_others(place, item, {"path", "kind", "times", "value"})
    kind = item.get("kind")
    if kind not in list(FaultKind):
        raise WrongInput(f"{place}.kind: one of {', '.join(FaultKind)}")
    times, value = item.get("times", 1), item.get("value", DEFAULT_VALUES[FaultKind(kind)])
    if times is not None and not (_is_whole(times) and times >= 1):
        raise WrongInput(f"{place}.times: a whole number above 0, or null for ever")
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise WrongInput(f"{place}.value: a number")
    return Fault(text(place, item, "path").removeprefix("/cgi-bin/"), FaultKind(kind), times, value)


def whole(item: Item, name: str) -> int:
    """A whole number that must be there."""
    value = item.get(name)
    if not _is_whole(value):
        raise WrongInput(f"{name}: a whole number")
    return int(value or 0)


def text(place: str, item: Item, name: str, default: str | None = None) -> str:
    """A string; without a default it must be there and not be empty."""
    value = item.get(name, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or (default is None and not value):
        raise WrongInput(f"{place}.{name}: a string" + (" that is not empty" if default is None else ""))
    return value


def _follow_of(place: str, follow: object) -> Item:
    if not isinstance(follow, dict):
        raise WrongInput(f"{place}: not an object")
    _no_others(place, follow, {"userid", "remark", "createtime", "add_way", "state", "stage"})
    createtime = follow.get("createtime")
    if createtime is not None and not _is_whole(createtime):
        raise WrongInput(f"{place}.createtime: whole seconds since 1970")
    if follow.get("stage", "mutual") not in _STAGES:
        raise WrongInput(f"{place}.stage: one of {', '.join(_STAGES)}")
    return {
        "userid": text(place, follow, "userid"),
        "remark": follow.get("remark"),
        "createtime": createtime,
        "add_way": follow.get("add_way", 1),
        "state": text(place, follow, "state", ""),
        "stage": follow.get("stage", "mutual"),
    }


def _no_others(place: str, item: Item, known: set[str]) -> None:
    unknown = sorted(set(item) - known)
    if unknown:
        raise WrongInput(f"{place}.{unknown[0]}: not a field")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise WrongInput(f"not JSON: {error}") from None
