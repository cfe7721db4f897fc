"""A vocabulary with a term or two of every kind, and rules and facts drawn from it."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from app.criteria.terms import Facts, Kind, Term, Value, read_vocabulary
from app.criteria.tree import (
    Among,
    Between,
    Comparison,
    Condition,
    Flag,
    Has,
    Known,
    Node,
    Not,
    Scalar,
    all_of,
    any_of,
)

VOCABULARY = read_vocabulary(
    {
        "orders": {"kind": "number", "zh": "购买次数"},
        "amount_90d": {"kind": "money", "zh": "近90天消费"},
        "idle": {"kind": "days", "zh": "未购天数"},
        "born": {"kind": "date", "zh": "生日"},
        "level": {"kind": "text", "zh": "等级"},
        "city": {"kind": "text", "zh": "城市"},
        "tags": {"kind": "texts", "zh": "标签"},
        "vip": {"kind": "flag", "zh": "会员"},
        "in_store": {"kind": "flag", "zh": "非会员到店"},
    }
)
TERMS = {term.code: term for term in VOCABULARY.terms}

# Few values, so that rules and facts meet; texts among them that a collation may take for one another.
NUMBERS = [-150, -1, 0, 1, 2, 99, 50_000, 50_001, 10**15]
DATES = [date(1000, 1, 1), date(2026, 2, 28), date(2026, 3, 1), date(9999, 12, 31)]
ALIKE = ["gold", "Gold", "gold ", " gold", "gôld", "ＧＯＬＤ", "🙂", "😀"]
TEXTS = ["", "金卡", "银卡", *ALIKE, "a'b", 'a"b', "100%", "\\", "“”"]
ORDER = ["eq", "ne", "lt", "le", "gt", "ge"]

# Everything that may stand in quotes.
any_text = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
any_number = st.integers(-(10**15), 10**15)
any_date = st.dates(date(1000, 1, 1))


def scalars(kind: Kind, *, is_wild: bool) -> st.SearchStrategy[Scalar]:
    """Values of a kind; wild ones are any there can be."""
    match kind:
        case Kind.TEXT | Kind.TEXTS:
            return any_text if is_wild else st.sampled_from(TEXTS)
        case Kind.DATE:
            return any_date if is_wild else st.sampled_from(DATES)
        case _:
            return any_number if is_wild else st.sampled_from(NUMBERS)


def conditions(term: Term, *, is_wild: bool) -> st.SearchStrategy[Node]:
    """Every form of condition that the term's kind allows."""
    known: list[st.SearchStrategy[Node]] = [st.just(Known(term)), st.just(Not(Known(term)))]
    values = scalars(term.kind, is_wild=is_wild)
    some = st.lists(values, min_size=1, max_size=4, unique=True).map(tuple)
    among = st.builds(Among, st.just(term), some)
    match term.kind:
        case Kind.FLAG:
            return st.one_of(st.just(Flag(term)), *known)
        case Kind.TEXTS:
            return st.one_of(st.builds(_has, st.just(term), some, st.booleans()), *known)
        case Kind.TEXT:
            return st.one_of(_comparisons(term, ["eq", "ne"], values), among, *known)
        case _:
            between = st.builds(_between, st.just(term), values, values)
            return st.one_of(_comparisons(term, ORDER, values), among, between, *known)


def _comparisons(
    term: Term, names: list[str], values: st.SearchStrategy[Scalar]
) -> st.SearchStrategy[Condition]:
    return st.builds(Comparison, st.just(term), st.sampled_from(names), values)


def _has(term: Term, texts: tuple[str, ...], every: bool) -> Has:
    return Has(term, texts, every and len(texts) > 1)


def _between(term: Term, one: Scalar, other: Scalar) -> Between:
    low, high = sorted([one, other])
    return Between(term, low, high)


def nodes(*, is_wild: bool = False) -> st.SearchStrategy[Node]:
    """Rules of up to a dozen conditions, nested as it comes."""
    leaves = st.one_of(*(conditions(term, is_wild=is_wild) for term in TERMS.values()))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=4).map(all_of),
            st.lists(inner, min_size=2, max_size=4).map(any_of),
            inner.map(Not),
        ),
        max_leaves=12,
    )


def values(term: Term) -> st.SearchStrategy[Value]:
    """What may be found of a term; often nothing is known."""
    found: st.SearchStrategy[Value]
    match term.kind:
        case Kind.FLAG:
            found = st.booleans()
        case Kind.TEXTS:
            found = st.frozensets(st.sampled_from(TEXTS), max_size=4)
        case _:
            found = scalars(term.kind, is_wild=False)
    return st.none() | found


facts: st.SearchStrategy[Facts] = st.fixed_dictionaries({code: values(term) for code, term in TERMS.items()})
nothing_known: Facts = dict.fromkeys(TERMS)
