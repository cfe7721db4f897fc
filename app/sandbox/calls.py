"""One API call as the endpoints see it, and how they take their parameters out of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import Headers

from app.sandbox.answers import Answer, Download, WeComError
from app.sandbox.busy import BusyPairs
from app.sandbox.clock import VirtualClock
from app.sandbox.settings import AppCredentials, Settings
from app.sandbox.store import Store

Body = dict[str, Any]

LARGEST = 2**35  # seconds until the year 3058; no field of WeCom's says more


@dataclass(frozen=True)
class World:
    """What every part of the sandbox works with."""

    settings: Settings
    store: Store
    clock: VirtualClock
    busy: BusyPairs = field(default_factory=BusyPairs)


@dataclass(frozen=True)
class Call:
    """A call whose token was accepted: by whom, when, with what."""

    world: World
    app: AppCredentials
    args: Mapping[str, str]
    raw_body: bytes
    now: int
    headers: Headers = field(default_factory=Headers)

    def arg(self, name: str, missing: int) -> str:
        """A query parameter; raises WeComError(missing) when absent or empty."""
        value = self.args.get(name, "")
        if not value:
            raise WeComError(missing)
        return value

    def body(self) -> Body:
        """The JSON object sent, whatever the Content-Type says (facts 1.2).

        40058 when it is none, 40033 when an escape in it is half a character.
        """
        try:
            body = json.loads(self.raw_body)
            if b"\\u" in self.raw_body:
                json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise WeComError(40033) from None
        except ValueError:
            raise WeComError(40058, "body is not json") from None
        if not isinstance(body, dict):
            raise WeComError(40058, "body is not an object")
        return body


@dataclass(frozen=True)
class Endpoint:
    """What answers a path, and who may ask (facts, appendix A); 48002 for anybody else.

    `post` refuses GET; `contacts`, `pay`, `living` and `checkin` need the app to be on the list of 客户联系, 对外收款,
    直播 or 打卡; `sync` needs the contacts-sync secret; `mini_program` an app with a linked mini program. `lists`:
    fields that a refusal carries as well, empty (facts 2).
    """

    answer: Callable[[Call], Answer | Download]
    post: bool = False
    contacts: bool = False
    pay: bool = False
    living: bool = False
    checkin: bool = False
    sync: bool = False
    mini_program: bool = False
    lists: tuple[str, ...] = ()


def text_of(body: Body, name: str, missing: int = 40058) -> str:
    """A string field that must be there and not be empty; raises `missing`, or 40058 for another type."""
    value = body.get(name)
    if value is None or value == "":
        raise WeComError(missing, name)
    if not isinstance(value, str):
        raise WeComError(40058, f"{name} is not a string")
    return value


def optional_text(body: Body, name: str, longest: int | None = None) -> str | None:
    """A string field that may be absent; 40058 for another type or more than `longest` characters."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or (longest is not None and len(value) > longest):
        raise WeComError(40058, name)
    return value


def whole_number(body: Body, name: str, default: int) -> int:
    """An integer field with a default; 40058 for anything else, true and false and what no time or id is included."""
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
        raise WeComError(40058, f"{name} is not an integer")
    return value


def object_of(body: Body, name: str, missing: int = 40058) -> Body:
    """An object field that must be there; raises `missing`."""
    value = body.get(name)
    if not isinstance(value, dict):
        raise WeComError(missing, name)
    return value


def list_of(body: Body, name: str, most: int, too_many: int) -> list[Any]:
    """A list field, empty when absent; 40058 for another type, `too_many` above `most` entries."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise WeComError(40058, f"{name} is not an array")
    if len(value) > most:
        raise WeComError(too_many)
    return value
