"""What a plan document must hold so that it can be measured and learned from."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import Invalid
from app.follow_ups.plans.checking import check
from app.follow_ups.plans.reading import read_document
from tests.world import PLAN


def with_scripts(scripts: Any) -> dict[str, Any]:
    first = {name: value for name, value in PLAN["steps"][0].items() if name != "script"}
    return {**PLAN, "steps": [{**first, "scripts": scripts}, *PLAN["steps"][1:]]}


@pytest.mark.parametrize(
    "scripts",
    [
        ["a", "b", "a"],
        [{"when": "", "use": ["a", "a"]}],
    ],
)
def test_a_script_listed_twice_is_refused_with_its_step(scripts: Any):
    with pytest.raises(Invalid) as refused:
        read_document(with_scripts(scripts))
    assert refused.value.place == "steps[1].scripts"
    assert "twice" in str(refused.value.details["problem"])


def test_the_same_script_in_two_rules_is_no_mistake():
    document = read_document(with_scripts([{"when": "", "use": ["a", "b"]}, {"use": "a"}]))
    assert document.steps[0].script_codes == ("a", "b", "a")


@pytest.mark.parametrize("code", ["global", "计划" * 11])
def test_a_code_that_cannot_be_a_salt_is_refused(code: str):
    """It is: "global" is the salt of those held out of everything, and a key has at most 64 bytes."""
    with pytest.raises(Invalid) as refused:
        check(read_document({**PLAN, "code": code}))
    assert refused.value.place == "code"


def test_a_code_of_the_longest_in_chinese_is_taken():
    check(read_document({**PLAN, "code": "计划" * 10}))
