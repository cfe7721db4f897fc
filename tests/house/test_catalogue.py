"""Everything a person reads is Chinese and comes from the catalogue; nothing is hard-coded."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from app.follow_ups.bookkeeping.books import CHECKS
from tests.house.source import FACES, ROOT, Source, product_sources, project_files

CATALOGUE = ROOT / "app/translations/zh_Hans_CN/LC_MESSAGES/messages.po"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    "lazy_ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
PRODUCT_NAME = "店伴"
JINJA_COMMENT = re.compile(r"{#.*?#}", re.DOTALL)


def texts(message: object) -> tuple[str, ...]:
    """A message and its plural, where it has one."""
    return tuple(str(part) for part in message) if isinstance(message, list | tuple) else (str(message),)


def messages_in(name: str, content: bytes) -> Iterator[tuple[str, ...]]:
    method = "python" if name.endswith(".py") else "jinja2"
    for _line, message, _comments, _context in extract(method, BytesIO(content), keywords=KEYWORDS):
        yield texts(message)


def translatable_files() -> list[str]:
    """All of app but the sandbox, which is a tool with texts of its own."""
    ours = [
        name for name in project_files() if name.startswith("app/") and not name.startswith("app/sandbox/")
    ]
    return [name for name in ours if name.endswith((".py", ".html"))]


def problems(used: tuple[str, ...], catalogue: Catalog) -> Iterator[str]:
    """Why this message would not be read in Chinese."""
    entry = catalogue.get(used if len(used) > 1 else used[0]) or catalogue.get(used[0])
    if entry is None or entry.fuzzy or not all(texts(entry.string)):
        yield f"{used[0]!r} is not translated"
        return
    for translated in texts(entry.string):
        unknown = set(PLACEHOLDER.findall(translated)) - set(PLACEHOLDER.findall(" ".join(used)))
        if unknown:
            yield f"{used[0]!r} is translated with unknown placeholders {unknown}"


def read_catalogue(text: bytes) -> Catalog:
    return read_po(BytesIO(text), locale="zh_Hans_CN", abort_invalid=True)


def test_every_message_is_translated():
    catalogue = read_catalogue(CATALOGUE.read_bytes())
    missing = [
        f"{name}: {problem}"
        for name in translatable_files()
        for used in messages_in(name, (ROOT / name).read_bytes())
        for problem in problems(used, catalogue)
    ]
    assert missing == []


def test_every_check_of_the_books_is_translated():
    """The console says by name which of them failed."""
    catalogue = read_catalogue(CATALOGUE.read_bytes())
    names = {check.says.partition(": ")[0] for check in CHECKS}
    assert [name for name in sorted(names) if not catalogue.get(name)] == []


PLANTED = b"""
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"

msgid "Send"
msgstr "\xe5\x8f\x91\xe9\x80\x81"

msgid "Empty"
msgstr ""

#, fuzzy
msgid "Guessed"
msgstr "\xe7\x8c\x9c"

msgid "To %(name)s"
msgstr "\xe5\x8f\x91\xe7\xbb\x99 %(nom)s"
"""


@pytest.mark.parametrize("message", ["Empty", "Guessed", "To %(name)s", "Unknown"])
def test_an_untranslated_message_would_be_noticed(message: str):
    assert list(problems((message,), read_catalogue(PLANTED)))


def test_a_translated_message_is_fine():
    assert list(problems(("Send",), read_catalogue(PLANTED))) == []


def test_messages_are_found_in_python_and_in_templates():
    assert list(messages_in("app/h5/routes.py", b'title = _("Send")\n')) == [("Send",)]
    assert list(messages_in("app/h5/templates/a.html", b'<p>{{ _("Send") }}</p>')) == [("Send",)]


def chinese_in_code(source: Source) -> list[str]:
    """Chinese in strings. Docstrings may explain the words of the trade, examples show data as it comes."""
    meant = {id(node) for top in ast.walk(source.tree) for node in _docstring(top) + _examples(top)}
    return [
        f"{source.path}:{node.lineno}: {node.value[:30]!r}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and CHINESE.search(node.value.replace(PRODUCT_NAME, ""))
        and id(node) not in meant
    ]


def _docstring(node: ast.AST) -> list[ast.AST]:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
        return []
    first = node.body[0] if node.body else None
    return [first.value] if isinstance(first, ast.Expr) else []


def _examples(node: ast.AST) -> list[ast.AST]:
    """What stands under the name `example` in the description of an API."""
    values: list[ast.expr] = []
    if isinstance(node, ast.keyword) and node.arg == "example":
        values.append(node.value)
    if isinstance(node, ast.Dict):
        keys = (getattr(key, "value", None) for key in node.keys)
        values += [value for key, value in zip(keys, node.values, strict=True) if key == "example"]
    return [deeper for value in values for deeper in ast.walk(value)]


def test_no_text_is_hard_coded_in_python():
    """The sandbox is a tool with texts of its own; a module called examples holds data as it comes."""
    sources = [source for source in product_sources() if source.path.startswith(("app/", "tasks/"))]
    checked = [
        source
        for source in sources
        if source.package != "sandbox" and not source.path.endswith("examples.py")
    ]
    assert [found for source in checked for found in chinese_in_code(source)] == []


def test_hard_coded_text_would_be_noticed():
    assert chinese_in_code(Source("app/h5/routes.py", 'def f():\n    """门店."""\n    return "发送"\n'))
    assert not chinese_in_code(Source("app/h5/routes.py", 'def f():\n    """门店."""\n    return "store"\n'))
    assert not chinese_in_code(Source("app/partner_api/schemas.py", 'field(metadata={"example": "衬衫"})\n'))


def test_no_text_is_hard_coded_in_templates():
    templates = [
        name for name in translatable_files() if name.endswith(".html") and name.split("/")[1] in FACES
    ]
    found = []
    for name in templates:
        text = JINJA_COMMENT.sub("", (ROOT / name).read_text(encoding="utf-8"))
        found += [f"{name}: {line.strip()}" for line in text.splitlines() if CHINESE.search(line)]
    assert found == []
