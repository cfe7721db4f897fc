"""Reading a plan document: every mistake is named by its place, and nothing is guessed.

A mistake is an `Invalid` whose details say what is wrong as plain JSON: `problem` (a stable name), and particulars that
its sentence needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, TypeVar

from app.errors import Invalid
from app.follow_ups.plans.documents import (
    CALENDAR,
    LONGEST_CODE,
    LONGEST_NAME,
    Credit,
    Document,
    OnRefund,
    Stops,
    Trigger,
    TriggerKind,
)
from app.follow_ups.rules import ScriptRule, Step, misplaced_steps
from app.follow_ups.states import Channel, OnRepurchase, Touch, Who

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
ABSENT = object()
AFTER = re.compile(r"(\d{1,4}) (?:(minutes|hours)|days(?: at (\d\d:\d\d))?)")
MINUTES = {"minutes": 1, "hours": 60}
VALID = re.compile(r"(\d{1,3}) (noon|days)")
# Longest texts the tables hold.
LONGEST_CREDIT_DAYS = 90
LONGEST_SHOWN = 60
LONGEST = {"kind": 32, "title": 64, "why": 255, "invite_script": 64}
KNOWN = frozenset(
    {"code", "name", "product_fallback", "trigger", "stops", "credit", "hold_out", "learn", "steps"}
)
KNOWN_IN_STEP = frozenset(
    {
        *("kind", "after", "valid", "on_repurchase", "priority", "service", "channel", "who", "when"),
        *("title", "why", "script", "scripts", "invite_script"),
    }
)


class _Bad(ValueError):
    """A value that is none of what the field may be."""

    def __init__(self, problem: str, **particulars: object) -> None:
        super().__init__(problem)
        self.problem, self.particulars = problem, particulars


class _Table:
    """A table of the document, read field by field; what is wrong is kept, by place."""

    def __init__(self, raw: Any, place: str, known: Iterable[str], mistakes: list[Invalid]) -> None:
        self.place, self._mistakes = place, mistakes
        self._raw: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
        if not isinstance(raw, Mapping):
            self.wrong("", "not_a_table")
        for name in sorted(self._raw.keys() - set(known)):
            self.wrong(name, "unknown_field")

    def wrong(self, name: str, problem: str, **particulars: object) -> None:
        """Keep a mistake."""
        place = ".".join(filter(None, (self.place, name)))
        self._mistakes.append(Invalid("bad_plan", place=place, problem=problem, **particulars))

    def has(self, name: str) -> bool:
        """True where the field is there."""
        return name in self._raw

    def get(self, name: str, read: Callable[[Any], T], otherwise: T, *, default: Any = ABSENT) -> T:
        """The field as `read` reads it; `otherwise` where it is wrong. Without a default it must be there."""
        value = self._raw.get(name, default)
        if value is ABSENT:
            self.wrong(name, "missing")
            return otherwise
        try:
            return read(value)
        except _Bad as bad:
            self.wrong(name, bad.problem, **bad.particulars)
        except (ValueError, TypeError, KeyError, AttributeError):
            self.wrong(name, "unreadable", found=str(value)[:LONGEST_SHOWN])
        return otherwise


def read_document(raw: Mapping[str, Any]) -> Document:
    """The document a mapping (TOML, JSON) says. Raises `Invalid` naming the first field that is wrong."""
    document, mistakes = try_document(raw)
    if document is None:
        raise mistakes[0]
    return document


def try_document(raw: Mapping[str, Any]) -> tuple[Document | None, list[Invalid]]:
    """The document, or None and every mistake of its form, in the order of its parts."""
    mistakes: list[Invalid] = []
    top = _Table(raw, "", KNOWN, mistakes)
    code = top.get("code", _text(LONGEST_CODE), "")
    name = top.get("name", _text(LONGEST_NAME), "")
    fallback = top.get("product_fallback", _text(LONGEST_NAME), "")
    hold_out = top.get("hold_out", _per_mille, 0, default=0)
    learns = top.get("learn", _flag, False, default=False)
    trigger = _trigger(raw.get("trigger", {"on": TriggerKind.PURCHASE}), mistakes)
    stops = _stops(raw.get("stops", {}), mistakes)
    credit = _credit(raw.get("credit", {}), mistakes)
    steps = _steps(raw, top, trigger, mistakes)
    if mistakes:
        return None, mistakes
    return Document(code, name, fallback, trigger, steps, stops, credit, hold_out, learns), []


def _trigger(raw: Any, mistakes: list[Invalid]) -> Trigger:
    table = _Table(raw, "trigger", ("on", "when", "days", "tag", "dates", "festival"), mistakes)
    kind = table.get("on", _one_of(TriggerKind), None)
    trigger = Trigger(
        kind=kind or TriggerKind.PURCHASE,
        condition=table.get("when", _any_text, "", default=""),
        days=table.get("days", _whole(0, 3650), 0, default=0),
        tag=table.get("tag", _any_text, "", default=""),
        dates=table.get("dates", _days, (), default=()),
        festival=table.get("festival", _any_text, "", default=""),
    )
    needed = {
        TriggerKind.TAG_GAINED: ("tag", trigger.tag),
        TriggerKind.DATES: ("dates", trigger.dates),
        TriggerKind.FESTIVAL: ("festival", trigger.festival),
        TriggerKind.SILENCE: ("days", trigger.days),
    }
    field, said = needed.get(kind, ("", True)) if kind else ("", True)
    if not said and not any(one.place == f"trigger.{field}" for one in mistakes):
        table.wrong(field, "missing")
    return trigger


def _stops(raw: Any, mistakes: list[Invalid]) -> Stops:
    table = _Table(raw, "stops", ("refund", "purchase", "reply", "unfriend", "hand_over"), mistakes)
    return Stops(
        refund=table.get("refund", _one_of(OnRefund), OnRefund.WHOLE, default=OnRefund.WHOLE),
        purchase=table.get("purchase", _flag, False, default=False),
        reply=table.get("reply", _flag, False, default=False),
        unfriend=table.get("unfriend", _flag, False, default=False),
        hand_over=table.get("hand_over", _flag, False, default=False),
    )


def _credit(raw: Any, mistakes: list[Invalid]) -> Credit:
    table = _Table(raw, "credit", ("days", "touch"), mistakes)
    return Credit(
        table.get("days", _whole(1, LONGEST_CREDIT_DAYS), 14, default=14),
        table.get("touch", _one_of(Touch), Touch.LAST, default=Touch.LAST),
    )


def _steps(
    raw: Mapping[str, Any], top: _Table, trigger: Trigger, mistakes: list[Invalid]
) -> tuple[Step, ...]:
    listed = raw.get("steps", ())
    if not isinstance(listed, list | tuple) or not listed:
        top.wrong("steps", "no_steps")
        return ()
    before = len(mistakes)
    steps = tuple(_step(number, one, mistakes) for number, one in enumerate(listed, start=1))
    if len(mistakes) == before:
        for number, field, problem in misplaced_steps(steps, may_begin_at_once=trigger.kind in CALENDAR):
            mistakes.append(Invalid("bad_plan", place=f"steps[{number}].{field}", problem=problem))
    return steps


def _step(number: int, raw: Any, mistakes: list[Invalid]) -> Step:
    table = _Table(raw, f"steps[{number}]", KNOWN_IN_STEP, mistakes)
    none: tuple[int, bool, time | None] = (0, False, None)
    after, in_minutes, at_time = table.get("after", _after, none)
    valid_days, to_noon = table.get("valid", _valid, (1, False))
    return Step(
        step_no=number,
        kind=table.get("kind", _text(LONGEST["kind"]), ""),
        offset_minutes=after if in_minutes else None,
        offset_days=None if in_minutes else after,
        at_time=at_time,
        valid_days=valid_days,
        valid_to_noon=to_noon,
        on_repurchase=table.get("on_repurchase", _one_of(OnRepurchase), OnRepurchase.RESTART),
        priority=table.get("priority", _whole(0, 100), 0),
        is_service=table.get("service", _flag, False, default=False),
        channel=table.get("channel", _one_of(Channel), Channel.CHAT, default=Channel.CHAT),
        who=table.get("who", _one_of(Who), Who.OWNER, default=Who.OWNER),
        condition=table.get("when", _any_text, "", default=""),
        title=table.get("title", _text(LONGEST["title"]), ""),
        why=table.get("why", _text(LONGEST["why"]), ""),
        scripts=_scripts(table),
        invite_script_code=table.get("invite_script", _text(LONGEST["invite_script"]), ""),
    )


def _scripts(table: _Table) -> tuple[ScriptRule, ...]:
    """`script = "a"`, `scripts = ["a", "b"]` to choose among, or tables of `when` and `use`, the first that holds."""
    if table.has("script") and table.has("scripts"):
        table.wrong("scripts", "script_twice")
    if table.has("scripts"):
        return table.get("scripts", _script_rules, ())
    return table.get("script", lambda value: (ScriptRule("", _codes(value)),), ())


def _script_rules(listed: Any) -> tuple[ScriptRule, ...]:
    if not isinstance(listed, list | tuple) or not listed:
        raise _Bad("no_script")
    if not isinstance(listed[0], Mapping):
        return (ScriptRule("", _codes(listed)),)
    rules = []
    for rule in listed:
        if not isinstance(rule, Mapping) or rule.keys() - {"when", "use"}:
            raise _Bad("script_rules")
        rules.append(ScriptRule(_any_text(rule.get("when", "")), _codes(rule.get("use", ()))))
    return tuple(rules)


def _codes(value: Any) -> tuple[str, ...]:
    codes = (value,) if isinstance(value, str) else tuple(value)
    if not codes or not all(isinstance(code, str) and code for code in codes):
        raise _Bad("no_script")
    if len(set(codes)) < len(codes):
        raise _Bad("script_twice")
    return codes


def _after(value: str) -> tuple[int, bool, time | None]:
    found = AFTER.fullmatch(value)
    if found is None:
        raise _Bad("after")
    number, unit, at_time = int(found[1]), found[2], found[3]
    return number * MINUTES.get(unit, 1), unit is not None, time.fromisoformat(at_time) if at_time else None


def _valid(value: str) -> tuple[int, bool]:
    found = VALID.fullmatch(value)
    if found is None:
        raise _Bad("valid")
    return int(found[1]), found[2] == "noon"


def _text(longest: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise _Bad("text", most=longest)
        return value

    return read


def _any_text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Bad("text_or_nothing")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Bad("flag")
    return value


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _Bad("number", least=least, most=most)
        return value

    return read


def _one_of(kind: type[E]) -> Callable[[Any], E]:
    def read(value: Any) -> E:
        if value not in list(kind):
            raise _Bad("not_one_of", allowed=", ".join(kind))
        return kind(value)

    return read


def _per_mille(percent: Any) -> int:
    """A share in percent, 0 to 50, to a tenth."""
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= 50:
        raise _Bad("percentage")
    return round(percent * 10)


def _days(listed: Any) -> tuple[date, ...]:
    if not isinstance(listed, list | tuple) or any(isinstance(day, datetime) for day in listed):
        raise _Bad("dates")
    return tuple(day if isinstance(day, date) else date.fromisoformat(day) for day in listed)
