"""Race everything that ends, moves and completes tasks against firing, on SQLite and MariaDB, for as long as asked."""

from __future__ import annotations

import os
import subprocess
import sys

from config.settings import ROOT

RACES = "tests/faults/test_races.py"


def race(seconds: float) -> int:
    """The exit code: 0 where no guarantee was broken on either database. Violations and retries are printed."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", RACES],
        cwd=ROOT,
        env=os.environ | {"DIANBAN_RACE_S": f"{seconds:g}"},
        check=False,
    ).returncode
