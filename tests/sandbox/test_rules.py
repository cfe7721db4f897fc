"""What the administrator has set, changed in part by the control API."""

from __future__ import annotations

from tests.sandbox.corp import answer_of


def test_what_is_not_named_stays_as_it_was_set(client):
    answer_of(client.put("/sandbox/rules", json={"callback_url_set": True, "trusted_ips": ["10.0.0.1"]}))
    changed = answer_of(client.patch("/sandbox/rules", json={"mini_program": "wx1"}))
    assert (changed["callback_url_set"], changed["trusted_ips"], changed["mini_program"]) == (
        True,
        ["10.0.0.1"],
        "wx1",
    )
    assert answer_of(client.patch("/sandbox/rules", json={})) == changed


def test_a_rule_that_is_none_changes_nothing(client):
    before = answer_of(client.patch("/sandbox/rules", json={}))
    refused = client.patch("/sandbox/rules", json={"mini_program": "wx1", "moon": True})
    assert (refused.status_code, "moon" in refused.json["error"]) == (400, True)
    assert client.patch("/sandbox/rules", json=[]).status_code == 400
    assert answer_of(client.patch("/sandbox/rules", json={})) == before
