"""Why a rule holds or does not: its conditions with what was found, and which of them decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.criteria.evaluation import Outcome, combine, compile_node
from app.criteria.terms import Facts, Term, Value
from app.criteria.tree import AllOf, AnyOf, Condition, Node, Not
from app.criteria.words import Language
from app.criteria.writing import write, write_finding, write_name, write_value


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition of a rule as it counts there: turned round where it stands under an odd number of `not`.

    `value` is the fact that was found; `met` whether the clause, so turned, is met (None: unknown); `decides` whether
    the outcome of the whole rests on it.
    """

    condition: Condition
    negated: bool
    value: Value
    met: Outcome
    decides: bool

    @property
    def term(self) -> Term:
        """What the condition is about."""
        return self.condition.term

    def text(self, language: Language) -> str:
        """The clause as it would be written alone."""
        return write(Not(self.condition) if self.negated else self.condition, language)

    def value_text(self, language: Language) -> str:
        """The fact with its unit, as a person reads it."""
        return write_value(self.term, self.value, language)

    def said(self, language: Language) -> str:
        """The fact and what the clause wants of it, for people who write no rules."""
        return write_finding(self.condition, self.value, negated=self.negated, language=language)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The outcome for certain facts (None: unknown, which does not hold) and every clause in the order written."""

    outcome: Outcome
    clauses: tuple[Clause, ...]

    @property
    def holds(self) -> bool:
        """Whether the rule is met."""
        return self.outcome is True

    @property
    def reasons(self) -> tuple[Clause, ...]:
        """The deciding clauses, each met, unmet or unknown as the whole is.

        Where the outcome is known, it stays what it is however all facts change that these are not about. Where it is
        unknown, these are the conditions whose facts are missing.
        """
        return tuple(clause for clause in self.clauses if clause.decides)

    def as_json(self, language: Language) -> dict[str, object]:
        """Plain values for JSON, the same for the same facts: the outcome, and of each clause all there is to show."""
        return {"outcome": self.outcome, "clauses": [_as_json(clause, language) for clause in self.clauses]}


def explain(node: Node, facts: Facts) -> Explanation:
    """The explanation of a rule's outcome; needs all its facts and raises `KeyError` for one it does not find."""
    return Explanation(*_weigh(node, facts, negated=False))


def _weigh(node: Node, facts: Facts, *, negated: bool) -> tuple[Outcome, tuple[Clause, ...]]:
    """The outcome as it counts under the `not`s above, and the clauses, deciding as far as this node goes."""
    match node:
        case Not(part):
            return _weigh(part, facts, negated=not negated)
        case AllOf(parts):
            return _weigh_parts(parts, facts, negated=negated, decisive=negated)
        case AnyOf(parts):
            return _weigh_parts(parts, facts, negated=negated, decisive=not negated)
        case _:
            found = compile_node(node)(facts)
            met = None if found is None else found is not negated
            return met, (Clause(node, negated, facts[node.term.code], met, decides=True),)


def _weigh_parts(
    parts: Iterable[Node], facts: Facts, *, negated: bool, decisive: bool
) -> tuple[Outcome, tuple[Clause, ...]]:
    """By De Morgan, all under a `not` is any of the parts turned round. Those decide that came out as the whole did."""
    weighed = [_weigh(part, facts, negated=negated) for part in parts]
    outcome = combine((found for found, _ in weighed), decisive=decisive)
    clauses: list[Clause] = []
    for found, inner in weighed:
        clauses += inner if found is outcome else (replace(clause, decides=False) for clause in inner)
    return outcome, tuple(clauses)


def _as_json(clause: Clause, language: Language) -> dict[str, object]:
    return {
        "term": clause.term.code,
        "name": write_name(clause.term, language),
        "text": clause.text(language),
        "value": clause.value_text(language),
        "met": clause.met,
        "decides": clause.decides,
    }
