"""What plans, steps and scripts may ask of a member: the vocabulary, and the facts as they are now.

Where each fact comes from stands in fact_sources.py: one statement for each source, however many members.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from sqlalchemy.orm import Session

from app.criteria.criterion import Criterion
from app.criteria.grammar import parse
from app.criteria.terms import Value, read_vocabulary
from app.follow_ups.fact_sources import SOURCES, Asked, read_people

VOCABULARY = read_vocabulary(
    tomllib.loads(Path(__file__).with_name("facts.toml").read_text(encoding="utf-8"))
)
CODES = frozenset(term.code for term in VOCABULARY.terms)
Facts = dict[str, Value]


@lru_cache(maxsize=4096)
def criterion_of(text: str) -> Criterion:
    """The rule a plan's text says; an empty one always holds. Raises `Invalid` as `parse` does."""
    return parse(text, VOCABULARY)


def facts_of(
    session: Session, member_ids: Collection[int], terms: Collection[str], now: datetime
) -> dict[int, Facts]:
    """The asked facts of each of these members, as they are now; None where one is not known.

    A few statements: who they are, and one for each source that one of the terms needs. Raises `KeyError` for a term
    that is not in the vocabulary.
    """
    facts: dict[int, Facts] = {member_id: {} for member_id in member_ids}
    unknown = set(terms) - CODES
    if unknown:
        raise KeyError(min(unknown))
    if not facts or not terms:
        return facts
    asked = Asked(read_people(session, member_ids), now)
    for source in SOURCES:
        wanted = source.terms & set(terms)
        if wanted:
            _add(facts, wanted, source.read(session, asked))
    return facts


def _add(facts: dict[int, Facts], wanted: Collection[str], found: Mapping[int, Mapping[str, Value]]) -> None:
    for member_id, mine in facts.items():
        theirs = found.get(member_id, {})
        mine.update({term: theirs.get(term) for term in wanted})
