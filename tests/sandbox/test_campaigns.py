"""Group sends, moments, handovers, groups, lives, products: other apps, wrong bodies, long whiles."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.sandbox import (
    group_chat_owners,
    group_chat_statistics,
    group_chats,
    group_sends,
    join_ways,
    livings,
    moments,
    pay,
    products,
    statistics,
    transfers,
)
from tests.sandbox.corp import HOUR, MINUTE, OTHER_SECRET, SECOND, Api, Machine, answer_of

SUBJECTS = (
    *(group_chat_owners, group_chat_statistics, group_chats, group_sends, join_ways, livings),
    *(moments, pay, products, statistics, transfers),
)
POSTED = sorted(path for subject in SUBJECTS for path, one in subject.ENDPOINTS.items() if one.post)
WRONG: list[Any] = [
    None,
    "",
    "x",
    -1,
    1.5,
    True,
    10**30,
    [],
    [1],
    [None],
    [{}],
    ["x"],
    {},
    {"x": 1},
    {"content": 1},
]
THEN = {"start_time": 1_759_900_000, "end_time": 1_759_990_000}
DAYS = {"day_begin_time": 1_759_900_000, "day_end_time": 1_759_900_000}
PAIR = {"handover_userid": "lina", "takeover_userid": "wangwei"}
LEFT = {"handover_userid": "gone", "takeover_userid": "wangwei"}
SEND = {"text": {"content": "早"}, "sender": "lina", "external_userid": ["wmA"], "allow_select": True}
MOMENT = {"moment_id": "mom", "userid": "lina", "limit": 1, "cursor": ""}
WAY = {"config_id": "x", "scene": 2, "chat_id_list": ["wr"], "remark": "", "state": "", "room_base_id": 1}
LIVE = {"anchor_userid": "lina", "theme": "x", "description": "x", "living_start": 1_760_009_000}
PICTURES = [{"type": "image", "image": {"media_id": "x"}}]
LINK = {"msgtype": "link", "link": {"title": "x", "url": "https://x.example", "desc": "x", "picurl": "x"}}
IMAGE = {"msgtype": "image", "image": {"media_id": "x"}}
RANGE = {"sender_list": {"user_list": ["lina"]}, "external_contact_list": {"tag_list": ["et"]}}

# A body that is good, or nearly, for every endpoint; a test then spoils one field after the other.
BODIES: dict[str, dict[str, Any]] = {
    "externalcontact/add_msg_template": SEND
    | {"chat_type": "single", "tag_filter": {"group_list": [{"tag_list": ["et"]}]}, "attachments": [LINK]},
    "externalcontact/get_groupmsg_list_v2": THEN | {"chat_type": "single", "creator": "", "filter_type": 2},
    "externalcontact/add_moment_task": {
        "text": {"content": "早"},
        "attachments": [IMAGE],
        "visible_range": RANGE,
    },
    "externalcontact/get_moment_list": THEN | {"creator": "", "filter_type": 2, "limit": 1, "cursor": ""},
    "externalcontact/transfer_customer": PAIR | {"external_userid": ["wmA"], "transfer_success_msg": ""},
    "externalcontact/transfer_result": PAIR | {"cursor": ""},
    "externalcontact/resigned/transfer_customer": LEFT | {"external_userid": ["wmA"]},
    "externalcontact/resigned/transfer_result": LEFT | {"cursor": ""},
    "externalcontact/get_unassigned_list": {"page_id": 0, "page_size": 1, "cursor": ""},
    "externalcontact/get_user_behavior_data": THEN | {"userid": ["lina"], "partyid": [1]},
    "externalcontact/groupchat/list": {
        "status_filter": 0,
        "limit": 1,
        "owner_filter": {"userid_list": ["lina"]},
    },
    "externalcontact/groupchat/get": {"chat_id": "wr", "need_name": 1},
    "externalcontact/groupchat/statistic": DAYS | {"order_by": 1, "order_asc": 0, "offset": 0, "limit": 1},
    "externalcontact/groupchat/statistic_group_by_day": DAYS | {"owner_filter": {"userid_list": ["lina"]}},
    "externalcontact/groupchat/transfer": {"chat_id_list": ["wr"], "new_owner": "lina"},
    "externalcontact/groupchat/onjob_transfer": {"chat_id_list": ["wr"], "new_owner": "lina"},
    "externalcontact/opengid_to_chatid": {"opengid": "og"},
    "externalcontact/get_product_album_list": {"limit": 1, "cursor": ""},
    "living/create": LIVE
    | {"living_duration": 600, "type": 4, "activity_detail": {"image_list": [], "description": "x"}}
    | {"remind_time": 0, "activity_cover_mediaid": "", "activity_share_mediaid": ""},
    "living/get_user_all_livingid": {"userid": "lina", "limit": 1, "cursor": ""},
    "living/get_watch_stat": {"livingid": "lv", "next_key": "0"},
    "living/get_living_share_info": {"ww_share_code": "x"},
    "living/get_living_code": {"livingid": "lv", "openid": "o"},
    "externalpay/get_bill_list": {
        "begin_time": 1_759_900_000,
        "end_time": 1_759_990_000,
        "payee_userid": "lina",
    },
    "externalpay/get_payment_info": {"payment_id": "x"},
    "externalpay/get_fund_flow": {"begin_time": 1_759_900_000, "end_time": 1_759_990_000, "mch_id": "m"},
}
for name in ("task", "send_result"):
    BODIES[f"externalcontact/get_groupmsg_{name}"] = {
        "msgid": "m",
        "userid": "lina",
        "limit": 1,
        "cursor": "",
    }
for name in ("remind", "cancel"):
    BODIES[f"externalcontact/{name}_groupmsg_send"] = {"msgid": "m"}
for name in ("get_moment_task", "get_moment_customer_list", "get_moment_send_result", "get_moment_comments"):
    BODIES[f"externalcontact/{name}"] = MOMENT
BODIES["externalcontact/cancel_moment_task"] = {"moment_id": "mom"}
for name in ("add", "get", "update", "del"):
    BODIES[f"externalcontact/groupchat/{name}_join_way"] = WAY
for name in ("add", "get", "update", "delete"):
    BODIES[f"externalcontact/{name}_product_album"] = {
        "product_id": "pd",
        "description": "x",
        "price": 1,
        "product_sn": "A1",
        "attachments": PICTURES,
    }
for name in ("modify", "cancel", "delete_replay_data"):
    BODIES[f"living/{name}"] = LIVE | {"livingid": "lv", "living_duration": 600}
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture
def other(api: Api, seeded: FlaskClient) -> Api:
    """Another app of the same corp."""
    other = Api(seeded)
    other.token = other.fresh_token(OTHER_SECRET)
    return other


def act(client: FlaskClient, path: str, **sent: Any) -> dict[str, Any]:
    return answer_of(client.post(f"/sandbox/campaign/{path}", json=sent))


def livingid_of(api: Api, machine: Machine) -> str:
    plan = {"theme": "上新", "living_start": machine.now // SECOND + 3_600, "living_duration": 600}
    return str(api.post("living/create", {"anchor_userid": "lina", **plan})["livingid"])


def spoiled(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The body with one field wrong or missing, on every level."""
    for name, value in body.items():
        yield {other: one for other, one in body.items() if other != name}
        yield from ({**body, name: wrong} for wrong in WRONG)
        if isinstance(value, dict):
            yield from ({**body, name: inner} for inner in spoiled(value))
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield from ({**body, name: [inner]} for inner in spoiled(value[0]))


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.__name__.rpartition(".")[2])
def test_no_body_breaks_an_endpoint(api: Api, subject: Any):
    """Whatever is sent is answered with an errcode: by HTTP 200, so an exception would show as 500."""
    for path in (path for path in POSTED if path in subject.ENDPOINTS):
        bodies: list[Any] = [[], "x", 1, None, {}, BODIES[path], *spoiled(BODIES[path])]
        for body in bodies:
            assert "errcode" in api.post(path, body), (path, body)


def test_a_get_is_refused_where_a_post_is_meant(api: Api):
    assert {path: api.get(path)["errcode"] for path in POSTED} == dict.fromkeys(POSTED, 40058)


def test_an_order_of_another_app_is_neither_reminded_nor_cancelled(api: Api, other: Api, machine: Machine):
    body = {"external_userid": ["wmA"], "text": {"content": "早"}}
    msgid = api.post("externalcontact/add_msg_template", body)["msgid"]
    machine.now += MINUTE
    for path in ("remind_groupmsg_send", "cancel_groupmsg_send"):
        assert other.post(f"externalcontact/{path}", {"msgid": msgid})["errcode"] == 41047
        assert api.post(f"externalcontact/{path}", {"msgid": msgid})["errcode"] == 0


def test_a_moment_of_another_app_is_not_cancelled(api: Api, other: Api):
    jobid = api.post("externalcontact/add_moment_task", {"text": {"content": "早"}})["jobid"]
    for _ in range(3):
        job = api.get("externalcontact/get_moment_task_result", jobid=jobid)
    moment_id = job["result"]["moment_id"]
    assert other.post("externalcontact/cancel_moment_task", {"moment_id": moment_id})["errcode"] == 41067
    assert other.get("externalcontact/get_moment_task_result", jobid=jobid)["errcode"] == 40058


def test_a_live_of_another_app_is_not_changed(api: Api, other: Api, machine: Machine):
    livingid = livingid_of(api, machine)
    for path in ("cancel", "modify", "delete_replay_data"):
        assert other.post(f"living/{path}", {"livingid": livingid})["errcode"] == 92008


def test_a_way_to_join_of_another_app_is_unknown(api: Api, other: Api, client: FlaskClient):
    chat_id = act(client, "groups", owner="lina", name="群")["chat_id"]
    way = {"scene": 2, "chat_id_list": [chat_id]}
    config_id = api.post("externalcontact/groupchat/add_join_way", way)["config_id"]
    for name in ("get", "update", "del"):
        answer = other.post(f"externalcontact/groupchat/{name}_join_way", {"config_id": config_id})
        assert answer["errcode"] == 41044


def test_a_product_of_another_app_is_read_but_not_changed(api: Api, other: Api, client: FlaskClient):
    path = f"/cgi-bin/media/upload_attachment?access_token={api.token}&media_type=image&attachment_type=2"
    upload = client.post(path, data={"media": (BytesIO(PICTURE), "a.png")})
    media_id = answer_of(upload)["media_id"]
    picture = {"type": "image", "image": {"media_id": media_id}}
    product = {"description": "西装", "price": 1, "attachments": [picture]}
    product_id = api.post("externalcontact/add_product_album", product)["product_id"]
    named = {"product_id": product_id}
    assert other.post("externalcontact/get_product_album", named)["errcode"] == 0
    assert other.post("externalcontact/update_product_album", named | {"price": 2})["errcode"] == 41075
    assert other.post("externalcontact/delete_product_album", named)["errcode"] == 41075


def test_a_share_code_is_good_for_five_minutes(api: Api, client: FlaskClient, machine: Machine):
    livingid = livingid_of(api, machine)
    code = act(client, f"livings/{livingid}/share", viewer="wmA", invitor="lina")["ww_share_code"]
    machine.now += 4 * MINUTE
    assert api.post("living/get_living_share_info", {"ww_share_code": code})["errcode"] == 0
    machine.now += 2 * MINUTE
    assert api.post("living/get_living_share_info", {"ww_share_code": code})["errcode"] == 40029


def test_a_handover_is_done_for_whoever_asks_first(api: Api, machine: Machine):
    """Not only transfer_result completes what is due: any call about customers does."""
    pair = {"handover_userid": "lina", "takeover_userid": "wangwei"}
    api.post("externalcontact/transfer_customer", {**pair, "external_userid": ["wmA"]})
    machine.now += 25 * HOUR
    api.token = api.fresh_token()
    found = api.get("externalcontact/get", external_userid="wmA")["follow_user"]
    assert [follow["userid"] for follow in found] == ["wangwei"]


def test_pages_of_the_unassigned_by_number(api: Api, client: FlaskClient):
    contacts = [
        {"external_userid": f"wmgone{number}", "name": "客", "follow": [{"userid": "gone"}]}
        for number in range(5)
    ]
    assert client.put("/sandbox/contacts", json=contacts).status_code == 200
    pages = [
        api.post("externalcontact/get_unassigned_list", {"page_id": page, "page_size": 2})
        for page in range(3)
    ]
    assert [[one["external_userid"] for one in page["info"]] for page in pages] == [
        ["wmgone0", "wmgone1"],
        ["wmgone2", "wmgone3"],
        ["wmgone4"],
    ]
    assert [page["is_last"] for page in pages] == [False, False, True]


def test_an_owner_gives_three_hundred_groups_a_day(api: Api, client: FlaskClient, machine: Machine):
    person = {"userid": "leaver", "name": "走", "department": "总部"}
    client.put("/sandbox/people", json=[person])
    groups = [act(client, "groups", owner="leaver", name=str(number))["chat_id"] for number in range(301)]
    client.put("/sandbox/people", json=[{**person, "status": 5}])

    def give(some: list[str]) -> list[int]:
        body = {"chat_id_list": some, "new_owner": "lina"}
        failed = api.post("externalcontact/groupchat/transfer", body)["failed_chat_list"]
        return [one["errcode"] for one in failed]

    assert [give(groups[start : start + 100]) for start in range(0, 300, 100)] == [[], [], []]
    assert give(groups[300:]) == [45009]
    machine.now += 24 * HOUR
    api.token = api.fresh_token()
    assert give(groups[300:]) == []


def test_the_control_api_says_what_is_wrong(client: FlaskClient, seeded: FlaskClient):
    def status(path: str, **sent: Any) -> int:
        return client.post(f"/sandbox/campaign/{path}", json=sent).status_code

    assert status("group-sends/msgNone/confirm", userid="lina") == 404
    assert status("moments/momNone/publish", userid="lina") == 404
    assert status("handovers/refuse", external_userid="wmA", takeover_userid="wangwei") == 400
    assert status("groups", owner="nobody", name="群") == 400
    assert status("groups/wrNone", name="群") == 400
    assert status("join-ways/none/scan", external_userid="wmA") == 400
    assert status("livings/none", status=1) == 400
    assert client.put("/sandbox/campaign/rules", json={"quota": "year"}).status_code == 400
    assert client.put("/sandbox/campaign/rules", json={"no_rule": 1}).status_code == 400


def test_a_member_only_chooses_where_and_among_what_is_offered(
    api: Api, client: FlaskClient, machine: Machine
):
    body = {"external_userid": ["wmA"], "text": {"content": "早"}, "allow_select": True}
    msgid = api.post("externalcontact/add_msg_template", body)["msgid"]
    path = f"/sandbox/campaign/group-sends/{msgid}/confirm"
    sent = {"userid": "lina", "external_userids": ["wmB"]}
    assert client.post(path, json=sent).status_code == 400
    assert client.post(path, json={"userid": "lina"}).json == {"sent": 1, "failed": 0}
    assert client.post(path, json={"userid": "lina"}).status_code == 404
