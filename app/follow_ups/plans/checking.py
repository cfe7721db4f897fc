"""What must hold of a plan document beyond its form: every rule can be read, and what it names is known."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.criteria.tree import Has, conditions
from app.errors import Invalid
from app.follow_ups.facts import criterion_of
from app.follow_ups.measuring.holding_out import LONGEST_SALT
from app.follow_ups.plans.documents import Document, TriggerKind
from app.follow_ups.states import Channel
from app.follow_ups.triggers.festivals import festivals
from app.sales_scripts.queries import scripts_by_code
from app.tagging.models import Tag
from app.worklist.attention import read_budget

# The salt of who is held out of everything; a plan's own salt is its code, which is never this.
GLOBAL_SALT = "global"


def check(document: Document) -> None:
    """Raises `Invalid` (`bad_plan_step`, `bad_plan`) for the first of `mistakes_of`."""
    for mistake in mistakes_of(document):
        raise mistake


def mistakes_of(document: Document) -> list[Invalid]:
    """Every rule that cannot be read, and every name that nobody knows, by its place.

    Places are `trigger.when`, `steps[2].when`, `steps[2].scripts`, `trigger.festival` and `code`. A rule's details are
    those of its refusal (`criteria.refusing`) and the `rule`.
    """
    mistakes = []
    for place, text in _rules(document):
        try:
            criterion_of(text)
        except Invalid as error:
            mistakes.append(Invalid("bad_plan_step", place=place, rule=text, **error.details))
    trigger = document.trigger
    if trigger.kind is TriggerKind.FESTIVAL and trigger.festival not in festivals():
        known = ", ".join(sorted(festivals()))
        wrong = Invalid("bad_plan", place="trigger.festival", problem="not_one_of", allowed=known)
        mistakes.append(wrong)
    if document.hold_out_per_mille:
        mistakes += _moments(document, "moment_of_held_out")
    if document.code == GLOBAL_SALT:
        mistakes.append(Invalid("bad_plan", place="code", problem="taken"))
    if len(document.code.encode()) > LONGEST_SALT:
        mistakes.append(Invalid("bad_plan", place="code", problem="text", most=LONGEST_SALT))
    return mistakes


def seen_by_held_out(session: Session, document: Document) -> list[Invalid]:
    """Its moments, while members are kept out of everything: those would see them, too (`plans.moments`)."""
    return _moments(document, "moment_of_all") if read_budget(session).hold_out_per_mille else []


def unknown_names(session: Session, document: Document) -> list[Invalid]:
    """Scripts and tags that the document speaks of and that there are not, by their place."""
    wanted = list(_scripts(document))
    known = scripts_by_code(session, {code for _, code in wanted})
    mistakes = [
        Invalid("bad_plan", place=place, problem="unknown_script", found=code)
        for place, code in wanted
        if code not in known
    ]
    tags = set(session.scalars(select(Tag.name).where(Tag.ended_at.is_(None))))
    return mistakes + [
        Invalid("bad_plan", place=place, problem="unknown_tag", found=name)
        for place, name in _tags(document)
        if name not in tags
    ]


def _moments(document: Document, problem: str) -> list[Invalid]:
    return [
        Invalid("bad_plan", place=f"steps[{step.step_no}].channel", problem=problem)
        for step in document.steps
        if step.channel is Channel.MOMENT
    ]


def _rules(document: Document) -> Iterator[tuple[str, str]]:
    yield "trigger.when", document.trigger.condition
    for step in document.steps:
        yield f"steps[{step.step_no}].when", step.condition
        yield from ((f"steps[{step.step_no}].scripts", rule.condition) for rule in step.scripts)


def _scripts(document: Document) -> Iterator[tuple[str, str]]:
    for step in document.steps:
        yield from ((f"steps[{step.step_no}].scripts", code) for code in step.script_codes)
        yield f"steps[{step.step_no}].invite_script", step.invite_script_code


def _tags(document: Document) -> Iterator[tuple[str, str]]:
    if document.trigger.kind is TriggerKind.TAG_GAINED:
        yield "trigger.tag", document.trigger.tag
    for place, text in _rules(document):
        for condition in conditions(criterion_of(text).node):
            if isinstance(condition, Has) and condition.term.code == "tags":
                yield from ((place, name) for name in condition.texts)
