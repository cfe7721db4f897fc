"""Members and customers (facts 3.3, 3.4)."""

from __future__ import annotations

import pytest

from tests.sandbox.corp import CONTACTS


def test_a_member_is_read_without_what_new_apps_may_not_see(api):
    member = api.get("user/get", userid="LINA")
    assert (member["errcode"], member["userid"], member["name"], member["position"]) == (
        0,
        "LiNa",
        "李娜",
        "导购",
    )
    assert member["status"] == 1
    assert not {"mobile", "email", "avatar", "gender"} & set(member)


@pytest.mark.parametrize(("args", "code"), [({}, 41009), ({"userid": "nobody"}, 60111)])
def test_a_wrong_member_is_refused(api, args, code):
    assert api.get("user/get", **args)["errcode"] == code


def test_followers_are_those_still_here(api):
    assert set(api.get("externalcontact/get_follow_user_list")["follow_user"]) == {"LiNa", "wangwei", "idle"}


def test_a_members_customers_are_listed(api):
    assert api.get("externalcontact/list", userid="lina")["external_userid"] == ["wmA", "wmB"]


@pytest.mark.parametrize(
    ("args", "code"), [({}, 41009), ({"userid": "nobody"}, 60111), ({"userid": "idle"}, 84061)]
)
def test_a_list_is_refused_and_none_is_84061(api, args, code):
    assert api.get("externalcontact/list", **args)["errcode"] == code


def test_a_customer_comes_with_who_follows_it(api):
    answer = api.get("externalcontact/get", external_userid="wmB")
    assert answer["external_contact"]["name"] == "陈先生"
    assert answer["external_contact"]["unionid"] == "oUnion"
    assert [follower["userid"] for follower in answer["follow_user"]] == ["LiNa", "wangwei"]
    assert "next_cursor" not in answer
    assert "unionid" not in api.get("externalcontact/get", external_userid="wmA")["external_contact"]


@pytest.mark.parametrize(
    ("args", "code"),
    [({}, 41035), ({"external_userid": "wmZ"}, 40096), ({"external_userid": "wmC"}, 84061)],
)
def test_a_wrong_customer_is_refused(api, args, code):
    assert api.get("externalcontact/get", **args)["errcode"] == code


def test_five_hundred_followers_are_a_page(api):
    people = [{"userid": f"p{n:04d}", "name": "同事"} for n in range(501)]
    follow = [{"userid": person["userid"]} for person in people]
    api.client.put("/sandbox/people", json=people)
    api.client.put("/sandbox/contacts", json=[{"external_userid": "wmX", "name": "大客户", "follow": follow}])
    first = api.get("externalcontact/get", external_userid="wmX")
    second = api.get("externalcontact/get", external_userid="wmX", cursor=first["next_cursor"])
    assert (len(first["follow_user"]), len(second["follow_user"])) == (500, 1)
    assert "next_cursor" not in second


def test_batches_are_paged_with_one_follow_info_each(api):
    seen, cursor = [], ""
    for _ in range(3):
        asked = {"userid_list": ["LINA", "wangwei"], "limit": 1, "cursor": cursor}
        answer = api.post("externalcontact/batch/get_by_user", asked)
        [entry] = answer["external_contact_list"]
        assert entry["follow_info"]["tag_id"] == []
        seen.append((entry["follow_info"]["userid"], entry["external_contact"]["external_userid"]))
        cursor = answer["next_cursor"]
    assert seen == [("LiNa", "wmA"), ("LiNa", "wmB"), ("wangwei", "wmB")]
    assert cursor == ""


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"userid": "lina"}, 40058),
        ({"userid_list": []}, 40058),
        ({"userid_list": [7]}, 40058),
        ({"userid_list": ["u"] * 101}, 40031),
        ({"userid_list": ["nobody"]}, 60111),
        ({"userid_list": ["lina"], "limit": "many"}, 40058),
        ({"userid_list": ["lina"], "cursor": "made-up"}, 40058),
    ],
)
def test_a_wrong_batch_is_refused(api, body, code):
    assert api.post("externalcontact/batch/get_by_user", body)["errcode"] == code


def test_a_limit_above_a_hundred_counts_as_a_hundred(api):
    contacts = [
        {"external_userid": f"wm{n:04d}", "name": "顾客", "follow": [{"userid": "idle"}]} for n in range(120)
    ]
    api.client.put("/sandbox/contacts", json=contacts)
    answer = api.post("externalcontact/batch/get_by_user", {"userid_list": ["idle"], "limit": 1000})
    assert len(answer["external_contact_list"]) == 100


def test_a_remark_is_kept_for_that_member_only(api):
    note = {"userid": "lina", "external_userid": "wmB", "remark": "陈哥", "remark_mobiles": ["13800000000"]}
    assert api.post("externalcontact/remark", note)["errcode"] == 0
    api.post(
        "externalcontact/remark", {"userid": "lina", "external_userid": "wmB", "description": "喜欢深色"}
    )
    lina, wangwei = api.get("externalcontact/get", external_userid="wmB")["follow_user"]
    assert (lina["remark"], lina["description"], lina["remark_mobiles"]) == (
        "陈哥",
        "喜欢深色",
        ["13800000000"],
    )
    assert (wangwei["remark"], wangwei["remark_mobiles"]) == ("", [])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"userid": None}, 41009),
        ({"external_userid": None}, 41035),
        ({"remark": None}, 40058),
        ({"remark": "长" * 21}, 40058),
        ({"userid": "nobody"}, 60111),
        ({"external_userid": "wmZ"}, 40096),
        ({"userid": "idle"}, 84061),
    ],
)
def test_a_wrong_remark_is_refused(api, changes, code):
    note = {"userid": "lina", "external_userid": "wmA", "remark": "雯雯", **changes}
    assert api.post("externalcontact/remark", note)["errcode"] == code


def test_putting_the_same_twice_changes_nothing(api, travel_to):
    before = api.get("externalcontact/get", external_userid="wmB")
    travel_to(60_000_000)
    api.client.put("/sandbox/contacts", json=CONTACTS)
    assert api.get("externalcontact/get", external_userid="wmB") == before


def test_ten_thousand_contacts_are_put_at_once(api):
    contacts = [
        {"external_userid": f"wmK{n}", "name": f"顾客{n}", "follow": [{"userid": "idle"}]}
        for n in range(10_000)
    ]
    assert api.client.put("/sandbox/contacts", json=contacts).json == {"contacts": 10_000}
    assert len(api.get("externalcontact/list", userid="idle")["external_userid"]) == 10_000
