"""What texts say: each is written back in the one canonical way, in both languages."""

from __future__ import annotations

import pytest

from app.criteria.grammar import MAX_CONDITIONS, MAX_DEPTH, parse
from app.criteria.tree import ALWAYS
from app.criteria.words import Language
from tests.criteria.samples import VOCABULARY

BRIEF = (
    '近90天消费 >= 500 且 标签 含 "羊毛" 且 非 (等级 = "金卡" 或 购买次数 < 2)',
    'amount_90d >= 500 and tags has "羊毛" and not (level = "金卡" or orders < 2)',
)


def in_english(text: str) -> str:
    return parse(text, VOCABULARY).text(Language.EN)


@pytest.mark.parametrize(
    "text",
    [
        *BRIEF,
        '近90天消费>=500且标签含"羊毛"且非(等级="金卡"或购买次数<2)',
        "近９０天消费＞＝５００元且标签含“羊毛”且非（等级是「金卡」或购买次数小于2）",
        "AMOUNT_90D ≥ 500.00 yuan && Tags Has '羊毛' && !(Level IS 『金卡』 || Orders < 2)",
        "近90天消费 不少于 500\n  并且 标签 包含 ＂羊毛＂\n  而且 并非 （等级 等于 ”金卡“ 或者 购买次数 少于 2）\n",
    ],
)
def test_many_writings_are_one_criterion(text: str):
    criterion = parse(text, VOCABULARY)
    assert (criterion.text(Language.ZH), criterion.text(Language.EN)) == BRIEF
    assert criterion == parse(BRIEF[0], VOCABULARY)


@pytest.mark.parametrize(
    ("text", "english", "chinese"),
    [
        ("orders != -3", "orders != -3", "购买次数 != -3"),
        ("购买次数 ≠ －3", "orders != -3", "购买次数 != -3"),
        ("未购天数 超过 30天", "idle > 30", "未购天数 > 30"),
        ("未购天数介于30到60天", "idle between 30 and 60", "未购天数 介于 30 至 60"),
        (
            "idle between 30 and 60 and vip",
            "idle between 30 and 60 and vip",
            "未购天数 介于 30 至 60 且 会员",
        ),
        ("amount_90d at least 0.5", "amount_90d >= 0.5", "近90天消费 >= 0.5"),
        ("amount_90d < 499.99", "amount_90d < 499.99", "近90天消费 < 499.99"),
        ("amount_90d > -0.05", "amount_90d > -0.05", "近90天消费 > -0.05"),
        ("amount_90d = -0", "amount_90d = 0", "近90天消费 = 0"),
        ("生日 不早于 2026年3月1日", "born >= 2026-03-01", "生日 >= 2026-03-01"),
        ("born in [2026/3/1, 2026-12-31]", "born in [2026-03-01, 2026-12-31]", None),
        ("等级 属于 【“金卡”、“银卡”，“金卡”】", 'level in ["金卡", "银卡"]', '等级 属于 ["金卡", "银卡"]'),
        ('等级 不属于 ["金卡"]', 'level not in ["金卡"]', '等级 不属于 ["金卡"]'),
        ('not level in ["金卡"]', 'level not in ["金卡"]', None),
        ('标签 不含 "羊毛"', 'tags lacks "羊毛"', '标签 不含 "羊毛"'),
        ('not tags has "羊毛"', 'tags lacks "羊毛"', None),
        ('tags has any ["a", "b"]', 'tags has any ["a", "b"]', '标签 含任一 ["a", "b"]'),
        ('标签 含全部 ["a", "b"]', 'tags has all ["a", "b"]', None),
        ('tags has all ["a", "a"]', 'tags has "a"', None),
        ("等级 未知 或 等级 != ''", 'level is unknown or level != ""', '等级 未知 或 等级 != ""'),
        ("not level is known", "level is unknown", "等级 未知"),
        ("not level is unknown", "not level is unknown", "非 等级 未知"),
        ("level is  not\tknown", "level is unknown", None),
        ("非 会员", "not vip", "非 会员"),
        ("非会员到店", "in_store", "非会员到店"),
        ("not in_store", "not in_store", "非 非会员到店"),
        (r'level = "a\"b\\c\“d"', 'level = "a\\"b\\\\c\\“d"', None),
        ("level = 'a\"b'", 'level = "a\\"b"', None),
        ('level = "Ｇold，=［ "', 'level = "Ｇold，=［ "', None),
    ],
)
def test_a_text_says(text: str, english: str, chinese: str | None):
    assert in_english(text) == english
    if chinese is not None:
        assert parse(text, VOCABULARY).text(Language.ZH) == chinese


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("vip or in_store and vip", "vip or in_store and vip"),
        ("(vip or in_store) and vip", "(vip or in_store) and vip"),
        ("vip and (in_store and vip)", "vip and in_store and vip"),
        ("((vip) or ((in_store or vip)))", "vip or in_store or vip"),
        ("not vip and in_store", "not vip and in_store"),
        ("not (vip and in_store)", "not (vip and in_store)"),
        ("not not (not vip)", "not not not vip"),
    ],
)
def test_and_binds_tighter_than_or_and_not_tighter_than_both(text: str, canonical: str):
    assert in_english(text) == canonical


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_nothing_always_holds(text: str):
    criterion = parse(text, VOCABULARY)
    assert criterion.node == ALWAYS
    assert criterion.text(Language.ZH) == criterion.text(Language.EN) == ""
    assert criterion.terms == frozenset()
    assert criterion.holds({})
    assert criterion.explain({}).clauses == ()


def test_terms_are_what_must_be_fetched():
    assert parse(BRIEF[0], VOCABULARY).terms == {"amount_90d", "tags", "level", "orders"}


def test_limits_are_reached():
    assert in_english("(" * MAX_DEPTH + "vip" + ")" * MAX_DEPTH) == "vip"
    assert in_english(" and ".join(["vip"] * MAX_CONDITIONS)).count("vip") == MAX_CONDITIONS
