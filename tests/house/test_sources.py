"""Every product file keeps every house rule, and every rule can fail."""

from __future__ import annotations

import pytest

from tests.house import rules
from tests.house.rules import RULES, Rule
from tests.house.source import Source, product_sources

LONG_FUNCTION = '"""."""\ndef long():\n' + "    pass\n" * 60
SUBSELECT = """
def leave():
    gone = select(T.id).where(T.gone)
    changed = update(U)
    return changed.where(U.id == 1, U.t_id.in_(gone)).values(x=1)
"""

# For each rule a file that breaks it.
PLANTED: dict[Rule, tuple[str, str]] = {
    rules.functions_fit_a_screen: ("app/members/service.py", LONG_FUNCTION),
    rules.files_hold_one_subject: ("app/members/service.py", "x = 1\n" * 401),
    rules.modules_say_what_lives_there: ("app/members/service.py", "x = 1\n"),
    rules.names_mean_something: ("app/members/utils.py", '"""."""\n'),
    rules.classes_use_the_product_words: ("app/members/models.py", "class Customer: ...\n"),
    rules.only_the_edge_commits: ("app/members/service.py", "session.commit()\n"),
    rules.services_get_a_session: ("app/members/service.py", "with database.transaction() as s: pass\n"),
    rules.time_comes_from_the_clock: ("app/members/service.py", "due = datetime.datetime.now(UTC)\n"),
    rules.tables_come_from_migrations: ("tasks/clock.py", "Base.metadata.create_all(engine)\n"),
    rules.environment_is_read_in_one_place: ("app/members/service.py", "key = os.environ['KEY']\n"),
    rules.schemas_are_built_once: ("app/h5/routes.py", "def show():\n    return MemberSchema().dump(1)\n"),
    rules.rules_are_pure: ("app/members/rules.py", "from sqlalchemy.orm import Session\n"),
    rules.domains_know_no_web: ("app/members/service.py", "from flask import request\n"),
    rules.sandbox_imports_nothing_of_ours: ("app/sandbox/api.py", "from app.db import Database\n"),
    rules.each_outside_library_has_one_importer: ("app/messaging/service.py", "import wechatpy.work\n"),
    rules.changes_name_their_rows: ("app/members/service.py", SUBSELECT),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_product_keeps(rule: Rule):
    broken = [f"{source.path}:{what}" for source in product_sources() for what in rule(source)]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_planted_violation_is_caught_by(rule: Rule):
    path, text = PLANTED[rule]
    assert list(rule(Source(path, text)))


def test_there_is_something_to_check():
    paths = {source.path for source in product_sources()}
    assert {"app/db/database.py", "app/clock.py"} <= paths
