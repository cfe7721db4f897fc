"""Asking any command for help says how it is called, and does nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
COMMANDS = sorted(
    path.stem for path in (SCRIPTS / "commands").glob("*.py") if (SCRIPTS / path.stem).is_file()
)


@pytest.mark.process
@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_how_a_command_is_called(command: str, tmp_path: Path):
    database = tmp_path / "untouched.sqlite3"
    helped = subprocess.run(
        [str(SCRIPTS / command), "--help"],
        env=os.environ | {"DATABASE_URL": f"sqlite:///{database}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert helped.returncode == 0, helped.stderr
    assert helped.stdout.startswith(f"usage: scripts/{command} ")
    assert not database.exists()
