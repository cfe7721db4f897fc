"""What differs between two plan documents, part by part and field by field. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from app.follow_ups.plans.documents import Document
from app.follow_ups.rules import Step

# Fields of the document itself that are compared with no part of their own.
OF_PLAN = ("name", "product_fallback", "hold_out_per_mille", "learns")
PARTS = ("trigger", "stops", "credit")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs; `part` is `plan`, `trigger`, `stops`, `credit` or `step`, whose kind is `kind`.

    A step that came or went is one difference with the field `step`, and None on the side where it is not.
    """

    part: str
    kind: str
    field: str
    before: Any
    after: Any


def differences(before: Document, after: Document) -> list[Difference]:
    """In the order of the document; steps are told apart by their kind, of two of one kind by their order."""
    found = [
        Difference("plan", "", name, getattr(before, name), getattr(after, name))
        for name in OF_PLAN
        if getattr(before, name) != getattr(after, name)
    ]
    for part in PARTS:
        found += _of_fields(part, "", getattr(before, part), getattr(after, part))
    return found + list(_of_steps(before, after))


def _of_steps(before: Document, after: Document) -> Iterator[Difference]:
    old, new = _by_kind(before), _by_kind(after)
    for key in [*old, *(key for key in new if key not in old)]:
        was, now = old.get(key), new.get(key)
        if was is None or now is None:
            yield Difference("step", key[0], "step", was, now)
        else:
            yield from _of_fields("step", key[0], was, now)


def _by_kind(document: Document) -> dict[tuple[str, int], Step]:
    found: dict[tuple[str, int], Step] = {}
    for step in document.steps:
        nth = sum(kind == step.kind for kind, _ in found)
        found[step.kind, nth] = step
    return found


def _of_fields(part: str, kind: str, before: Any, after: Any) -> list[Difference]:
    """Fields that differ; when a step falls due is told by its three fields together, how long it is valid by two."""
    together = {"offset_minutes": "after", "offset_days": "after", "at_time": "after"}
    together |= {"valid_days": "valid", "valid_to_noon": "valid"}
    found: dict[str, Difference] = {}
    for each in fields(before):
        was, now = getattr(before, each.name), getattr(after, each.name)
        if was == now:
            continue
        name = together.get(each.name, each.name) if part == "step" else each.name
        is_whole = name != each.name
        found[name] = Difference(part, kind, name, before if is_whole else was, after if is_whole else now)
    return list(found.values())
