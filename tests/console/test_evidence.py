"""A person's tasks of a day can be looked at by how well each is proven."""

from __future__ import annotations

from flask import Flask

from tests.faces.chain import Chain
from tests.faces.web import PAGE, sign_in


def test_tasks_are_filtered_by_how_they_are_proven(app: Flask, chain: Chain):
    ids = app.extensions["public_ids"]
    store, person = ids.encode("store", chain.stores["S1"]), ids.encode("associate", chain.people["lina"])
    client, path = sign_in(app, "zhaohq", "/console/"), f"/console/stores/{store}/people/{person}"
    assert "周敏" in client.get(path, headers=PAGE).text
    sent = client.get(path, query_string={"evidence": "client_reported"}, headers=PAGE).text
    assert "陈国强" in sent
    assert "周敏" not in sent
    assert "陈国强" not in client.get(path, query_string={"evidence": "self_declared"}, headers=PAGE).text
    assert client.get(path, query_string={"evidence": "hearsay"}, headers=PAGE).status_code == 422
    still_open = client.get(
        path, query_string={"state": "open", "evidence": "", "day": ""}, headers=PAGE
    ).text
    assert "林晓雯" in still_open
    assert "陈国强" not in still_open
