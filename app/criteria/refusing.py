"""What is wrong with a rule's text: one shape of refusal, and the sentence a person is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from app.criteria.terms import Term
from app.criteria.words import Language, expectation, problem, says
from app.errors import Invalid

CODE = "bad_criterion"
AROUND = 12  # characters shown before and after the place
LONGEST_FOUND = 40


class Particulars(TypedDict, total=False):
    """What a refusal may know besides the place: names of words or kinds expected, the term, a limit, a likely name."""

    expected: Sequence[str]
    term: Term
    limit: int
    nearest: str | None


def refusal(name: str, text: str, start: int, end: int, **more: Unpack[Particulars]) -> Invalid:
    """The refusal of a rule for what stands from `start` to `end`.

    Its details are plain JSON: `problem` (a stable name), `position` (of the first wrong character, from 1), `around`
    (the words there, the wrong ones between ⟦ and ⟧), `found`, `expected` (names of words or kinds), `term` (both its
    names by language), `limit` and `nearest` (a name that was perhaps meant), the last three None where there is none.
    """
    around, term = _around(text, start, end), more.get("term")
    return Invalid(
        CODE,
        place=around,
        problem=name,
        position=start + 1,
        around=around,
        found=_visible(text[start:end][:LONGEST_FOUND]),
        expected=list(more.get("expected", ())),
        term={Language.ZH: term.zh, Language.EN: term.code} if term else None,
        limit=more.get("limit"),
        nearest=more.get("nearest"),
    )


def explain_refusal(error: Invalid, language: Language) -> str:
    """The sentence for a refusal that `parse` raised: where, what, and what was perhaps meant."""
    details: dict[str, Any] = error.details
    told = {
        **details,
        "term": (details["term"] or {}).get(language, ""),
        "expected": _listed(details["expected"], language),
    }
    wrong = problem(details["problem"], language).format(**told)
    if details["nearest"]:
        wrong += says("pause", language) + says("nearest", language).format(**told)
    return says("place", language).format(position=told["position"], around=told["around"], problem=wrong)


def _listed(expected: Sequence[str], language: Language) -> str:
    """The expectations, each said once: two kinds may be described alike."""
    said = list(dict.fromkeys(expectation(name, language) for name in expected))
    first = says("separator", language).join(said[:-1])
    return says("or", language).join(filter(None, (first, *said[-1:])))


def _around(text: str, start: int, end: int) -> str:
    before, wrong, after = text[:start], text[start:end], text[end:]
    left = ("…" if len(before) > AROUND else "") + before[-AROUND:]
    right = after[:AROUND] + ("…" if len(after) > AROUND else "")
    shown = wrong[:LONGEST_FOUND] + ("…" if len(wrong) > LONGEST_FOUND else "")
    return f"{_visible(left)}⟦{_visible(shown)}⟧{_visible(right)}"


def _visible(text: str) -> str:
    """Safe for a page, a terminal and JSON: control characters and halves of characters are dots, breaks blanks."""
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "·" for letter in text)
