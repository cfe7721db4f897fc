"""The project's own files, read once, for the tests that hold conventions."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("app", "tasks", "config", "migrations", "scripts", "wsgi.py")
FOUNDATIONS = {
    *("__init__", "db", "clock", "ids", "public_ids", "errors", "http", "timers", "lanes", "pages", "assets"),
    *("factory", "failpoints", "almanac", "sealing"),
}
FACES = {
    "h5",
    "console",
    "join",
    "partner_api",
    "callbacks",
    "sandbox_clock",
    "welcome",
    "pages",
    "templates",
}


@dataclass(frozen=True)
class Source:
    """One Python file: where it stands (relative to the project, with slashes) and what is in it."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parse(self.text)

    @property
    def package(self) -> str:
        """`follow_ups` for app/follow_ups/rules.py, `db` for app/db.py, and "" outside app."""
        parts = self.path.removesuffix(".py").split("/")
        return parts[1] if parts[0] == "app" and len(parts) > 1 else ""

    @property
    def in_domain(self) -> bool:
        """True for app/<domain>/…: neither a face nor a foundation nor the port nor the sandbox."""
        outside = FACES | FOUNDATIONS | {"", "sandbox", "wecom"}
        return self.path.startswith("app/") and self.package not in outside

    def imports(self) -> Iterator[str]:
        """Every module that is imported, as `a.b` or, for `from a import b`, as `a.b` too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@lru_cache(maxsize=2048)
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


@lru_cache(maxsize=1)
def project_files() -> tuple[str, ...]:
    """Every file that is or would be committed, relative to the project."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file()))


@lru_cache(maxsize=1)
def product_sources() -> tuple[Source, ...]:
    """Every Python file of the product, those in scripts/ without an ending too."""
    found = []
    for name in project_files():
        if not name.startswith(PRODUCT):
            continue
        text = (ROOT / name).read_text(encoding="utf-8") if _may_be_python(name) else ""
        if name.endswith(".py") or text.startswith("#!/usr/bin/env python"):
            found.append(Source(name, text))
    return tuple(found)


def find_source(module: str) -> Source | None:
    """The file of `app.follow_ups.rules`, or None for a package or somebody else's module."""
    path = module.replace(".", "/") + ".py"
    return next((source for source in product_sources() if source.path == path), None)


def _may_be_python(name: str) -> bool:
    return name.endswith(".py") or "." not in name.rpartition("/")[2]
