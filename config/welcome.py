"""Reads what the chain says to new contacts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "welcome.toml"


def read_welcome(path: Path = FILE) -> dict[str, Any]:
    """The document; what must be in it is checked by who says it. Raises `OSError` and `TOMLDecodeError`."""
    return tomllib.loads(path.read_text(encoding="utf-8"))
