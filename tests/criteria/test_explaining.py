"""Why has she this: the deciding conditions, and nothing that did not matter."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.criteria.criterion import Criterion
from app.criteria.explaining import Explanation
from app.criteria.grammar import parse
from app.criteria.terms import Facts, Kind, Term, Value
from app.criteria.tree import Node, conditions
from app.criteria.words import Language
from app.criteria.writing import write_value
from tests.criteria.samples import VOCABULARY, facts, nodes, nothing_known

RULE = '近90天消费 >= 500 且 (标签 含 "羊毛" 或 会员) 且 非 (等级 = "金卡" 或 购买次数 < 2)'
SHE: Facts = {
    **nothing_known,
    "amount_90d": 62_350,
    "tags": frozenset({"羊毛", "商务"}),
    "vip": False,
    "level": "银卡",
    "orders": 3,
}


def why(found: Facts, text: str = RULE) -> Explanation:
    return parse(text, VOCABULARY).explain(found)


def reasons(found: Facts, language: Language = Language.ZH) -> list[tuple[str, str]]:
    return [(clause.text(language), clause.value_text(language)) for clause in why(found).reasons]


def test_what_made_it_hold_is_said_and_what_did_not_matter_is_not():
    assert why(SHE).holds
    assert reasons(SHE) == [
        ("近90天消费 >= 500", "623.5 元"),
        ('标签 含 "羊毛"', "商务、羊毛"),
        ('非 等级 = "金卡"', "银卡"),
        ("非 购买次数 < 2", "3"),
    ]


def test_it_is_said_as_people_say_it_whatever_the_rule_turns_round():
    said = [clause.said(Language.ZH) for clause in why(SHE).reasons]
    assert said == [
        "近90天消费 623.5 元，要求不低于 500 元",
        '标签 含 "羊毛"，现为 商务、羊毛',
        "等级 银卡，要求不是 金卡",
        "购买次数 3，要求不低于 2",
    ]
    found = {**SHE, "born": date(2026, 3, 1), "idle": 40}
    rule = "生日 <= 2026-02-28 且 未购天数 介于 30 至 60 且 非 未购天数 介于 50 至 60"
    clauses = why(found, rule).clauses
    assert [clause.said(Language.ZH) for clause in clauses] == [
        "生日 2026-03-01，要求不晚于 2026-02-28",
        "未购天数 40 天，要求在 30 天 到 60 天 之间",
        "非 未购天数 介于 50 至 60，现为 40 天",
    ]
    assert clauses[0].said(Language.EN) == "born 2026-03-01, wanted: no later than 2026-02-28"


def test_what_kept_it_from_holding_is_said():
    found = {**SHE, "orders": 1, "tags": frozenset[str]()}
    assert not why(found).holds
    assert reasons(found, Language.EN) == [
        ('tags has "羊毛"', "none"),
        ("vip", "no"),
        ("not orders < 2", "1"),
    ]
    assert {clause.met for clause in why(found).reasons} == {False}


def test_what_is_not_known_is_said_where_that_is_why():
    explanation = why({**SHE, "level": None})
    assert explanation.outcome is None
    assert reasons({**SHE, "level": None}) == [('非 等级 = "金卡"', "未知")]


def test_it_is_plain_json_with_every_clause():
    told = why(SHE).as_json(Language.ZH)
    assert json.loads(json.dumps(told)) == told
    assert told["outcome"] is True
    assert isinstance(told["clauses"], list)
    assert told["clauses"][2] == {
        "term": "vip",
        "name": "会员",
        "text": "会员",
        "value": "否",
        "met": False,
        "decides": False,
    }


@pytest.mark.parametrize(
    ("kind", "value", "chinese", "english"),
    [
        (Kind.MONEY, 50_000, "500 元", "500 yuan"),
        (Kind.MONEY, -5, "-0.05 元", "-0.05 yuan"),
        (Kind.DAYS, 30, "30 天", "30 days"),
        (Kind.NUMBER, 0, "0", "0"),
        (Kind.DATE, date(2026, 3, 1), "2026-03-01", "2026-03-01"),
        (Kind.TEXT, "金卡", "金卡", "金卡"),
        (Kind.TEXT, "", "无", "none"),
        (Kind.TEXTS, frozenset({"b", "a"}), "a、b", "a, b"),
        (Kind.FLAG, True, "是", "yes"),
        (Kind.FLAG, None, "未知", "unknown"),
    ],
)
def test_a_value_is_said(kind: Kind, value: Value, chinese: str, english: str):
    term = Term("x", kind, "某")
    assert write_value(term, value, Language.ZH) == chinese
    assert write_value(term, value, Language.EN) == english


@settings(deadline=None)
@given(nodes(), facts)
def test_it_says_what_holds_says_and_its_reasons_came_out_alike(node: Node, found: Facts):
    criterion = Criterion(node)
    explanation = criterion.explain(found)
    assert explanation.holds is criterion.holds(found)
    assert [clause.condition for clause in explanation.clauses] == list(conditions(node))
    assert explanation.reasons
    assert {clause.met for clause in explanation.reasons} == {explanation.outcome}
    if explanation.outcome is None:
        assert {clause.value for clause in explanation.reasons} == {None}


@settings(deadline=None)
@given(nodes(), facts, facts)
def test_the_reasons_are_reason_enough(node: Node, found: Facts, other: Facts):
    """Whatever else were so, with the deciding facts as they are the outcome would be the same."""
    explanation = Criterion(node).explain(found)
    if explanation.outcome is None:
        return
    decided = {clause.term.code for clause in explanation.reasons}
    changed = {code: found[code] if code in decided else other[code] for code in found}
    assert Criterion(node).explain(changed).outcome is explanation.outcome


@settings(deadline=None)
@given(nodes(), facts, st.sampled_from(list(Language)))
def test_each_clause_is_a_rule_of_its_own_and_met_as_it_says(node: Node, found: Facts, language: Language):
    for clause in Criterion(node).explain(found).clauses:
        alone = parse(clause.text(language), VOCABULARY)
        assert alone.explain(found).outcome is clause.met
