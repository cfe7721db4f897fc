"""Filling a script's variables. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

VARIABLE = re.compile(r"\{([a-z_]+)\}")
# The variable for which the address of a task's tracked link stands: filled in as the words are shown or sent.
LINK = "link"


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace `{name}` by its value; a variable without a value stays, so that `unfilled` can name it."""
    return VARIABLE.sub(lambda match: values.get(match[1]) or match[0], template)


def unfilled(text: str) -> list[str]:
    """Names of the variables still standing in the text: such a text must not be sent."""
    return VARIABLE.findall(text)
