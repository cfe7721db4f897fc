"""Why something was refused: stable codes with a text in Chinese and in English (refusals.toml).

Files and the partner API share them, so a code means the same in a report and in an answer.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

MAX_DETAIL = 200
TEXTS = Path(__file__).with_name("refusals.toml")


@dataclass(frozen=True, slots=True)
class Reason:
    """What a code means, for people."""

    zh: str
    en: str


class Refused(Exception):
    """One value, row or invoice is wrong; `column` names where (empty: the row as a whole)."""

    def __init__(self, code: str, column: str = "") -> None:
        super().__init__(f"{code} at {column}" if column else code)
        self.code = code
        self.column = column


class UnreadableFile(Exception):
    """Nothing of the file can be read; `detail` names the column or what was found instead, safe for a terminal."""

    def __init__(self, code: str, detail: str = "") -> None:
        shown = "".join(letter if letter.isprintable() else "·" for letter in detail[:MAX_DETAIL])
        super().__init__(f"{code}: {shown}" if shown else code)
        self.code = code
        self.detail = shown


@lru_cache(maxsize=1)
def reasons() -> dict[str, Reason]:
    """Every code with its texts, in the order in which they are documented."""
    with TEXTS.open("rb") as file:
        return {code: Reason(**texts) for code, texts in tomllib.load(file).items()}


def reason_of(code: str) -> Reason:
    """The texts of a code; a code nobody described stands for itself."""
    return reasons().get(code) or Reason(code, code)
