"""Static files: one address per content, compressed, cached for ever, and the stub only where it belongs."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import Client

from app.assets import Assets


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "js").mkdir(parents=True)
    (folder / "stub").mkdir()
    (folder / "js" / "a.js").write_text("export const a = 1;\n" * 200)
    (folder / "stub" / "bridge.js").write_text("window.bridge = 1;")
    return folder


def client_of(assets: Assets) -> Client:
    return Client(assets.serve(Flask("empty", static_folder=None).wsgi_app))


def test_a_file_is_compressed_and_kept_for_ever(source: Path, tmp_path: Path):
    assets = Assets(source, tmp_path / "cache")
    answer = client_of(assets).get(assets.url("js/a.js"), headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]
    assert gzip.decompress(answer.data) == (source / "js" / "a.js").read_bytes()
    answer.close()


@pytest.mark.parametrize(
    ("name", "content", "served"),
    [
        (
            "b.js",
            "// why\n  go(); // now\n\n  const at = 'http://a';\n",
            "go(); // now\nconst at = 'http://a';\n",
        ),
        ("c.js", "const text = `one\n// two`;\n", "const text = `one\n// two`;\n"),
        ("d.css", "/* all\n of it */\n.a {\n  top: 0;\n}\n", ".a {\ntop: 0;\n}\n"),
        ("e.svg", "  <!-- // -->\n", "  <!-- // -->\n"),
    ],
)
def test_what_only_readers_of_the_source_need_is_not_served(
    source: Path, tmp_path: Path, name: str, content: str, served: str
):
    (source / name).write_text(content)
    assets = Assets(source, tmp_path / "cache")
    answer = client_of(assets).get(assets.url(name))
    assert answer.data.decode() == served
    answer.close()


def test_another_content_is_another_address(source: Path, tmp_path: Path):
    before = Assets(source, tmp_path / "cache").url("js/a.js")
    (source / "js" / "a.js").write_text("export const a = 2;")
    assert Assets(source, tmp_path / "cache").url("js/a.js") != before


def test_two_processes_make_the_same_folder(source: Path, tmp_path: Path):
    first, second = Assets(source, tmp_path / "cache"), Assets(source, tmp_path / "cache")
    assert first.prefix == second.prefix
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_what_is_left_out_is_not_served(source: Path, tmp_path: Path):
    assets = Assets(source, tmp_path / "cache", without=frozenset({"stub"}))
    assert client_of(assets).get(f"{assets.prefix}/stub/bridge.js").status_code == 404
    with pytest.raises(KeyError):
        assets.url("stub/bridge.js")


def test_a_misspelt_name_fails_when_the_page_is_made(source: Path, tmp_path: Path):
    with pytest.raises(KeyError):
        Assets(source, tmp_path / "cache").url("js/b.js")
