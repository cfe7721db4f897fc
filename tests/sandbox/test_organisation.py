"""The contact book as an administrator changes it: each act is one change_contact event with ids only (facts 4.3)."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient


@pytest.fixture
def book(seeded: FlaskClient) -> FlaskClient:
    return seeded


def act(client: FlaskClient, method: str, path: str, sent: Any = None) -> Any:
    return client.open(f"/sandbox/organisation/{path}", method=method, json=sent if sent is not None else {})


def events(client: FlaskClient) -> list[dict[str, Any]]:
    answer = client.get("/sandbox/callbacks").json
    assert answer is not None
    skipped = {"Event", "FromUserName", "CreateTime", "MsgType"}
    return [
        {name: value for name, value in event["fields"].items() if name not in skipped}
        for event in answer["callbacks"]
        if event["fields"]["Event"] == "change_contact"
    ]


def ids(client: FlaskClient) -> dict[str, int]:
    answer = client.get("/sandbox/organisation").json
    assert answer is not None
    return {row["name"]: row["id"] for row in answer["departments"]}


def test_seeding_is_no_event(book: FlaskClient):
    assert events(book) == []


def test_a_member_comes_moves_and_goes(book: FlaskClient):
    shop, office = ids(book)["万象城店"], ids(book)["总部"]
    assert (
        act(book, "POST", "people", {"userid": "new", "name": "新人", "department": "万象城店"}).status_code
        == 200
    )
    assert (
        act(book, "PATCH", "people/NEW", {"departments": [office, shop], "leads": [shop]}).status_code == 200
    )
    assert act(book, "PATCH", "people/new", {"position": "店长"}).status_code == 200
    assert act(book, "DELETE", "people/new").status_code == 200
    assert events(book) == [
        {"ChangeType": "create_user", "UserID": "new", "Department": str(shop)},
        {"ChangeType": "update_user", "UserID": "new", "Department": f"{office},{shop}"},
        {"ChangeType": "update_user", "UserID": "new"},
        {"ChangeType": "delete_user", "UserID": "new"},
    ]


def test_a_renamed_userid_takes_customers_along(book: FlaskClient, api: Any):
    assert act(book, "PATCH", "people/lina", {"userid": "lina2"}).status_code == 200
    assert events(book) == [{"ChangeType": "update_user", "UserID": "LiNa", "NewUserID": "lina2"}]
    assert api.get("user/get", userid="lina")["errcode"] == 60111
    assert api.get("externalcontact/list", userid="lina2")["external_userid"] == ["wmA", "wmB"]


def test_somebody_deleted_may_come_back(book: FlaskClient, api: Any):
    act(book, "DELETE", "people/wangwei")
    assert api.get("user/get", userid="wangwei")["errcode"] == 60111
    again = {"userid": "wangwei", "name": "王伟", "department": "总部"}
    assert act(book, "POST", "people", again).status_code == 200
    assert api.get("user/get", userid="wangwei")["department"] == [ids(book)["总部"]]


def test_departments_come_are_renamed_move_and_go(book: FlaskClient):
    made = act(book, "POST", "departments", {"name": "华南", "parentid": 1}).json["id"]
    shop = ids(book)["万象城店"]
    assert (
        act(book, "PATCH", f"departments/{shop}", {"parentid": made, "name": "新万象城店"}).status_code == 200
    )
    empty = act(book, "POST", "departments", {"name": "空", "parentid": made}).json["id"]
    assert act(book, "DELETE", f"departments/{empty}").status_code == 200
    assert [(event["ChangeType"], event["Id"]) for event in events(book)] == [
        ("create_party", made),
        ("update_party", shop),
        ("create_party", empty),
        ("delete_party", empty),
    ]


def test_a_tree_has_at_most_fifteen_levels(book: FlaskClient):
    parent = 1
    for level in range(2, 16):
        parent = act(book, "POST", "departments", {"name": f"第{level}层", "parentid": parent}).json["id"]
    assert act(book, "POST", "departments", {"name": "太深", "parentid": parent}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "people", {"userid": "LINA", "name": "又一个"}),
        ("PATCH", "people/nobody", {"name": "x"}),
        ("PATCH", "people/lina", {"departments": []}),
        ("PATCH", "people/lina", {"departments": [99]}),
        ("PATCH", "people/lina", {"userid": "WANGWEI"}),
        ("PATCH", "people/lina", {"shoe_size": 40}),
        ("DELETE", "people/nobody", {}),
        ("POST", "departments", {"name": "总部", "parentid": 1}),
        ("POST", "departments", {"name": "a/b", "parentid": 1}),
        ("POST", "departments", {"name": "x", "parentid": 99}),
        ("PATCH", "departments/1", {"parentid": 1}),
        ("DELETE", "departments/1", {}),
        ("DELETE", "departments/2", {}),
    ],
)
def test_what_wecoms_console_refuses_changes_nothing_and_tells_nobody(
    book: FlaskClient, method: str, path: str, sent: Any
):
    before = book.get("/sandbox/organisation").json
    assert act(book, method, path, sent).status_code == 400
    assert book.get("/sandbox/organisation").json == before
    assert events(book) == []
