"""What must hold of a plan document beyond its form: every rule can be read, and what it names is known."""

from __future__ import annotations

from collections.abc import Iterator

from app.errors import Invalid
from app.follow_ups.facts import criterion_of
from app.follow_ups.measuring.holding_out import LONGEST_SALT
from app.follow_ups.plans.documents import Document, TriggerKind
from app.follow_ups.triggers.festivals import festivals

# The salt of who is held out of everything; a plan's own salt is its code, which is never this.
GLOBAL_SALT = "global"


def check(document: Document) -> None:
    """Raises `Invalid` (`bad_plan_step`) at the first rule that cannot be read: its place, and what is wrong with it.

    Places are `trigger.when`, `steps[2].when`, `steps[2].scripts`, `trigger.festival` and `code`.
    """
    for place, text in _rules(document):
        try:
            criterion_of(text)
        except Invalid as error:
            raise Invalid("bad_plan_step", place=place, rule=text, **error.details) from error
    trigger = document.trigger
    if trigger.kind is TriggerKind.FESTIVAL and trigger.festival not in festivals():
        known = ", ".join(sorted(festivals()))
        raise Invalid("bad_plan_step", place="trigger.festival", problem=f"none of {known}")
    if document.code == GLOBAL_SALT:
        raise Invalid("bad_plan", place="code", problem="taken")
    if len(document.code.encode()) > LONGEST_SALT:
        raise Invalid("bad_plan", place="code", problem=f"more than {LONGEST_SALT} bytes")


def _rules(document: Document) -> Iterator[tuple[str, str]]:
    yield "trigger.when", document.trigger.condition
    for step in document.steps:
        yield f"steps[{step.step_no}].when", step.condition
        yield from ((f"steps[{step.step_no}].scripts", rule.condition) for rule in step.scripts)
