"""Plans that come with the product are offered for drafts, published or not."""

from __future__ import annotations

import re
from pathlib import Path

from flask.testing import FlaskClient

from app.console.plans_product import product_plans
from tests.console import test_plans
from tests.console.test_plans import HOME, see, send
from tests.world import ROOT

client, database_kind = test_plans.client, test_plans.database_kind


def test_a_draft_may_begin_with_any_plan_that_comes_with_the_product(client: FlaskClient):
    page = see(client, HOME)
    for name in (
        "入会跟进",
        "生日祝福",
        "到店未购",
        "售后关怀",
        "服务关怀",
        "满意度回访",
        "差评回访",
        "中秋问候",
    ):
        assert f">{name}</option>" in page, name
    began = re.search(r'href="([^"]+/drafts/join\?like=[^"]+)"', page)
    assert began
    assert (ROOT / "config" / "plans" / "join.toml").read_text("utf-8").splitlines()[0] in see(
        client, began[1]
    )
    like = send(client, HOME, code="welcome", like="product:join").location
    page = see(client, like)
    assert "code = &#34;welcome&#34;" in page
    assert "join_welcome" in page
    see(client, f"{HOME}/drafts/welcome?like=product:nothing", 404)


def test_a_file_that_says_no_plan_is_left_out(tmp_path: Path):
    good = (ROOT / "config" / "plans" / "join.toml").read_text("utf-8")
    (tmp_path / "join.toml").write_text(good, "utf-8")
    (tmp_path / "torn.toml").write_text(good[: len(good) // 2] + '"', "utf-8")
    (tmp_path / "empty.toml").write_text("", "utf-8")
    (tmp_path / "foreign.toml").write_bytes(b"\xff")
    assert [plan.code for plan in product_plans(tmp_path)] == ["join"]
