"""The words of a task: which script, why that one, and every variable that can be known filled in."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from babel.dates import format_skeleton
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import table_of
from app.follow_ups.asking import Opening
from app.follow_ups.conditions import Conditions
from app.follow_ups.measuring.choosing import ScriptResult, choose
from app.follow_ups.measuring.models import ScriptResult as ScriptResultRow
from app.follow_ups.states import Channel
from app.orders.queries import main_articles
from app.sales_scripts.queries import scripts_by_code
from app.sales_scripts.rules import fill

DATE_LOCALE = "zh_Hans_CN"
LONGEST_WHY = 255
OF_NOBODY = ("associate", "store")


class Words:
    """The scripts, articles and results that some openings need."""

    def __init__(self, session: Session, openings: Sequence[Opening], conditions: Conditions) -> None:
        steps = {id(opening.fallen.step): opening.fallen.step for opening in openings}.values()
        codes = {code for step in steps for code in (*step.script_codes, step.invite_script_code)}
        self._scripts = scripts_by_code(session, codes)
        anchors = {(opening.fallen.member_id, opening.fallen.row.anchor_on) for opening in openings}
        self._articles = main_articles(session, anchors)
        self._results = _results(session, openings)
        self._conditions = conditions

    def of(self, opening: Opening) -> dict[str, str]:
        """`why` for the associate and `text` for the member; an unfilled variable stays and blocks the sending."""
        fallen, member = opening.fallen, opening.member
        article = self._articles.get((member.id, fallen.row.anchor_on))
        values: Mapping[str, str] = {
            "member": member.name,
            "associate": opening.assignee.name,
            "store": fallen.store.name,
            "product": article or fallen.version.document.product_fallback,
            "purchased_on": _day(fallen.row.anchor_on),
        }
        said = values
        if opening.channel is Channel.MOMENT:  # everybody sees it: nothing of one member is told
            said = {name: values[name] for name in OF_NOBODY}
        code, because = self._script(opening)
        script = self._scripts.get(code)
        return {
            "script_code": code,
            "chosen_because": because,
            "why": fill(fallen.step.why, values)[:LONGEST_WHY],
            "text": fill(script.body, said) if script else "",
        }

    def _script(self, opening: Opening) -> tuple[str, str]:
        """The script's code, and why it was chosen as JSON, "" where there was no choice."""
        fallen = opening.fallen
        if opening.channel is Channel.INVITE:
            return fallen.step.invite_script_code, ""
        number, codes = self._rule(opening)
        approved = [code for code in codes if code in self._scripts]
        if len(fallen.step.script_codes) == 1:
            return next(iter(approved), ""), ""
        results = [self._result(opening, code) for code in approved]
        document = fallen.version.document
        choice = choose(
            results,
            enrollment_id=fallen.id,
            step_no=fallen.step.step_no,
            salt=document.code,
            learning=document.learns,
        )
        if choice is None:  # none of them is approved any more
            return "", ""
        why: dict[str, Any] = {"rule": number, "reason": choice.why.reason}
        if document.learns:
            why |= {
                "chance": round(choice.probability, 3),
                "sent": choice.why.chosen.tried,
                "succeeded": choice.why.chosen.succeeded,
                "best": choice.why.best.script_code,
            }
        return choice.script_code, json.dumps(why, separators=(",", ":"))

    def _rule(self, opening: Opening) -> tuple[int, Sequence[str]]:
        """The first rule that holds, counted from 1, with its scripts; (0, none) where none does."""
        member_id = opening.fallen.member_id
        for number, rule in enumerate(opening.fallen.step.scripts, start=1):
            if self._conditions.hold(member_id, rule.condition):
                return number, rule.codes
        return 0, ()

    def _result(self, opening: Opening, code: str) -> ScriptResult:
        step = opening.fallen.step
        tried, succeeded = self._results.get((opening.fallen.row.plan_id, step.kind, code), (0, 0))
        return ScriptResult(code, tried, succeeded)


def _results(session: Session, openings: Sequence[Opening]) -> Mapping[tuple[int, str, str], tuple[int, int]]:
    """How the scripts of plans that learn did; nothing is read where none does."""
    kinds: dict[int, set[str]] = defaultdict(set)
    for opening in openings:
        if opening.fallen.version.document.learns:
            kinds[opening.fallen.row.plan_id].add(opening.fallen.step.kind)
    if not kinds:
        return {}
    table = table_of(ScriptResultRow)
    query = select(table).where(
        table.c.plan_id.in_(sorted(kinds)), table.c.step_kind.in_(sorted(set().union(*kinds.values())))
    )
    return {
        (row.plan_id, row.step_kind, row.script_code): (row.sent, row.succeeded)
        for row in session.connection().execute(query)
    }


@lru_cache(maxsize=1024)
def _day(on: date) -> str:
    return format_skeleton("MMMd", on, locale=DATE_LOCALE)
