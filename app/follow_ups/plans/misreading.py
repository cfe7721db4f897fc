"""Why a text is no TOML, for people: where, and which of the common slips it is.

The parser says it in English, for programmers; what it says stands behind only where the slip is none of the known.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any, NamedTuple

from app.errors import Invalid

AT = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
NAME = re.compile(r'\s*(?:\[+\s*([\w.-]+)\s*\]|([\w.-]+|"[^"]*")\s*=)')
LITERAL = re.compile(r"Expected \"('+)\"")
WITHIN = re.compile(r"Duplicate inline table key '(.+)'")
# Typed with a Chinese keyboard: TOML knows only the ASCII ones.
FULL_WIDTH = frozenset(
    "\u201c\u201d\u2018\u2019\uff02\uff07\uff1d\uff3b\uff3d\uff5b\uff5d\u3010\u3011\uff0c\u3001\uff1a\uff03"
)
# What the parser says, from its beginning, and what has happened. The first that fits counts.
SLIPS = (
    (
        re.compile(r"(?:Illegal|Found invalid) character '\\n'|Unterminated string|Expected [\"']'+[\"']"),
        "quote_open",
    ),
    (
        re.compile(r"Cannot (?:overwrite|declare|redefine|mutate)|Duplicate inline table key"),
        "name_twice",
    ),
    (re.compile(r"Expected '=' after a key"), "no_equals"),
    (re.compile(r"Invalid date or datetime"), "no_such_date"),
    (re.compile(r"Invalid value|Expected newline or end of document"), "no_value"),
    (re.compile(r"Unescaped '\\'|Invalid hex value|Escaped character"), "backslash"),
    (re.compile(r"Unclosed|Expected '\]{1,2}'"), "bracket_open"),
    (re.compile(r"Invalid statement|Invalid initial character for a key"), "no_statement"),
)


class Slip(NamedTuple):
    """What is wrong on a line of the text."""

    line: int
    error: Invalid


def read_toml(text: str) -> dict[str, Any] | Slip:
    """The document a text says, or why it says none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return _slip(text, str(error))
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets within brackets
        return Slip(1, _mistake("not_toml", found=str(error)))


def _slip(text: str, said: str) -> Slip:
    lines = text.replace("\r\n", "\n").split("\n")
    at = AT.search(said)
    line = int(at["line"]) if at and at["line"] else len(lines) - (len(lines) > 1 and not lines[-1])
    column = int(at["column"]) if at and at["column"] else len(lines[line - 1]) + 1
    problem = AT.sub("", said)
    character = lines[line - 1][column - 1 : column]
    if character in FULL_WIDTH:
        return Slip(line, _mistake("full_width", column=column, found=character))
    slip = next((name for pattern, name in SLIPS if pattern.match(problem)), "not_toml")
    if slip == "name_twice":
        within = WITHIN.match(problem)
        line, name = (line, within[1]) if within else _named(lines, line)
        return Slip(line, _mistake(slip, name=name))
    if slip == "quote_open" and not (at and at["line"]):
        line = _opened(lines, problem)
    return Slip(line, _mistake(slip, column=column, found=problem))


def _opened(lines: list[str], problem: str) -> int:
    """The line of a quotation mark that nothing closes until the end: the last on which one like it stands."""
    literal = LITERAL.search(problem)
    quote = literal[1] if literal else '"""' if "\n".join(lines).count('"""') % 2 else '"'
    return max((number for number, line in enumerate(lines, 1) if quote in line), default=len(lines))


def _named(lines: list[str], line: int) -> tuple[int, str]:
    """The line on which the value begins that ends on this one, and the value's name."""
    for number in range(line, 0, -1):
        if found := NAME.match(lines[number - 1]):
            return number, (found[1] or found[2]).strip('"')
    return line, ""


def _mistake(problem: str, **particulars: object) -> Invalid:
    return Invalid("bad_plan", place="", problem=problem, **particulars)
