"""A criterion: what a rule says, as one value that can be asked, written and explained. `grammar.parse` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from app.criteria.evaluation import Judge, compile_node
from app.criteria.explaining import Explanation, explain
from app.criteria.terms import Facts
from app.criteria.tree import Node, conditions
from app.criteria.words import Language
from app.criteria.writing import write


@dataclass(frozen=True)
class Criterion:
    """Equal to another that says the same in the same order, however either was written. Safe to share by threads."""

    node: Node

    @cached_property
    def terms(self) -> frozenset[str]:
        """The codes of the facts that must be there to ask; None among them says unknown, absence is an error."""
        return frozenset(condition.term.code for condition in conditions(self.node))

    def holds(self, facts: Facts) -> bool:
        """True where the rule is met: neither where it is unmet nor where what is known does not tell.

        Raises `KeyError` for a fact that is needed and was not fetched.
        """
        return self._judge(facts) is True

    def explain(self, facts: Facts) -> Explanation:
        """Why it holds or does not. Needs every fact in `terms`; `explain(facts).holds == holds(facts)`."""
        return explain(self.node, facts)

    def text(self, language: Language) -> str:
        """The canonical text, the same in every process. The English one uses codes, so it outlives renamed terms."""
        return write(self.node, language)

    @cached_property
    def _judge(self) -> Judge:
        return compile_node(self.node)
