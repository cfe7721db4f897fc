"""scripts/sync_organisation, and the demo's organisation, against the sandbox's contact book."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from app.db import Database
from app.organisation.plan import What
from scripts.commands.load_chain import load_chain
from scripts.commands.prepare_demo import DEMO, people_of
from tests.house.source import ROOT
from tests.organisation.book import apply_full, plan_full, roster, shown, stores
from tests.servers.clean import SqliteDatabases
from tests.wecom.local_sandbox import OURS, LocalSandbox


@pytest.fixture
def url(sqlite_databases: SqliteDatabases) -> str:
    return sqlite_databases.new()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


def command(corp: LocalSandbox, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url,
        "WECOM_CORP_ID": OURS.corp_id,
        "WECOM_AGENT_ID": str(OURS.agent_id),
        "WECOM_SECRET": OURS.secret,
        "WECOM_API_URL": corp.url,
        "REDIS_URL": "",
    }
    return subprocess.run(
        [ROOT / "scripts" / "sync_organisation", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_demo_is_recognised_and_then_a_sync_changes_nothing(corp: LocalSandbox, database: Database):
    chain = json.loads((DEMO / "chain.json").read_text(encoding="utf-8"))
    load_chain(database, DEMO)
    before, shops = roster(database), stores(database)
    corp.control("PUT", "people", list(people_of(chain)))
    sync_id = plan_full(database, corp.app())
    plan = shown(database, sync_id)
    mine = {person["userid"] for person in chain["associates"]}
    assert {what for change in plan.people if change.userid in mine for what in change.whats} == {
        What.PERSON_LINKED
    }
    linked = [unit for unit in plan.units if unit.our_id]
    assert {what for unit in linked for what in unit.whats} == {What.BRANCH_LINKED, What.STORE_LINKED}
    assert len(linked) == len(chain["stores"]) + len(chain["branches"])
    assert plan.unknown == ()
    assert apply_full(database, corp.app(), sync_id) == "applied"
    after = roster(database)
    assert {userid: after[userid] for userid in before} == before
    assert {name: stores(database)[name] for name in shops} == shops
    assert shown(database, plan_full(database, corp.app())).is_empty


def test_a_preview_prints_and_an_apply_does(corp: LocalSandbox, url: str, database: Database):
    corp.control("PUT", "people", [{"userid": "jing1", "name": "静一", "department": "华东分公司/静安店"}])
    printed = command(corp, url, "--preview")
    assert (printed.returncode, "person_added: 静一 (jing1) → 静安店" in printed.stdout) == (0, True)
    assert roster(database) == {}
    applied = command(corp, url, "--apply")
    assert (applied.returncode, applied.stdout.splitlines()[-1]) == (0, "applied")
    assert roster(database)["jing1"] == ("静一", "associate", "静安店")
    assert "Everything is as in WeCom." in command(corp, url).stdout


def test_the_first_administrator_is_made_by_hand(corp: LocalSandbox, url: str, database: Database):
    made = command(corp, url, "--hq", "LiNa")
    assert (made.returncode, "李娜" in made.stdout) == (0, True)
    assert roster(database) == {"lina": ("李娜", "hq", "")}
    nobody = command(corp, url, "--hq", "nobody")
    assert (nobody.returncode, "60111" in nobody.stderr) == (1, True)


def test_wecoms_refusal_is_told_and_changes_nothing(corp: LocalSandbox, url: str, database: Database):
    corp.plant("department/list", "errcode", value=60020)
    refused = command(corp, url, "--apply")
    assert (refused.returncode, "60020" in refused.stdout) == (1, True)
    assert roster(database) == {}
