"""A wrong text is refused at its first wrong place, with what was expected there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.criteria.grammar import MAX_CHARACTERS, MAX_CONDITIONS, MAX_DEPTH, parse
from app.criteria.refusing import explain_refusal
from app.criteria.words import Language
from app.errors import Invalid
from tests.criteria.samples import VOCABULARY

TEXT_TAKES = "'=', '!=', 'in', 'not in', 'is known' or 'is unknown'"


def refusal(text: str) -> Invalid:
    with pytest.raises(Invalid) as refused:
        parse(text, VOCABULARY)
    return refused.value


@pytest.mark.parametrize(
    ("text", "problem", "found", "position"),
    [
        ("levl = 'x'", "unknown_term", "levl", 1),
        ("vip and 消费额 > 3", "unknown_term", "消费额", 9),
        ("vip and", "cut_short", "", 8),
        ("vip in_store", "unexpected", "in_store", 5),
        ("vip)", "unexpected", ")", 4),
        ("(vip", "cut_short", "", 5),
        ("not", "cut_short", "", 4),
        ("and vip", "unexpected", "and", 1),
        ("orders", "cut_short", "", 7),
        ("orders 3", "unexpected", "3", 8),
        ("orders >", "cut_short", "", 9),
        ("500 <= orders", "unexpected", "500", 1),
        ("level < 3", "wrong_operator", "<", 7),
        ("level has 'x'", "wrong_operator", "has", 7),
        ("level between 'a' and 'b'", "wrong_operator", "between", 7),
        ("tags = 'x'", "wrong_operator", "=", 6),
        ("tags in ['x']", "wrong_operator", "in", 6),
        ("orders has 'x'", "wrong_operator", "has", 8),
        ("vip = 1", "flag_compared", "=", 5),
        ("level = 金卡", "wrong_value", "金卡", 9),
        ("level = 3", "wrong_value", "3", 9),
        ("orders > '3'", "wrong_value", "'3'", 10),
        ("orders > 1.5", "wrong_value", "1.5", 10),
        ("orders > born", "wrong_value", "born", 10),
        ("orders > 3 天", "unexpected", "天", 12),
        ("idle > 3 元", "unexpected", "元", 10),
        ("amount_90d > 1.005", "wrong_value", "1.005", 14),
        ("amount_90d > 1,000", "unexpected", ",", 15),
        ("orders > 1000000000000001", "too_large", "1000000000000001", 10),
        ("amount_90d > 10000000000000.01", "too_large", "10000000000000.01", 14),
        ("born > 20260301", "wrong_value", "20260301", 8),
        ("born > 2026-02-30", "no_such_date", "2026-02-30", 8),
        ("born > 0999-12-31", "no_such_date", "0999-12-31", 8),
        ("orders in []", "wrong_value", "]", 12),
        ("orders in 3", "unexpected", "3", 11),
        ("orders in [1, 2", "cut_short", "", 16),
        ("orders in [1 2]", "unexpected", "2", 14),
        ("tags has ['x']", "wrong_value", "[", 10),
        ("tags has any 'x'", "unexpected", "'x'", 14),
        ("idle between 5 and 3", "empty_range", "3", 20),
        ("idle between 3, 5", "unexpected", ",", 15),
        ("level = 'x", "unclosed_text", "'x", 9),
        ("level = 'x\\", "unclosed_text", "'x\\", 9),
        ("level = 'x\\'", "unclosed_text", "'x\\'", 9),
        ("level = 'a\nb'", "control_character", " ", 11),
        ("level = 'a\ud800b'", "control_character", "·", 11),
        ("level = 'a\\\x00b'", "control_character", "·", 12),
        ("vip; vip", "unexpected", ";", 4),
        ("vip " * (MAX_CHARACTERS // 4) + "x", "too_long", "x", MAX_CHARACTERS + 1),
        ("(" * (MAX_DEPTH + 1) + "vip", "too_deep", "(", MAX_DEPTH + 1),
        ("not " * MAX_DEPTH + "(vip)", "too_deep", "(", MAX_DEPTH * 4 + 1),
        ("vip or " * MAX_CONDITIONS + "vip", "too_many", "vip", MAX_CONDITIONS * 7 + 1),
    ],
)
def test_a_wrong_text_is_refused(text: str, problem: str, found: str, position: int):
    details = refusal(text).details
    assert (details["problem"], details["found"], details["position"]) == (problem, found, position)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("level < 3", ["eq", "ne", "in", "not_in", "known", "unknown"]),
        ("level = 3", ["text"]),
        ("amount_90d > 1.005", ["money"]),
        ("born >", ["date"]),
        ("vip vip", ["and", "or", "end"]),
        ("(vip vip", ["and", "or", "close"]),
        ("orders in [1 2]", ["comma", "close_list"]),
        ("vip and", ["rule"]),
        ("vip = 1", ["known", "unknown"]),
    ],
)
def test_it_is_said_what_was_expected(text: str, expected: list[str]):
    assert refusal(text).details["expected"] == expected


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("levl = 'x'", "level"),
        ("Amount_9d > 3", "amount_90d"),
        ("近60天消费 > 3", "近90天消费"),
        ("近60天消费>3且会员", "近90天消费"),
        ("购次数 > 3", "购买次数"),
        ("会员 且 至少生日", "生日"),
        ("xyzzy > 3", None),
        ("; > 3", None),
    ],
)
def test_the_nearest_name_is_suggested(text: str, nearest: str | None):
    assert refusal(text).details["nearest"] == nearest


def test_canonical_texts_keep_the_limit_too():
    """They may be longer than what was typed: blanks, and Chinese for short codes."""
    text = "&&".join(["非会员到店"] * MAX_CONDITIONS)
    assert len(parse(text, VOCABULARY).text(Language.EN)) < MAX_CHARACTERS
    values = ",".join(str(number) for number in range(1000))
    assert refusal(f"orders in[{values}]").details["problem"] == "too_long"


def test_the_words_around_the_place_are_shown():
    error = refusal("会员 且 近90天消费 >= 五百 且 标签 含 '羊毛' 且 生日 已知")
    assert error.place == "…且 近90天消费 >= ⟦五百⟧ 且 标签 含 '羊毛'…"
    assert error.code == "bad_criterion"


@pytest.mark.parametrize(
    ("text", "chinese", "english"),
    [
        (
            "等级 < 3",
            "第 4 个字（等级 ⟦<⟧ 3）：“等级”不能这样比较，可以用“=”、“!=”、“属于”、“不属于”、“已知”或“未知”",
            f"character 4 (等级 ⟦<⟧ 3): 'level' cannot be compared like this; it takes {TEXT_TAKES}",
        ),
        (
            "levl = 'x'",
            "第 1 个字（⟦levl⟧ = 'x'）：不认识“levl”，这里应为条件的名称；是不是想写“level”？",
            "character 1 (⟦levl⟧ = 'x'): 'levl' is not known; the name of a term was expected; did you mean 'level'?",
        ),
        (
            "(vip",
            "第 5 个字（(vip⟦⟧）：规则没有写完，还缺“且”、“或”或“)”",
            "character 5 ((vip⟦⟧): the rule is not finished: 'and', 'or' or ')' is missing",
        ),
        (
            "not " * 17,
            "第 65 个字（…not not not ⟦not⟧ ）：括号和“非”套得太深：最多 16 层",
            "character 65 (…not not not ⟦not⟧ ): brackets and 'not' are nested too deep: at most 16 levels",
        ),
        (
            "orders > 1 {term}",
            "第 12 个字（orders > 1 ⟦{⟧term}）：这里是“{”，应为“且”、“或”或规则结束",
            "character 12 (orders > 1 ⟦{⟧term}): '{' stands where 'and', 'or' or the end of the rule was expected",
        ),
    ],
)
def test_a_person_is_told(text: str, chinese: str, english: str):
    error = refusal(text)
    assert explain_refusal(error, Language.ZH) == chinese
    assert explain_refusal(error, Language.EN) == english


@pytest.mark.parametrize("text", ["levl = 'x'", "level < 3", "level = 'a\ud800b'", "vip or " * 201 + "vip"])
def test_details_are_plain_json(text: str):
    details: dict[str, Any] = refusal(text).details
    assert json.loads(json.dumps(details).encode()) == details
