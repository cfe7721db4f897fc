"""Filling a script's variables. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

VARIABLE = re.compile(r"\{([a-z_]+)\}")
# The variable for which the address of a task's tracked link stands: filled in as the words are shown or sent.
LINK = "link"


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace `{name}` by its value; a variable without a value stays, so that `unfilled` can name it."""
    pieces = list(_pieces(template))
    for place in range(1, len(pieces), 2):
        pieces[place] = values.get(pieces[place]) or f"{{{pieces[place]}}}"
    return "".join(pieces)


@lru_cache(maxsize=1024)
def _pieces(template: str) -> tuple[str, ...]:
    """Text and names of variables in turn. Remembered: a batch fills a handful of templates for hundreds of members."""
    return tuple(VARIABLE.split(template))


def unfilled(text: str) -> list[str]:
    """Names of the variables still standing in the text: such a text must not be sent."""
    return VARIABLE.findall(text)
