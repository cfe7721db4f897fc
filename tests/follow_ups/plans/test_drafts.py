"""Drafts: every mistake named by its place and line, two editors of whom the second is told, publishing, comparing."""

from __future__ import annotations

import json
import tomllib
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app.db import Database
from app.errors import Conflict, Invalid
from app.follow_ups.models import FollowUpPlan, PlanVersion
from app.follow_ups.plans.comparing import differences
from app.follow_ups.plans.documents import canonical
from app.follow_ups.plans.drafts import (
    check_text,
    discard_draft,
    find_draft,
    publish_draft,
    publish_text,
    save_draft,
    text_of_version,
)
from app.follow_ups.plans.misreading import Slip, read_toml
from app.follow_ups.plans.reading import read_document
from app.follow_ups.plans.releases import history, in_force, release
from app.follow_ups.plans.versions import get_version
from app.follow_ups.plans.writing import as_toml, line_of
from app.stores.models import Store
from tests.world import PLAN, ROOT, World

TEXT = (ROOT / "config" / "plans" / "after_purchase.toml").read_text(encoding="utf-8")
CODE = "after_purchase"
WRONG = """\
code = "p"
name = ""
product_fallback = "那件"
colour = 1
hold_out = 80

[trigger]
on = "full moon"

[[steps]]
kind = "a"
after = "soon"
valid = "3 days"
on_repurchase = "restart"
priority = 500
channel = "pigeon"
title = "t"
why = "w"
invite_script = "add_wecom"
"""


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def places(world: World, text: str, code: str = "") -> list[tuple[str, int | None, str]]:
    """Where what is wrong."""
    with world.database.reading() as session:
        checked = check_text(session, text, code)
    return [(one.place, one.line, str(one.error.details["problem"])) for one in checked.mistakes]


def save(world: World, text: str, began_with: datetime | None, code: str = CODE) -> datetime:
    with world.database.transaction() as session:
        return save_draft(session, code, text, began_with, None).edited_at


def plan_id(world: World) -> int:
    with world.database.reading() as session:
        return session.scalars(select(FollowUpPlan.id)).one()


def test_every_mistake_is_named_by_its_place_and_line(world: World):
    assert places(world, WRONG) == [
        ("name", 2, "text"),
        ("colour", 4, "unknown_field"),
        ("hold_out", 5, "percentage"),
        ("trigger.on", 8, "not_one_of"),
        ("steps[1].script", 10, "missing"),
        ("steps[1].after", 12, "after"),
        ("steps[1].priority", 15, "number"),
        ("steps[1].channel", 16, "not_one_of"),
    ]


def test_a_text_that_is_no_toml_is_named_by_its_line(world: World):
    assert places(world, 'code = "p"\nname = \n') == [("", 2, "no_value")]


@pytest.mark.parametrize(
    ("text", "line", "problem", "particulars"),
    [
        ('code = "p"\nname = "x\nlearn = true\n', 2, "quote_open", {}),
        ('code = \'p\nname = "x"\n', 1, "quote_open", {}),
        ("code = 'p\nname = 'x'\n", 1, "quote_open", {}),
        ('code = "p"\nwhy = """x\ny\n', 2, "quote_open", {}),
        ('code = "p"\n\nname = "x', 3, "quote_open", {}),
        ('code = "p"\nname = "x"\ncode = "q"\n', 3, "name_twice", {"name": "code"}),
        ('scripts = []\nscripts = [\n"a",\n]\n', 2, "name_twice", {"name": "scripts"}),
        ("[stops]\n[credit]\n[stops]\n", 3, "name_twice", {"name": "stops"}),
        ("scripts = [{ use = 1, use = 2 }]\n", 1, "name_twice", {"name": "use"}),
        ('code "p"\n', 1, "no_equals", {}),
        ('code = "p"\r\nname = x\r\n', 2, "no_value", {"column": 8}),
        ("priority = 09\n", 1, "no_value", {"column": 13}),
        ("dates = [2026-02-30]\n", 1, "no_such_date", {}),
        ('scripts = ["a" "b"]\n', 1, "bracket_open", {"column": 16}),
        ('why = "C:\\dir"\n', 1, "backslash", {}),
        ("name = \u201cx\u201d\n", 1, "full_width", {"column": 8, "found": "\u201c"}),
        ("name \uff1d 1\n", 1, "full_width", {"column": 6}),
        ('\u540d = "x"\n', 1, "no_statement", {}),
        ('name = "\x01"\n', 1, "not_toml", {"found": "Illegal character '\\x01'"}),
        (f"priority = {'9' * 5000}\n", 1, "not_toml", {}),
        (f"priority = {'[' * 5000}\n", 1, "not_toml", {}),
    ],
)
def test_what_makes_a_text_no_toml_is_told_by_what_it_is(
    text: str, line: int, problem: str, particulars: dict[str, object]
):
    slip = read_toml(text)
    assert isinstance(slip, Slip)
    assert (slip.line, slip.error.details["problem"]) == (line, problem)
    assert particulars.items() <= slip.error.details.items()


def test_rules_scripts_tags_and_festivals_nobody_knows_are_named(world: World):
    rule = TEXT.replace('title = "30 天搭配"', 'title = "30 天搭配"\nwhen = "ordes > 1"')
    assert places(world, rule) == [("steps[3].when", line_of(rule, "steps[3].when"), "unknown_term")]
    script = TEXT.replace('script = "fit_3d"', 'script = "nobody_wrote"')
    assert places(world, script) == [("steps[2].scripts", line_of(script, "steps[2]."), "unknown_script")]
    tag = TEXT.replace("[[steps]]", '[trigger]\non = "tag_gained"\ntag = "羊毛"\n\n[[steps]]', 1)
    assert [place for place, _, _ in places(world, tag)] == ["trigger.tag"]
    festival = TEXT.replace("[[steps]]", '[trigger]\non = "festival"\nfestival = "moon"\n\n[[steps]]', 1)
    assert [place for place, _, _ in places(world, festival)] == ["trigger.festival"]
    assert places(world, TEXT, "another") == [("code", line_of(TEXT, "code"), "other_code")]
    assert places(world, TEXT) == []


def test_a_step_that_comes_before_the_one_before_it_is_named(world: World):
    assert [one[0] for one in places(world, TEXT.replace('"60 days"', '"20 days"'))] == ["steps[4].after"]


def test_the_second_of_two_editors_is_told_and_nothing_is_lost(world: World):
    began = save(world, "first", None)
    later = save(world, "second", began)
    assert later > began
    with pytest.raises(Conflict):
        save(world, "third", began)
    with pytest.raises(Conflict):
        save(world, "fourth", None)
    with pytest.raises(Conflict), world.database.transaction() as session:
        discard_draft(session, CODE, began)
    with world.database.reading() as session:
        draft = find_draft(session, CODE)
        assert draft is not None
        assert draft.document == "second"


def test_saving_twice_at_one_instant_still_tells_the_two_apart(world: World):
    with world.database.transaction() as session:
        first = save_draft(session, CODE, "first", None, None).edited_at
        second = save_draft(session, CODE, "second", first, None).edited_at
        assert second > first


@pytest.mark.parametrize("code", ["", "Big", "a b", "x" * 33, "../a"])
def test_a_code_that_could_not_be_one_is_refused(world: World, code: str):
    with pytest.raises(Invalid):
        save(world, "text", None, code)


def test_a_draft_becomes_a_canary_is_widened_and_rolled_back(world: World):
    text = TEXT.replace('title = "3 天回访"', 'title = "三天回访"')
    began = save(world, text, None)
    with world.database.transaction() as session:
        store_id = session.scalars(select(Store.id)).one()
        canary = publish_draft(session, CODE, began, store_ids=[store_id], by=None, note="try it")
    the_plan = plan_id(world)
    with world.database.reading() as session:
        force = in_force(session)
        first = get_version(session, force.everywhere[the_plan] or 0)
        assert (first.number, canary.number) == (1, 2)
        assert force.version_id(the_plan, store_id) == canary.id
        assert [one.is_in_force for one in history(session, the_plan)] == [True, True]
    with world.database.transaction() as session:
        widened = publish_draft(session, CODE, began, store_ids=None, by=None)
    assert widened.id == canary.id
    with world.database.transaction() as session:
        release(session, the_plan, first.id, note="back")
    with world.database.reading() as session:
        assert in_force(session).version_ids(the_plan) == {first.id}
        told = history(session, the_plan)
        assert [one.is_in_force for one in told] == [True, False, False, False]
        assert [one.store_ids for one in told] == [None, None, (store_id,), None]
        assert [one.note for one in told] == ["back", "", "try it", ""]
        assert len(session.scalars(select(PlanVersion.id)).all()) == 2


def test_nothing_is_published_from_a_draft_that_is_wrong_or_that_changed(world: World):
    began = save(world, WRONG, None, "p")
    with pytest.raises(Invalid), world.database.transaction() as session:
        publish_draft(session, "p", began, store_ids=None, by=None)
    save(world, TEXT, began, "p")
    with pytest.raises(Conflict), world.database.transaction() as session:
        publish_draft(session, "p", began, store_ids=None, by=None)
    with world.database.reading() as session:
        assert len(session.scalars(select(FollowUpPlan)).all()) == 1


def test_a_version_can_be_taken_up_again_as_text(world: World):
    with world.database.transaction() as session:
        publish_text(session, TEXT.replace("priority = 90", "priority = 91"))
    with world.database.reading() as session:
        text = text_of_version(session, plan_id(world), 2)
        assert check_text(session, text, CODE).mistakes == ()
    assert canonical(tomllib.loads(text)) == canonical(
        tomllib.loads(TEXT.replace("priority = 90", "priority = 91"))
    )
    for step in tomllib.loads(text)["steps"]:
        assert list(step)[:2] == ["kind", "after"]


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(name=WORDS, when=WORDS, codes=st.lists(WORDS, min_size=1, max_size=3))
def test_whatever_a_document_says_its_toml_says_too(name: str, when: str, codes: list[str]):
    step: dict[str, Any] = {"kind": name, "scripts": [{"when": when, "use": codes}], "service": True}
    raw = {"code": "p", "name": name, "hold_out": 2.5, "trigger": {"on": "dates", "dates": ["2026-01-01"]}}
    raw["steps"] = [step, step]
    assert tomllib.loads(as_toml(json.loads(canonical(raw)))) == raw


def changed(**steps: Any) -> dict[str, Any]:
    raw = json.loads(canonical(PLAN))
    raw["steps"][1] |= steps
    return dict(raw)


def test_what_differs_is_told_by_part_and_field():
    before, after = read_document(PLAN), read_document(changed(after="4 days at 10:30", priority=95))
    found = differences(before, after)
    assert [(one.part, one.kind, one.field) for one in found] == [
        ("step", "fit", "after"),
        ("step", "fit", "priority"),
    ]
    assert differences(before, before) == []


def test_steps_that_came_or_went_are_one_difference_each():
    raw = changed(kind="measure")
    raw["stops"] = {"refund": "part"}
    found = differences(read_document(PLAN), read_document(raw))
    told = [(one.part, one.kind, one.field, one.before is None, one.after is None) for one in found]
    assert told == [
        ("stops", "", "refund", False, False),
        ("step", "fit", "step", False, True),
        ("step", "measure", "step", True, False),
    ]
