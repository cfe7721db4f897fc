"""The demo under config/demo: what the loader and the pages take for granted."""

import csv
import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from string import Formatter

import pytest

from app.follow_ups.facts import criterion_of
from app.follow_ups.plans.reading import read_document
from scripts.commands.prepare_demo import people_of

DEMO = Path(__file__).parents[2] / "config" / "demo"
PLANS = sorted((DEMO.parent / "plans").glob("*.toml"))
SUPERLATIVES = ("最", "第一", "顶级", "极致", "独家", "唯一", "国家级", "绝对", "首选", "100%")


@pytest.fixture(scope="module")
def chain():
    return json.loads((DEMO / "chain.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def scripts():
    return json.loads((DEMO / "scripts.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def lines():
    with (DEMO / "purchases_excerpt.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_chain_has_its_people_and_places(chain):
    roles = Counter(person["role"] for person in chain["associates"])
    assert roles == {"store_manager": 6, "associate": 24, "hq": 2}
    assert {store["branch"] for store in chain["stores"]} == {branch["code"] for branch in chain["branches"]}
    managed = [person["store"] for person in chain["associates"] if person["role"] == "store_manager"]
    assert sorted(managed) == sorted(store["code"] for store in chain["stores"])


def test_whoever_chooses_a_phone_sees_who_leads_a_store(chain):
    people = list(people_of(chain))
    managers = {person["userid"] for person in people if person["position"] == "店长"}
    assert managers == {person["userid"] for person in people if person["leader"]}
    assert len(managers) == len(chain["stores"])
    assert all(person["position"] for person in people)


def test_userids_are_distinct_host_labels(chain):
    userids = [person["userid"] for person in chain["associates"]]
    assert len(set(userids)) == len(userids)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]{0,62}", userid) for userid in userids)


def test_scripts_use_known_placeholders_only(scripts):
    known = {"member", "associate", "store", "product"}
    for script in scripts:
        assert {field for _, field, _, _ in Formatter().parse(script["body"]) if field is not None} <= known
    codes = [script["code"] for script in scripts]
    assert len(set(codes)) == len(codes)
    assert {"thanks_30m", "fit_3d", "matching_30d", "season_60d", "invite_90d", "add_wecom"} <= set(codes)


def test_scripts_claim_nothing_the_advertising_law_forbids(scripts):
    for script in scripts:
        assert not [word for word in SUPERLATIVES if word in script["title"] + script["body"]], script["code"]


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_default_plan_reads_and_has_its_words(path, scripts):
    plan = read_document(tomllib.loads(path.read_text("utf-8")))
    written = {script["code"] for script in scripts}
    assert {code for step in plan.steps for code in (*step.script_codes, step.invite_script_code)} <= written
    assert plan.code == path.stem
    rules = [plan.trigger.condition, *(rule for step in plan.steps for rule in step.conditions)]
    assert all(criterion_of(rule) for rule in rules if rule)  # or it is refused
    assert not [word for word in SUPERLATIVES if word in plan.product_fallback]


def test_the_excerpt_holds_what_a_till_really_sends(lines):
    bought = {(line["CustomerID"], line["StockCode"]): line["InvoiceDate"] for line in reversed(lines)}
    cancelled = [line for line in lines if line["InvoiceNo"].startswith("C")]
    matched = [
        line for line in cancelled
        if bought[line["CustomerID"], line["StockCode"]] < line["InvoiceDate"] and line["CustomerID"]
    ]  # fmt: skip
    assert 0 < len(matched) < len(cancelled)
    assert any(not line["CustomerID"] and float(line["UnitPrice"]) > 0 for line in lines)
    assert any(line["StockCode"] == "POST" for line in lines)
    assert any(line["CustomerID"] and float(line["UnitPrice"]) == 0 for line in lines)
    assert any(line["InvoiceNo"].isdigit() and int(line["Quantity"]) < 0 for line in lines)
    assert len({line["InvoiceDate"][:10] for line in lines}) == 4
