"""The house rules a machine can check in one source file. Each rule yields `line: what is wrong`."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator

from tests.house.source import FACES, Source, find_source

MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 400
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}
# product.md's table of words: the third column.
FORBIDDEN_CLASSES = {
    *("User", "Staff", "Employee", "Customer", "Friend", "Follower", "Guide", "Shop", "Admin"),
    *(
        "Sop",
        "Campaign",
        "Journey",
        "Task",
        "Mission",
        "Notification",
        "Asset",
        "Label",
        "Look",
        "Issue",
        "Audit",
    ),
}
# Where time may be read off the machine: ids carry it, leases are real time, the sandbox has its own clock.
TIME_READERS = {"app/clock.py", "app/ids.py"}
CLOCK_CALLS = {"utcnow", "now", "today", "fromtimestamp", "utcfromtimestamp", "time", "time_ns"}
CLOCK_OWNERS = {"datetime", "date", "time"}
WEB_PACKAGES = {*FACES, "http", "sessions", "factory", "sandbox"}
SOLE_IMPORTERS = {
    "wechatpy": "app/wecom/",
    "apscheduler": "tasks/",
    "celery": "tasks/",
    "lunar_python": "app/almanac.py",
}
# Only describes values; touches neither files nor network.
VALUE_LIBRARIES = {"msgspec"}

CALLED = re.compile(r"\b\w+\(")

Violations = Iterator[str]
Rule = Callable[[Source], Violations]


def functions_fit_a_screen(source: Source) -> Violations:
    """A migration is one long list of columns and has nothing to be taken apart into; so in the next rule."""
    if source.path.startswith("migrations/versions/"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{node.lineno}: {node.name} has {lines} lines"


def files_hold_one_subject(source: Source) -> Violations:
    lines = source.text.count("\n")
    if not source.path.startswith("migrations/versions/") and lines > MAX_FILE_LINES:
        yield f"1: {lines} lines"


def modules_say_what_lives_there(source: Source) -> Violations:
    if source.text.strip() and ast.get_docstring(source.tree) is None:
        yield "1: no docstring"


def names_mean_something(source: Source) -> Violations:
    for part in source.path.removesuffix(".py").split("/"):
        if part in EMPTY_NAMES:
            yield f"1: {part} says nothing about what is in it"


def classes_use_the_product_words(source: Source) -> Violations:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and node.name in FORBIDDEN_CLASSES:
            yield f"{node.lineno}: class {node.name}: see the words in the product's glossary"


def only_the_edge_commits(source: Source) -> Violations:
    """`commit` and `rollback` are app/db.py's; everybody else opens a transaction()."""
    if source.path in {"app/db.py", "migrations/env.py"} or source.package == "sandbox":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"}:
            yield f"{node.lineno}: .{node.attr}"


def services_get_a_session(source: Source) -> Violations:
    """models, rules, queries and services never open a transaction of their own.

    Intake does: it halves a batch that fails down to the one bad event, each half a transaction.
    """
    name = source.path.rpartition("/")[2]
    if (
        not source.in_domain
        or source.package == "intake"
        or name not in {"models.py", "rules.py", "queries.py", "service.py"}
    ):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in {"transaction", "in_transaction", "reading"}:
            yield f"{node.lineno}: .{node.attr}"


def time_comes_from_the_clock(source: Source) -> Violations:
    if source.path in TIME_READERS or source.package == "sandbox":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if node.func.attr in CLOCK_CALLS and name in CLOCK_OWNERS:
                yield f"{node.lineno}: {name}.{node.func.attr}()"


def tables_come_from_migrations(source: Source) -> Violations:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in {"create_all", "drop_all"}:
            yield f"{node.lineno}: {node.attr}"


def environment_is_read_in_one_place(source: Source) -> Violations:
    """config/settings.py reads it for the product, app/sandbox/settings.py for the sandbox."""
    if source.path in {"config/settings.py", "app/sandbox/settings.py", "app/sandbox/wsgi.py"}:
        return
    if source.package == "sandbox" or source.path.startswith(
        ("app/", "tasks/", "config/", "wsgi.py", "migrations/")
    ):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}:
                yield f"{node.lineno}: os.{node.attr}"


def schemas_are_built_once(source: Source) -> Violations:
    for function in ast.walk(source.tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id.endswith("Schema")
            ):
                yield f"{node.lineno}: {node.func.id}() inside {function.name}"


def rules_are_pure(source: Source) -> Violations:
    """A domain's rules.py: the standard library and modules of ours that keep to the same; no session."""
    if source.in_domain and source.path.endswith("/rules.py"):
        yield from (f"1: imports {name}" for name in source.imports() if not _is_pure(name))


def _is_pure(name: str) -> bool:
    if name.partition(".")[0] in {*sys.stdlib_module_names, *VALUE_LIBRARIES}:
        return True
    # `from app.follow_ups.states import StepReason` is seen as app.follow_ups.states.StepReason.
    module = find_source(name) or find_source(name.rpartition(".")[0])
    return module is not None and all(_is_pure(deeper) for deeper in module.imports())


def domains_know_no_web(source: Source) -> Violations:
    if not source.path.startswith("app/") or source.package in WEB_PACKAGES:
        return
    for name in source.imports():
        if name.partition(".")[0] in {"flask", "flask_smorest", "werkzeug", "marshmallow", "config"}:
            yield f"1: imports {name}"


def sandbox_imports_nothing_of_ours(source: Source) -> Violations:
    for name in source.imports():
        parts = name.split(".")
        ours = parts[0] in {"app", "tasks", "config"}
        if source.package == "sandbox":
            if ours and parts[1:2] != ["sandbox"]:
                yield f"1: imports {name}"
        elif parts[:2] == ["app", "sandbox"]:
            yield f"1: imports {name}"


def each_outside_library_has_one_importer(source: Source) -> Violations:
    for name in source.imports():
        home = SOLE_IMPORTERS.get(name.partition(".")[0])
        if home and not source.path.startswith(home):
            yield f"1: imports {name}, which belongs in {home}"


def changes_name_their_rows(source: Source) -> Violations:
    """No UPDATE or DELETE holds a SELECT: MariaDB before 11.1 runs it anew for each row of the whole table."""
    if not source.path.startswith("app/") or not {"update(", "delete("} & set(CALLED.findall(source.text)):
        return
    constants = _selects_named_in(source.tree, set())
    for scope in ast.walk(source.tree):
        if not isinstance(scope, ast.FunctionDef | ast.Module):
            continue
        named = _selects_named_in(scope, constants)
        changes = {"update", "delete"} | _changes_named_in(scope)
        for call in (node for node in ast.walk(scope) if isinstance(node, ast.Call)):
            is_condition = getattr(call.func, "attr", "") == "where" and _root(call) in changes
            if is_condition and any(_selects(one, named) for one in call.args):
                yield f"{call.lineno}: a SELECT within an UPDATE or DELETE"


def _root(node: ast.AST) -> str:
    """The name a chain of calls begins with."""
    while isinstance(node, ast.Call | ast.Attribute):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _assigned(scope: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What gets a name in a function; of a module what stands outside functions."""
    nodes = ast.iter_child_nodes(scope) if isinstance(scope, ast.Module) else ast.walk(scope)
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def _changes_named_in(scope: ast.AST) -> set[str]:
    return {name for name, value in _assigned(scope) if _root(value) in {"update", "delete"}}


def _selects_named_in(scope: ast.AST, known: set[str]) -> set[str]:
    named = set(known)
    for name, value in _assigned(scope):
        if _root(value) not in {"update", "delete"} and _selects(value, named):
            named.add(name)
    return named


def _selects(node: ast.AST, named: set[str]) -> bool:
    """True where a SELECT is part of the expression, and not what it brought when it was run."""
    if isinstance(node, ast.Call):
        if getattr(node.func, "attr", "") in {"scalar", "scalars", "execute"}:
            return False
        if isinstance(node.func, ast.Name) and node.func.id in {"select", "exists"}:
            return True
    if isinstance(node, ast.Name) and node.id in named:
        return True
    return any(_selects(child, named) for child in ast.iter_child_nodes(node))


RULES: tuple[Rule, ...] = (
    functions_fit_a_screen,
    files_hold_one_subject,
    modules_say_what_lives_there,
    names_mean_something,
    classes_use_the_product_words,
    only_the_edge_commits,
    services_get_a_session,
    time_comes_from_the_clock,
    tables_come_from_migrations,
    environment_is_read_in_one_place,
    schemas_are_built_once,
    rules_are_pure,
    domains_know_no_web,
    sandbox_imports_nothing_of_ours,
    each_outside_library_has_one_importer,
    changes_name_their_rows,
)
