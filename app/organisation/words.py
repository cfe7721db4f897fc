"""Words by which names of departments propose what they are (words.toml): data, because they are in two languages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from app.organisation.rules import NameWords

_TEXTS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
WORDS = NameWords(**{name: re.compile(pattern, re.IGNORECASE) for name, pattern in _TEXTS.items()})
