"""scripts/publish_plan and scripts/dry_run on a small chain: what they print, refuse, and leave alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.db import Database
from app.follow_ups.models import Enrollment, PlanRelease, PlanVersion
from scripts.commands import dry_run, publish_plan
from tests.world import ROOT, World

TEXT = (ROOT / "config" / "plans" / "after_purchase.toml").read_text(encoding="utf-8")


@pytest.fixture
def database_kind() -> str:
    """What is behind the commands is tried where it lives, on both."""
    return "sqlite"


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> World:
    url = database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url)
    return World(database)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(TEXT.replace("priority = 90", "priority = 91"), encoding="utf-8")
    return path


def run(monkeypatch: pytest.MonkeyPatch, command: object, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    return int(command.main())  # type: ignore[attr-defined]


def rows(world: World) -> tuple[int, ...]:
    with world.database.reading() as session:
        tables = (PlanVersion, PlanRelease, Enrollment)
        return tuple(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables)


def test_a_plan_goes_to_some_stores_then_everywhere_and_is_withdrawn(
    world: World, plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run(monkeypatch, publish_plan, str(plan), "--stores", "S1") == 0
    said = capsys.readouterr().out
    assert "after_purchase: version 2 published, 5 steps" in said
    assert "* version 2" in said
    assert "S1" in said
    assert run(monkeypatch, publish_plan, str(plan)) == 0
    assert run(monkeypatch, publish_plan, str(plan)) == 0
    assert "unchanged" in capsys.readouterr().out
    assert rows(world) == (2, 3, 0)
    assert run(monkeypatch, publish_plan, str(plan), "--withdraw") == 0
    assert "withdrawn" in capsys.readouterr().out
    assert run(monkeypatch, publish_plan, str(plan), "--stores", "S9") == 2
    assert rows(world) == (2, 4, 0)


def test_every_mistake_is_printed_with_its_line(
    world: World, plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    wrong = TEXT.replace("priority = 90", "priority = 900").replace('valid = "1 noon"', 'valid = "noon"')
    plan.write_text(wrong, encoding="utf-8")
    before = rows(world)
    for command in (publish_plan, dry_run):
        assert run(monkeypatch, command, str(plan)) == 2
        lines = capsys.readouterr().err.splitlines()
        at = [wrong.splitlines().index(line) + 1 for line in ('valid = "noon"', "priority = 900")]
        assert [line.split(": ")[:2] for line in lines] == [
            [f"{plan}:{at[0]}", "steps[1].valid"],
            [f"{plan}:{at[1]}", "steps[2].priority"],
        ]
    assert rows(world) == before
    assert run(monkeypatch, publish_plan, str(plan.with_name("nothing.toml"))) == 2


def test_a_dry_run_prints_tables_and_writes_nothing(
    world: World, plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    world.member("c1")
    world.buy("c1", "2026-03-01 08:30")
    world.live_until("2026-03-20 12:00")
    before = rows(world)
    assert run(monkeypatch, dry_run, str(plan), "--days", "30") == 0
    said = capsys.readouterr().out
    assert "after_purchase (购后跟进), 30 days back and ahead" in said
    for words in ("1 购后致谢", "1 (1)", "with this plan", "more than 2 times in 7 days", "owner", "S1"):
        assert words in said, words
    assert rows(world) == before
    assert run(monkeypatch, dry_run, str(plan), "--stores", "S9") == 2
