"""Commands whose database is away say so in a line and end with the code that they document."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.world import ROOT

# Nobody listens there.
AWAY = "mysql+pymysql://nobody@127.0.0.1:1/away"
FILES = ROOT / "config"
COMMANDS = {
    "create_api_key": (1, ["POS", "--source", "pos"]),
    "dry_run": (1, [str(FILES / "plans" / "after_purchase.toml")]),
    "import_purchases": (1, [str(FILES / "demo" / "purchases_excerpt.csv"), "--store", "S1"]),
    "import_roster": (1, ["shifts.csv"]),
    "load_scripts": (1, []),
    "publish_plan": (1, [str(FILES / "plans" / "after_purchase.toml")]),
    "quarantine": (2, []),
    "reconcile": (2, []),
    "sync_organisation": (2, []),
    "sync_wecom": (2, []),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_database_that_is_away_is_one_line_and_no_traceback(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    code, arguments = COMMANDS[name]
    (tmp_path / "shifts.csv").write_text("UserID,Date,Starts,Ends\nlina,2026-03-02,,\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", AWAY)
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    command = import_module(f"scripts.commands.{name}")
    assert command.main() == code
    first, *advice = capsys.readouterr().err.splitlines()
    assert first.startswith("database: (2003, ")
    assert "SELECT" not in first, "in the database's own words"
    assert advice == (["Repeat the command: nothing is doubled."] if name == "import_purchases" else [])
