"""A vocabulary refuses names that a rule could not tell apart."""

from __future__ import annotations

from typing import Any

import pytest

from app.criteria.grammar import parse
from app.criteria.terms import read_vocabulary
from app.criteria.words import Language
from app.errors import Invalid


def table(**terms: tuple[str, str]) -> dict[str, Any]:
    return {code: {"kind": kind, "zh": zh} for code, (kind, zh) in terms.items()}


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        pytest.param(table(Level=("text", "等级")), "Level", id="a code with capitals"),
        pytest.param(table(_level=("text", "等级")), "_level", id="a code that begins with an underscore"),
        pytest.param({"level": {"kind": "text", "zh": ""}}, "level", id="no Chinese name"),
        pytest.param(table(level=("text", "等 级")), "level", id="a name with a blank"),
        pytest.param(table(level=("text", "等级=")), "level", id="a name with a sign"),
        pytest.param(table(idle=("days", "30天内")), "idle", id="a name that begins with a digit"),
        pytest.param(table(idle=("days", "３０天内")), "idle", id="and a full-width one"),
        pytest.param(table(has=("text", "有")), "has", id="a word of the language as a code"),
        pytest.param(table(level=("text", "不含")), "level", id="and as a name"),
        pytest.param(table(a=("text", "等级"), b=("flag", "等级")), "b", id="a name taken"),
        pytest.param(table(a=("text", "甲"), b=("flag", "a")), "b", id="a name that is another's code"),
        pytest.param(table(level=("colour", "等级")), "level", id="an unknown kind"),
        pytest.param({"level": {"kind": "text"}}, "level", id="no name at all"),
        pytest.param({"level": {"kind": "text", "zh": "等级", "en": "x"}}, "level", id="something more"),
        pytest.param({"level": "text"}, "level", id="not a table"),
    ],
)
def test_refused(raw: dict[str, Any], place: str):
    with pytest.raises(Invalid) as refused:
        read_vocabulary(raw)
    assert (refused.value.code, refused.value.place) == ("bad_vocabulary", place)


def test_two_vocabularies_are_one_where_they_share_terms():
    event = read_vocabulary(table(amount=("money", "金额"), level=("text", "等级")))
    member = read_vocabulary(table(orders=("number", "次数"), level=("text", "等级")))
    assert parse('amount > 1 and orders > 1 and level = "a"', event | member).terms == {
        "amount",
        "orders",
        "level",
    }


def test_two_vocabularies_that_mean_different_things_by_a_name_are_not_joined():
    with pytest.raises(Invalid):
        read_vocabulary(table(level=("text", "等级"))) | read_vocabulary(table(level=("number", "等级")))


def test_the_longest_name_is_read_and_a_word_within_a_name_is_none():
    raw = table(a=("flag", "会员"), b=("flag", "非会员"), c=("flag", "会员或访客"), order=("number", "单数"))
    vocabulary = read_vocabulary(raw)
    assert parse("非会员或 会员或访客", vocabulary).text(Language.EN) == "b or c"
    assert parse("非 会员", vocabulary).text(Language.EN) == "not a"
    assert parse("order > 1 or a", vocabulary).text(Language.EN) == "order > 1 or a"


def test_names_are_read_whatever_their_width_and_case():
    vocabulary = read_vocabulary(table(vip_level=("text", "ＶIP等级")))
    assert parse('vip等级 = "a"', vocabulary) == parse('VIP_Level = "a"', vocabulary)
