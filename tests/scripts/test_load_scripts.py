"""scripts/load_scripts on a small chain: what a file says is what counts, and what is wrong in it is named."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from app.db import Database
from app.follow_ups.linking.addresses import is_target
from app.sales_scripts.queries import scripts_by_code
from scripts.commands import load_scripts
from tests.world import World

LINKED = {
    "code": "linked",
    "title": "新款册子",
    "scene": "换季",
    "body": "{member}，新款在这里 {link}",
    "sms_template": "SMS_7",
    "link": "https://m.example.com/new",
}


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    return World(database)


def load(monkeypatch: pytest.MonkeyPatch, *files: Path) -> int:
    monkeypatch.setattr(sys, "argv", ["load_scripts", *map(str, files)])
    return load_scripts.main()


def test_link_and_template_are_set_by_file_and_gone_with_their_lines(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "scripts.json"
    assert load(monkeypatch) == 0
    present = json.loads(capsys.readouterr().out)
    path.write_text(json.dumps([LINKED, LINKED | {"code": "bad", "link": ""}]), "utf-8")
    assert load(monkeypatch, path) == 2
    assert capsys.readouterr().err == "bad: {link} stands in body and link is set, or neither\n"
    path.write_text(json.dumps([*present, LINKED]), "utf-8")
    assert load(monkeypatch, path) == 0
    assert "thanks_30m: unchanged\nlinked: new" in capsys.readouterr().out
    plain = {name: LINKED[name] for name in ("code", "title", "scene")} | {"body": "{member}，新款到了"}
    path.write_text(json.dumps([plain]), "utf-8")
    with world.database.reading() as session:
        stored = scripts_by_code(session, ["linked"])["linked"]
        assert (stored.sms_template, stored.link) == ("SMS_7", LINKED["link"])
        assert is_target(stored.link)
    assert load(monkeypatch, path) == 0
    assert capsys.readouterr().out == "linked: body, sms_template, link\n"
    assert load(monkeypatch) == 0
    shown = {one["code"]: one for one in json.loads(capsys.readouterr().out)}
    assert shown["linked"] == plain | {"sms_template": "", "link": ""}
    assert len(shown) == len(present) + 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"link": "http://m.example.com"}, "linked: link is no https address"),
        ({"link": ""}, "linked: {link} stands in body and link is set, or neither"),
        ({"body": "{membre} {link}"}, "linked: body has {membre}, which nobody can fill in"),
        ({"title": " "}, "linked: title is missing"),
        ({"sms_template": 7}, "linked: sms_template is no text of at most 64 characters"),
        ({"template": "SMS_7"}, "linked: template is no field of a script"),
    ],
)
def test_a_mistake_is_named(change: dict[str, object], said: str):
    with pytest.raises(load_scripts.BadScripts, match=re.escape(said)):
        load_scripts.read_scripts(json.dumps([LINKED | change]))


@pytest.mark.parametrize("text", ["", "{}", "[1]", json.dumps([LINKED, LINKED])])
def test_what_is_no_list_of_different_scripts_is_refused(text: str):
    with pytest.raises(load_scripts.BadScripts):
        load_scripts.read_scripts(text)
