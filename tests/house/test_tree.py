"""What stands where: top-level names, executables, nothing vendored, nothing private."""

from __future__ import annotations

import os
import re
import stat

import pytest

from tests.house.source import ROOT, project_files

TOP_LEVEL = {
    *("wsgi.py", "requirements.txt", "config", "app", "tasks", "scripts", "migrations", "tests"),
    *("README.md", "pyproject.toml", ".ci", ".gitignore", ".editorconfig"),
}
MAX_FILE_BYTES = 512 * 1024
# Somebody else's front-end code or fonts; ours is small, readable and unminified.
VENDORED = re.compile(
    r"(\.min\.(js|css)|\.(woff2?|ttf|otf|eot)|/(vendor|node_modules|third_party)/)", re.IGNORECASE
)
# Paths of one developer's machine, and addresses of package indexes: either breaks everybody else's machine.
PRIVATE = re.compile(
    r"/work/(?:main|shared)\b|/home/\w+/|/root/|--(?:extra-)?index-url|https?://[^\s/]*pypi[^\s/]*/"
)
THIS_FILE = "tests/house/test_tree.py"
BINARY = (".png", ".jpg", ".ico", ".sqlite3")


def readable_text(name: str) -> str:
    return "" if name.endswith(BINARY) else (ROOT / name).read_text(encoding="utf-8")


def test_only_the_agreed_names_stand_at_the_top():
    assert {name.split("/")[0] for name in project_files()} <= TOP_LEVEL


def test_nothing_is_vendored():
    assert [name for name in project_files() if VENDORED.search(name)] == []


@pytest.mark.parametrize(
    "name", ["app/h5/static/vue.min.js", "app/console/static/a.woff2", "app/vendor/x.js"]
)
def test_vendored_files_would_be_noticed(name: str):
    assert VENDORED.search(name)


def test_no_file_is_big():
    assert [name for name in project_files() if (ROOT / name).stat().st_size > MAX_FILE_BYTES] == []


def test_nothing_names_a_private_place():
    found = [name for name in project_files() if name != THIS_FILE and PRIVATE.search(readable_text(name))]
    assert found == []


def test_scripts_start_as_they_are():
    """What people type has a first line that says how to run it, and the right to run."""
    broken = []
    for name in project_files():
        if name.startswith(("scripts/", ".ci/")) and "." not in name.rpartition("/")[2]:
            path = ROOT / name
            runs = bool(path.stat().st_mode & stat.S_IXUSR) and os.access(path, os.X_OK)
            if not runs or not readable_text(name).startswith("#!/usr/bin/env "):
                broken.append(name)
    assert broken == []


def test_ci_calls_exactly_the_test_command():
    commands = [line for line in readable_text(".ci/run").splitlines() if line and not line.startswith("#")]
    assert len(commands) == 1
    assert commands[0].endswith('/../scripts/test"')


@pytest.mark.parametrize("name", ["requirements.txt", "tests/requirements.txt"])
def test_packages_are_pinned_exactly(name: str):
    lines = [line for line in readable_text(name).splitlines() if line and not line.startswith(("#", "-r "))]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []


def test_runtime_pins_hold_no_test_tools():
    names = {line.partition("==")[0].lower() for line in readable_text("requirements.txt").splitlines()}
    assert not names & {"pytest", "mypy", "ruff", "hypothesis", "playwright", "import-linter"}
