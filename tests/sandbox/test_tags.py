"""Customer tags (facts 3.5), where only the sandbox's inside shows it: races, limits, the shape of answers."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask

from app.sandbox import tag_store
from app.sandbox.calls import World
from tests.sandbox.corp import Api
from tests.sandbox.receiver import wait_until

MARK = "externalcontact/mark_tag"


@pytest.fixture
def tag_id(api: Api) -> str:
    """A tag of this app."""
    made = api.post("externalcontact/add_corp_tag", {"group_name": "组", "tag": [{"name": "甲", "order": 3}]})
    return str(made["tag_group"]["tag"][0]["id"])


def mark_of(tag_id: str, **changes: Any) -> dict[str, Any]:
    return {"userid": "lina", "external_userid": "wmA", "add_tag": [tag_id], **changes}


def test_two_calls_that_mark_one_pair_at_once_do_not_both_pass(sandbox: Flask, api: Api, tag_id: str):
    world: World = sandbox.extensions["sandbox"]
    first: list[int] = []
    rival = Api(sandbox.test_client())

    def mark() -> None:
        first.append(rival.post(MARK, mark_of(tag_id))["errcode"])

    with world.store.writing():  # the first call has the pair and waits for the file
        marking = threading.Thread(target=mark)
        marking.start()
        wait_until(lambda: world.busy.is_held("lina", "wmA"))
        second = api.post(MARK, mark_of(tag_id, userid="LINA"))["errcode"]
    marking.join()
    assert (first, second) == ([0], 45035)
    assert api.post(MARK, mark_of(tag_id))["errcode"] == 0


def test_three_thousand_tags_are_all_a_pair_may_have(sandbox: Flask, api: Api, tag_id: str):
    world: World = sandbox.extensions["sandbox"]
    with world.store.writing() as connection:
        group_id = tag_store.get_tag(connection, tag_id)["group_id"]
        names = [(f"标签{n}", 0) for n in range(tag_store.MARKS_MOST)]
        added = [tag["tag_id"] for tag in tag_store.add_tags(connection, 0, 0, group_id, names)]
    assert api.post(MARK, mark_of(tag_id, add_tag=added))["errcode"] == 0
    assert api.post(MARK, mark_of(tag_id))["errcode"] == 40058
    assert api.post(MARK, mark_of(tag_id, remove_tag=added[:1]))["errcode"] == 0


def test_deleted_is_said_only_of_what_was_asked_for_by_id(api: Api, tag_id: str):
    (group,) = api.post("externalcontact/get_corp_tag_list", {})["tag_group"]
    (tag,) = group["tag"]
    assert set(group) == {"group_id", "group_name", "create_time", "order", "tag"}
    assert set(tag) == {"id", "name", "create_time", "order"}
    (named,) = api.post("externalcontact/get_corp_tag_list", {"tag_id": [tag_id]})["tag_group"]
    assert (named["deleted"], named["tag"][0]["deleted"]) == (False, False)


def test_a_personal_tag_is_shown_without_an_id(api: Api, tag_id: str):
    api.post(MARK, mark_of(tag_id))
    api.client.post(
        "/sandbox/graph/mark", json={"userid": "lina", "external_userid": "wmA", "personal": ["爱砍价"]}
    )
    (follower,) = api.get("externalcontact/get", external_userid="wmA")["follow_user"]
    assert follower["tags"] == [
        {"group_name": "组", "tag_name": "甲", "tag_id": tag_id, "type": 1},
        {"group_name": "", "tag_name": "爱砍价", "type": 2},
    ]
    batch = api.post("externalcontact/batch/get_by_user", {"userid_list": ["lina"]})
    infos = {
        entry["external_contact"]["external_userid"]: entry["follow_info"]["tag_id"]
        for entry in batch["external_contact_list"]
    }
    assert infos == {"wmA": [tag_id], "wmB": []}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("add_corp_tag", {"group_name": "组二", "tag": [{"name": "甲", "order": 2**32}]}),
        ("add_corp_tag", {"group_name": "组二", "tag": [{"name": "甲", "order": -1}]}),
        ("add_corp_tag", {"group_name": "组二", "tag": ["甲"]}),
        ("add_corp_tag", {"group_name": "组二", "tag": [{"order": 1}]}),
        ("add_corp_tag", {"tag": [{"name": "甲"}]}),
        ("get_corp_tag_list", {"tag_id": [7]}),
        ("mark_tag", {"userid": "lina", "external_userid": "wmA", "add_tag": "et"}),
    ],
)
def test_a_field_of_the_wrong_shape_is_refused(api: Api, path: str, body: dict[str, Any]):
    assert api.post(f"externalcontact/{path}", body)["errcode"] == 40058


def test_a_tag_without_its_pair_is_refused(api: Api, tag_id: str):
    assert api.post(MARK, {"external_userid": "wmA", "add_tag": [tag_id]})["errcode"] == 41009
    assert api.post(MARK, {"userid": "lina", "add_tag": [tag_id]})["errcode"] == 41035
