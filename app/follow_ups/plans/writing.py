"""A published document as TOML again, for whoever goes on from it; and where in a text a place of it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

TABLES = ("trigger", "stops", "credit")
TOP = ("code", "name", "product_fallback", "hold_out", "learn")
# In the order in which the plans that come with the product are written; a field that is not named stands behind.
STEP = (
    "kind",
    "after",
    "valid",
    "on_repurchase",
    "priority",
    "service",
    "who",
    "channel",
    "when",
    "title",
    "why",
    "script",
    "scripts",
    "invite_script",
)
PLACE = re.compile(r"(?:(?P<table>\w+)(?:\[(?P<number>\d+)\])?\.)?(?P<field>\w*)")
HEADER = re.compile(r"\s*(\[\[?)\s*([\w-]+)\s*\]\]?")


def as_toml(raw: Mapping[str, Any]) -> str:
    """A document (its canonical JSON as a mapping) as TOML that says the same."""
    lines = [f"{name} = {_value(raw[name])}" for name in TOP if name in raw]
    for table in TABLES:
        if raw.get(table):
            lines += ["", f"[{table}]", *_fields(raw[table])]
    for step in raw.get("steps", ()):
        lines += ["", "[[steps]]", *_fields({name: step[name] for name in (*STEP, *step) if name in step})]
    return "\n".join(lines) + "\n"


def line_of(text: str, place: str) -> int | None:
    """The line, from 1, on which a place such as `steps[2].when` stands; its table's where the field is missing."""
    found = PLACE.fullmatch(place)
    if found is None:
        return None
    table, number, field = found["table"] or "", int(found["number"] or 1), found["field"]
    if field in (*TABLES, "steps") and not table:
        table, field = field, ""
    seen, here, head = 0, table == "", None
    for line_no, line in enumerate(text.splitlines(), start=1):
        header = HEADER.match(line)
        if header is not None:
            seen += header[2] == table
            here = header[2] == table and seen == number
            head = line_no if here else head
        elif here and field and re.match(rf'\s*"?{field}"?\s*[.=]', line):
            return line_no
    return head


def _fields(table: Mapping[str, Any]) -> Iterator[str]:
    return (f"{name} = {_value(value)}" for name, value in table.items())


def _value(value: Any) -> str:
    """Strings, numbers and flags of JSON are TOML's; a table within a list stands on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_fields(value)) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
