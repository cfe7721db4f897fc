"""Reading a plan document: every mistake is named by its place, and nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, time
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
from app.follow_ups.rules import ScriptRule, Step, validate_steps
from app.follow_ups.states import Channel, OnRepurchase, Touch, Who

T = TypeVar("T")
AFTER = re.compile(r"(\d{1,4}) (minutes|days)(?: at (\d\d:\d\d))?")
VALID = re.compile(r"(\d{1,3}) (noon|days)")
# Longest texts the tables hold.
LONGEST_CREDIT_DAYS = 90
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


def read_document(raw: Mapping[str, Any]) -> Document:
    """The document a mapping (TOML, JSON) says. Raises `Invalid` naming the step and the field that is wrong."""
    _refuse_unknown(raw, KNOWN, "")
    steps = tuple(_read_step(number, step) for number, step in enumerate(raw.get("steps", ()), start=1))
    trigger = _read_trigger(raw.get("trigger", {"on": TriggerKind.PURCHASE}))
    problems = validate_steps(steps, may_begin_at_once=trigger.kind in CALENDAR)
    if problems or not steps:
        raise Invalid("bad_plan", place=str(raw.get("code", "?")), problems=problems or ["no steps"])
    with _place("plan"):
        return Document(
            code=_text(raw["code"], LONGEST_CODE),
            name=_text(raw["name"], LONGEST_NAME),
            product_fallback=_text(raw["product_fallback"], LONGEST_NAME),
            trigger=trigger,
            steps=steps,
            stops=_read_stops(raw.get("stops", {})),
            credit=_read_credit(raw.get("credit", {})),
            hold_out_per_mille=_per_mille(raw.get("hold_out", 0)),
            learns=_flag(raw.get("learn", False)),
        )


def _read_trigger(raw: Mapping[str, Any]) -> Trigger:
    _refuse_unknown(raw, frozenset({"on", "when", "days", "tag", "dates", "festival"}), "trigger.")
    with _place("trigger"):
        trigger = Trigger(
            kind=TriggerKind(raw["on"]),
            condition=str(raw.get("when", "")),
            days=_whole(raw.get("days", 0), 0, 3650),
            tag=str(raw.get("tag", "")),
            dates=tuple(_day(day) for day in raw.get("dates", ())),
            festival=str(raw.get("festival", "")),
        )
        needed = {
            TriggerKind.TAG_GAINED: trigger.tag,
            TriggerKind.DATES: trigger.dates,
            TriggerKind.FESTIVAL: trigger.festival,
            TriggerKind.SILENCE: trigger.days,
        }
        if not needed.get(trigger.kind, True):
            raise ValueError(f"{trigger.kind} says nothing of which")
        return trigger


def _read_stops(raw: Mapping[str, Any]) -> Stops:
    _refuse_unknown(raw, frozenset({"refund", "purchase", "reply", "unfriend", "hand_over"}), "stops.")
    with _place("stops"):
        return Stops(
            refund=OnRefund(raw.get("refund", OnRefund.WHOLE)),
            purchase=_flag(raw.get("purchase", False)),
            reply=_flag(raw.get("reply", False)),
            unfriend=_flag(raw.get("unfriend", False)),
            hand_over=_flag(raw.get("hand_over", False)),
        )


def _read_credit(raw: Mapping[str, Any]) -> Credit:
    _refuse_unknown(raw, frozenset({"days", "touch"}), "credit.")
    with _place("credit"):
        return Credit(
            _whole(raw.get("days", 14), 1, LONGEST_CREDIT_DAYS), Touch(raw.get("touch", Touch.LAST))
        )


def _read_step(number: int, raw: Mapping[str, Any]) -> Step:
    _refuse_unknown(raw, KNOWN_IN_STEP, f"steps[{number}].")
    with _place(f"steps[{number}]"):
        after, valid = AFTER.fullmatch(raw["after"]), VALID.fullmatch(raw["valid"])
        if after is None or valid is None:
            raise Invalid("bad_plan_step", place=f"steps[{number}].{'valid' if after else 'after'}")
        in_minutes = after[2] == "minutes"
        if in_minutes and after[3]:
            raise ValueError("minutes have no time of day")
        return Step(
            step_no=number,
            kind=_text(raw["kind"], LONGEST["kind"]),
            offset_minutes=int(after[1]) if in_minutes else None,
            offset_days=None if in_minutes else int(after[1]),
            at_time=time.fromisoformat(after[3]) if after[3] else None,
            valid_days=int(valid[1]),
            valid_to_noon=valid[2] == "noon",
            on_repurchase=OnRepurchase(raw["on_repurchase"]),
            priority=_whole(raw["priority"], 0, 100),
            is_service=_flag(raw.get("service", False)),
            channel=Channel(raw.get("channel", Channel.CHAT)),
            who=Who(raw.get("who", Who.OWNER)),
            condition=str(raw.get("when", "")),
            title=_text(raw["title"], LONGEST["title"]),
            why=_text(raw["why"], LONGEST["why"]),
            scripts=_read_scripts(raw),
            invite_script_code=_text(raw["invite_script"], LONGEST["invite_script"]),
        )


def _read_scripts(raw: Mapping[str, Any]) -> tuple[ScriptRule, ...]:
    """`script = "a"`, `scripts = ["a", "b"]` to choose among, or tables of `when` and `use`, the first that holds."""
    if "script" in raw:
        return (ScriptRule("", (str(raw["script"]),)),)
    scripts = raw["scripts"]
    if all(isinstance(script, str) for script in scripts):
        return (ScriptRule("", _codes(scripts)),)
    return tuple(ScriptRule(str(rule.get("when", "")), _codes(rule["use"])) for rule in scripts)


def _codes(value: str | Sequence[str]) -> tuple[str, ...]:
    codes = (value,) if isinstance(value, str) else tuple(value)
    if not codes:
        raise ValueError("no script to use")
    if len(set(codes)) < len(codes):
        raise ValueError("a script is listed twice")
    return codes


def _refuse_unknown(raw: Mapping[str, Any], known: frozenset[str], place: str) -> None:
    if not isinstance(raw, Mapping):
        raise Invalid("bad_plan_step", place=place.rstrip("."), problem="not a table")
    for name in raw:
        if name not in known:
            raise Invalid("bad_plan_step", place=f"{place}{name}", problem="unknown")


@contextmanager
def _place(name: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Invalid("bad_plan_step", place=name, problem=str(error)) from error


def _text(value: Any, longest: int) -> str:
    return _checked(value, str, lambda text: 0 < len(text) <= longest, f"1 to {longest} characters")


def _flag(value: Any) -> bool:
    return _checked(value, bool, lambda _: True, "true or false")


def _whole(value: Any, least: int, most: int) -> int:
    return _checked(value, int, lambda number: least <= number <= most, f"{least} to {most}")


def _per_mille(percent: Any) -> int:
    """A share in percent, 0 to 50, to a tenth."""
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= 50:
        raise ValueError("hold_out: a percentage from 0 to 50")
    return round(percent * 10)


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _checked(value: Any, kind: type[T], is_good: Callable[[T], bool], wanted: str) -> T:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)) or not is_good(value):
        raise ValueError(f"{value!r}: {wanted}")
    return value
