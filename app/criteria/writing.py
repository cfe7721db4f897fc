"""What a rule says, back as text: one way of writing each, in either language."""

from __future__ import annotations

from collections.abc import Iterable

from app.criteria.terms import Kind, Term, Value
from app.criteria.tree import AllOf, Among, AnyOf, Between, Comparison, Condition, Flag, Has, Known, Node, Not
from app.criteria.words import QUOTES, Language, says, word

ESCAPED = {ord(sign): f"\\{sign}" for sign in (*QUOTES[0], "\\")}
OUTER = QUOTES[0][0]
FEN_OF_A_YUAN = 100
UNITS = {Kind.MONEY: "yuan", Kind.DAYS: "day"}
TURNED = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}


def write(node: Node, language: Language) -> str:
    """The canonical text; `""` for what always holds."""
    match node:
        case AllOf(parts):
            return _join("and", (_inside(part, (AnyOf,), language) for part in parts), language)
        case AnyOf(parts):
            return _join("or", (write(part, language) for part in parts), language)
        case Not(Known(term)):
            return f"{write_name(term, language)} {word('unknown', language)}"
        case Not(Among(term, values)):
            return _condition(term, "not_in", _list(term, values), language)
        case Not(Has(term, (text,))):
            return _condition(term, "lacks", _quoted(text), language)
        case Not(part):
            return f"{word('not', language)} {_inside(part, (AllOf, AnyOf), language)}"
        case _:
            return _write_condition(node, language)


def write_name(term: Term, language: Language) -> str:
    """How the term is called: its Chinese name, or its code."""
    return term.zh if language is Language.ZH else term.code


def write_value(term: Term, value: Value, language: Language) -> str:
    """A fact as a person reads it, with its unit: `623.5 yuan`, `unknown`."""
    if value is None:
        return says("unknown", language)
    if isinstance(value, frozenset):
        return says("separator", language).join(sorted(value)) or says("nothing", language)
    if term.kind is Kind.FLAG:
        return says("yes" if value else "no", language)
    if isinstance(value, str):
        return value or says("nothing", language)
    unit = UNITS.get(term.kind)
    return f"{_literal(term, value)} {word(unit, language)}" if unit else _literal(term, value)


def write_finding(condition: Condition, value: Value, *, negated: bool, language: Language) -> str:
    """What was found and what is wanted, as one says it: `score 1, wanted: at most 3`; else the rule and the fact."""
    term, found = condition.term, write_value(condition.term, value, language)
    match condition:
        case Comparison(_, operator, limit):
            name = TURNED[operator] if negated else operator
            kind = "date" if term.kind is Kind.DATE else "value"
            wanted = says(f"{kind}_{name}", language).format(value=write_value(term, limit, language))
        case Between(_, low, high) if not negated:
            ends = (write_value(term, end, language) for end in (low, high))
            wanted = says("value_between", language).format(ends=says("to", language).join(ends))
        case _:
            rule = write(Not(condition) if negated else condition, language)
            return says("rule_and_fact", language).format(rule=rule, found=found)
    return says("finding", language).format(name=write_name(term, language), found=found, wanted=wanted)


def _write_condition(node: Node, language: Language) -> str:
    match node:
        case Comparison(term, operator, value):
            return _condition(term, operator, _literal(term, value), language)
        case Between(term, low, high):
            ends = f"{_literal(term, low)} {word('to', language)} {_literal(term, high)}"
            return _condition(term, "between", ends, language)
        case Among(term, values):
            return _condition(term, "in", _list(term, values), language)
        case Has(term, (text,)):
            return _condition(term, "has", _quoted(text), language)
        case Has(term, texts, every):
            return _condition(term, "has_all" if every else "has_any", _list(term, texts), language)
        case Known(term):
            return f"{write_name(term, language)} {word('known', language)}"
        case Flag(term):
            return write_name(term, language)
        case _:
            raise AssertionError("not a condition")


def _condition(term: Term, operator: str, operand: str, language: Language) -> str:
    return f"{write_name(term, language)} {word(operator, language)} {operand}"


def _inside(part: Node, loose: tuple[type, ...], language: Language) -> str:
    """A part as it stands within another: in brackets where it would bind more loosely."""
    text = write(part, language)
    return f"{word('open', language)}{text}{word('close', language)}" if isinstance(part, loose) else text


def _join(connective: str, parts: Iterable[str], language: Language) -> str:
    return f" {word(connective, language)} ".join(parts)


def _list(term: Term, values: Iterable[Value]) -> str:
    return f"[{', '.join(_literal(term, value) for value in values)}]"


def _literal(term: Term, value: Value) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int) and term.kind is Kind.MONEY:
        return _yuan(value)
    return str(value)  # a date's is ISO's


def _yuan(fen: int) -> str:
    """500, 500.5, 499.99: exact, without needless zeros."""
    whole, rest = divmod(abs(fen), FEN_OF_A_YUAN)
    decimals = f".{rest:02}".rstrip("0") if rest else ""
    return f"{'-' if fen < 0 else ''}{whole}{decimals}"


def _quoted(text: str) -> str:
    return f"{OUTER}{text.translate(ESCAPED)}{OUTER}"
