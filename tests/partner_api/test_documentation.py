"""The documentation says what holds: its examples work, its codes exist, its page is readable."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.db import Database
from app.intake.refusals import reasons
from app.partner_api.documentation import CODES
from app.stores.models import Store
from tests.axe import complaints_of_axe
from tests.faces.web import KnownCodes, make_app
from tests.partner_api.conftest import EVENTS, PATH, Till
from tests.servers.threads import ThreadServer

DOCS = "/partner/v1/docs"


@pytest.fixture
def pounds(database: Database, app: Flask) -> None:
    """The chain sells in pounds, as the demo does."""
    with database.transaction() as session:
        session.execute(update(Store).values(currency="GBP", time_zone="Europe/London"))


def documented_examples(app: Flask, path: str = PATH) -> dict[str, dict[str, Any]]:
    """What openapi.json shows today."""
    spec = app.test_client().get("/partner/v1/openapi.json").get_json()
    body = spec["paths"][path]["post"]["requestBody"]
    examples = body["content"]["application/json"]["examples"]
    return {name: example["value"] for name, example in examples.items()}


def test_every_example_can_be_sent_as_it_stands(till: Till, app: Flask):
    for name, body in documented_examples(app).items():
        assert till.report(body)["applied"] == 1, name


def test_every_example_of_what_happens_can_be_sent_as_it_stands(till: Till, app: Flask):
    for name, body in documented_examples(app, EVENTS).items():
        items = sum(map(len, body.values()))
        assert till.report(body, path=EVENTS)["applied"] == items, name


@pytest.mark.usefixtures("pounds")
def test_examples_are_of_a_store_of_this_installation_in_its_currency(till: Till, app: Flask):
    for name, body in documented_examples(app).items():
        assert till.report(body)["applied"] == 1, name
    schemas = app.test_client().get("/partner/v1/openapi.json").get_json()["components"]["schemas"]
    assert schemas["Purchase"]["properties"]["currency"]["example"] == "GBP"
    assert schemas["Refund"]["properties"]["store"]["example"] == "S1"


@pytest.mark.usefixtures("pounds")
def test_what_is_copied_from_the_page_works(till: Till, app: Flask):
    page = html.unescape(app.test_client().get(DOCS).text)
    copied = re.search(r"-d '(.*?)'</code>", page, re.DOTALL)
    key = re.search(r"Idempotency-Key: ([^']+)'", page)
    assert copied
    assert key
    answer = till.report(copied[1].encode(), idempotency_key=key[1])
    assert answer["purchases"][0]["status"] == "applied"
    spec = app.test_client().get("/partner/v1/openapi.json").get_json()
    response = spec["paths"]["/partner/v1/purchases"]["post"]["responses"]["200"]
    assert response["content"]["application/json"]["example"] == answer


def test_without_a_store_the_examples_are_invented(database: Database):
    app = make_app(database, KnownCodes())
    assert documented_examples(app)["purchase"]["purchases"][0]["store"] == "SH01"
    opened: Database = app.extensions["database"]
    opened.close()


def test_every_documented_code_is_described():
    assert set(CODES) <= set(reasons())


def test_openapi_describes_the_route(app: Flask):
    spec = app.test_client().get("/partner/v1/openapi.json").get_json()
    assert spec["openapi"] == "3.1.0"
    operation = spec["paths"]["/partner/v1/purchases"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Batch"
    }
    assert {"200", "401", "409", "413", "415", "422", "503"} <= set(operation["responses"])
    assert "application/problem+json" in operation["responses"]["422"]["content"]
    assert [one["name"] for one in operation["parameters"]] == ["Idempotency-Key"]
    assert operation["security"] == [{"apiKey": []}]
    assert spec["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    refund = spec["components"]["schemas"]["Refund"]
    assert refund["additionalProperties"] is False
    assert "cancels" in refund["properties"]
    references(spec, spec)


def references(part: object, spec: dict[str, object]) -> None:
    """Every $ref leads somewhere."""
    if isinstance(part, dict):
        if "$ref" in part:
            found: object = spec
            for step in part["$ref"].removeprefix("#/").split("/"):
                assert isinstance(found, dict)
                found = found[step]
        for inner in part.values():
            references(inner, spec)
    elif isinstance(part, list):
        for inner in part:
            references(inner, spec)


def test_the_documentation_speaks_the_readers_language(app: Flask):
    client = app.test_client()
    assert "没有这家门店" in client.get(DOCS, headers={"Accept-Language": "zh-CN"}).text
    assert "there is no such store" in client.get(DOCS, headers={"Accept-Language": "en"}).text


def test_unknown_query_fields_are_refused_here_too(app: Flask):
    assert app.test_client().get(f"{DOCS}?x=1", headers={"Accept": "application/json"}).status_code == 422


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = ThreadServer(app)
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def base_url() -> str:
    """In place of the plugin's own fixture, which newer pytest warns about."""
    return ""


@pytest.mark.browser
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_page_is_readable_narrow_and_wide_light_and_dark(page, address: str):
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("requestfailed", lambda request: problems.append(request.url))
    page.goto(address + DOCS)
    for scheme, width in (("light", 360), ("dark", 360), ("light", 1280), ("dark", 1280)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert complaints_of_axe(page) == ""
    assert problems == []
