"""What rules may speak of: terms with a kind and two names, brought by whoever knows the facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any

from app.criteria.words import SPELLINGS, plain
from app.errors import Invalid

# What a fact may be, by kind; None where it is not known.
Value = int | str | date | bool | frozenset[str] | None
Facts = Mapping[str, Value]

CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
LONGEST_NAME = 40


class Kind(StrEnum):
    """What a term's values are, and thereby how they may be compared."""

    NUMBER = "number"  # int
    MONEY = "money"  # int, fen
    DAYS = "days"  # int
    DATE = "date"  # date, local
    TEXT = "text"  # str
    TEXTS = "texts"  # frozenset of str
    FLAG = "flag"  # bool


@dataclass(frozen=True, slots=True)
class Term:
    """Something known of whoever is asked about; `code` names the fact, `zh` is its Chinese name."""

    code: str
    kind: Kind
    zh: str


@dataclass(frozen=True)
class Vocabulary:
    """The terms a rule may use. Raises `Invalid` (`bad_vocabulary`) for names that could not be told apart.

    A code is up to 40 small letters, digits and underscores. A Chinese name is up to 40 letters, digits and underscores
    of any script that does not begin with a digit. No name is a word of the language or names two terms.
    """

    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        for term in self.terms:
            if not CODE.fullmatch(term.code) or not _is_name(term.zh):
                raise Invalid("bad_vocabulary", place=term.code, problem="bad name", name=term.zh)
            for name in {term.code, plain(term.zh)}:
                if name in SPELLINGS or self.names[name] != term:
                    raise Invalid("bad_vocabulary", place=term.code, problem="taken", name=name)

    @cached_property
    def names(self) -> Mapping[str, Term]:
        """The term by each of its names, as `plain` reads them; the first where two share one."""
        found: dict[str, Term] = {}
        for term in self.terms:
            for name in (term.code, plain(term.zh)):
                found.setdefault(name, term)
        return found

    def __or__(self, other: Vocabulary) -> Vocabulary:
        """Both together, as for a rule about an event and the member it happened to; `Invalid` where they clash."""
        return Vocabulary((*self.terms, *other.terms))


def read_vocabulary(raw: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary that TOML or JSON says: by code, a table of `kind` and `zh`. Raises `Invalid`."""
    return Vocabulary(tuple(_read_terms(raw)))


def _read_terms(raw: Mapping[str, Any]) -> Iterable[Term]:
    for code, said in raw.items():
        try:
            names = {"kind": Kind(said["kind"]), "zh": str(said["zh"])}
            unknown = set(said) - set(names)
        except (KeyError, TypeError, ValueError) as error:
            raise Invalid("bad_vocabulary", place=code, problem=str(error)) from error
        if unknown:
            raise Invalid("bad_vocabulary", place=code, problem="unknown", name=min(unknown))
        yield Term(code, Kind(said["kind"]), str(said["zh"]))


def _is_name(name: str) -> bool:
    letters = name.replace("_", "")
    return 0 < len(name) <= LONGEST_NAME and letters.isalnum() and not plain(name)[0].isdigit()
