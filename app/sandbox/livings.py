"""Lives (直播): made, changed and read through the API (facts 3.18). What happens in one is in living_changes."""

from __future__ import annotations

import json
import secrets
import sqlite3
from typing import Any

from app.sandbox import media, scope
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, list_of, object_of, optional_text, text_of, whole_number
from app.sandbox.clock import MINUTE, SECOND
from app.sandbox.cursors import limit_of, paged
from app.sandbox.people import get_person

RESERVED, LIVE, ENDED, EXPIRED, CANCELLED = range(5)
REPLAY_READY, REPLAY_DELETED = 0, 2
TYPES = (0, 3, 4)  # 1 and 2 are for schools only
ACTIVITY = 4
IMAGES_MOST = 5
CODE_LIFE = 5 * MINUTE
VIEWERS_A_PAGE = 50
TO_JUMP, TO_SHARE = "jump", "share"
LENGTHS = {"theme": (20, 60), "description": (100, 300)}  # characters, bytes


def create(call: Call) -> Answer:
    """living/create: a reserved live of the anchor; its livingid."""
    body = call.body()
    livingid = f"lv{secrets.token_urlsafe(20)}"
    with call.world.store.writing() as connection:
        anchor = get_person(connection, text_of(body, "anchor_userid", 41009))["userid"]
        scope.check(connection, anchor, 92000)
        settings = _settings_of(connection, call, body)
        connection.execute(
            """INSERT INTO living (livingid, agent_id, anchor_userid, body, living_start, living_duration, status,
                   replay_status) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                livingid,
                call.app.agent_id,
                anchor,
                json.dumps(settings, ensure_ascii=False),
                settings["living_start"],
                settings["living_duration"],
                RESERVED,
                REPLAY_READY,
            ),
        )
    return ok(livingid=livingid)


def modify(call: Call) -> Answer:
    """living/modify: before it begins only (92006), of this app only (92008); fields left out stay."""
    body = call.body()
    with call.world.store.writing() as connection:
        row = _reserved(connection, call, body)
        settings = _settings_of(connection, call, {**json.loads(row["body"]), **body})
        connection.execute(
            "UPDATE living SET body = ?, living_start = ?, living_duration = ? WHERE id = ?",
            (
                json.dumps(settings, ensure_ascii=False),
                settings["living_start"],
                settings["living_duration"],
                row["id"],
            ),
        )
    return ok()


def cancel(call: Call) -> Answer:
    """living/cancel: before it begins only (92006). Done through the API, so there is no event (facts 4.1)."""
    with call.world.store.writing() as connection:
        row = _reserved(connection, call, call.body())
        connection.execute("UPDATE living SET status = ? WHERE id = ?", (CANCELLED, row["id"]))
    return ok()


def delete_replay(call: Call) -> Answer:
    """living/delete_replay_data: of an ended live whose replay is there, else 92007."""
    with call.world.store.writing() as connection:
        row = _own(connection, call, call.body())
        if row["status"] != ENDED or row["replay_status"] != REPLAY_READY:
            raise WeComError(92007)
        connection.execute("UPDATE living SET replay_status = ? WHERE id = ?", (REPLAY_DELETED, row["id"]))
    return ok()


def get_code(call: Call) -> Answer:
    """living/get_living_code: what leads this openid from a mini program into the live, for five minutes."""
    body = call.body()
    openid = text_of(body, "openid")
    with call.world.store.writing() as connection:
        row = _own(connection, call, body)
        code = put_code(connection, call.world.clock.real_now(), TO_JUMP, (row["livingid"], openid, ""))
    return ok(living_code=code)


def put_code(connection: sqlite3.Connection, real_now: int, kind: str, about: tuple[str, str, str]) -> str:
    """A fresh code for (livingid, viewer, invitor)."""
    code = secrets.token_urlsafe(24)
    connection.execute("INSERT INTO living_code VALUES (?, ?, ?, ?, ?, ?)", (code, kind, *about, real_now))
    return code


def list_of_user(call: Call) -> Answer:
    """living/get_user_all_livingid: all lives of an anchor, 100 a page."""
    body = call.body()
    userid = text_of(body, "userid", 41009)
    with call.world.store.reading() as connection:
        get_person(connection, userid)
        rows, cursor = paged(
            connection,
            "SELECT livingid FROM living WHERE anchor_userid = :userid ORDER BY id",
            {"userid": userid},
            body,
            limit_of(body, 100, 100),
        )
    return ok(livingid_list=[row["livingid"] for row in rows], next_cursor=cursor)


def get_info(call: Call) -> Answer:
    """living/get_living_info."""
    livingid = call.arg("livingid", 40058)
    with call.world.store.reading() as connection:
        row = find_living(connection, livingid)
        if row is None:
            raise WeComError(40058, "livingid")
        counts = connection.execute(
            """SELECT count(*) AS viewer_num, coalesce(sum(is_comment), 0) AS comment_num,
                   coalesce(sum(is_mic), 0) AS mic_num FROM living_viewer WHERE livingid = ?""",
            (livingid,),
        ).fetchone()
        person = get_person(connection, row["anchor_userid"])
    return ok(living_info=_as_info(call, row) | {"main_department": person["department_id"]} | dict(counts))


def get_watch_stat(call: Call) -> Answer:
    """living/get_watch_stat: who watched; only `ending` 1 tells the end (facts 3.18)."""
    body = call.body()
    livingid, key = text_of(body, "livingid"), optional_text(body, "next_key") or "0"
    if not key.isdecimal():
        raise WeComError(40058, "next_key")
    with call.world.store.reading() as connection:
        if find_living(connection, livingid) is None:
            raise WeComError(40058, "livingid")
        rows = connection.execute(
            """SELECT living_viewer.*, contact.name, contact.kind FROM living_viewer
               LEFT JOIN contact ON is_external AND external_userid = viewer
               WHERE livingid = ? ORDER BY viewer LIMIT ? OFFSET ?""",
            (livingid, VIEWERS_A_PAGE + 1, int(key)),
        ).fetchall()
    page = rows[:VIEWERS_A_PAGE]
    stat = {
        "users": [_as_user(row) for row in page if not row["is_external"]],
        "external_users": [_as_external(row) for row in page if row["is_external"]],
    }
    return ok(
        ending=int(len(rows) <= VIEWERS_A_PAGE), next_key=str(int(key) + VIEWERS_A_PAGE), stat_info=stat
    )


def get_share_info(call: Call) -> Answer:
    """living/get_living_share_info: who opened a shared live, by a code of five minutes (40029)."""
    code = text_of(call.body(), "ww_share_code")
    with call.world.store.reading() as connection:
        row = connection.execute(
            "SELECT * FROM living_code WHERE code = ? AND kind = ? AND issued_at > ?",
            (code, TO_SHARE, call.world.clock.real_now() - CODE_LIFE),
        ).fetchone()
    if row is None:
        raise WeComError(40029)
    people = _named("viewer", row["viewer"]) | _named("invitor", row["invitor"])
    return ok(livingid=row["livingid"], **people)


def find_living(connection: sqlite3.Connection, livingid: str) -> sqlite3.Row | None:
    """The live, or None."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM living WHERE livingid = ?", (livingid,)
    ).fetchone()
    return row


def status_of(row: sqlite3.Row, now: int) -> int:
    """A live that never began has expired once its time is over; nothing is told of that (facts 4.3)."""
    over_at = (row["living_start"] + row["living_duration"]) * SECOND
    return EXPIRED if row["status"] == RESERVED and over_at < now else int(row["status"])


def is_external(userid: str) -> bool:
    """Whether an id is an outside contact's (facts 2, "external_userid")."""
    return userid.startswith(("wm", "wo"))


def _settings_of(connection: sqlite3.Connection, call: Call, body: Body) -> dict[str, Any]:
    """What living/create and modify take, checked: 40058, or 40007 for an activity's pictures."""
    settings: dict[str, Any] = {"theme": text_of(body, "theme")}
    settings["description"] = optional_text(body, "description") or ""
    if body.get("type") == ACTIVITY:
        settings |= _activity_of(connection, call.now, body)
    for name, (characters, size) in LENGTHS.items():
        if len(settings[name]) > characters or len(settings[name].encode()) > size:
            raise WeComError(40058, name)
    for name in ("living_start", "living_duration", "type", "remind_time"):
        settings[name] = whole_number(body, name, 0)
    too_late = settings["living_start"] * SECOND <= call.now
    if too_late or settings["living_duration"] <= 0 or settings["type"] not in TYPES:
        raise WeComError(40058, "living_start, living_duration, type")
    return settings


def _activity_of(connection: sqlite3.Connection, now: int, body: Body) -> dict[str, Any]:
    """An activity's description stands in its detail, and all its pictures are uploaded ones."""
    detail = object_of(body, "activity_detail") if body.get("activity_detail") else {}
    pictures = [optional_text(body, name) for name in ("activity_cover_mediaid", "activity_share_mediaid")]
    pictures += list_of(detail, "image_list", IMAGES_MOST, 40058)
    if not all(picture is None or isinstance(picture, str) for picture in pictures):
        raise WeComError(40058, "activity_detail.image_list")
    for media_id in filter(None, pictures):
        media.check(connection, now, media_id, "media", "image")
    return {"description": optional_text(detail, "description") or "", "activity_detail": detail}


def _own(connection: sqlite3.Connection, call: Call, body: Body) -> sqlite3.Row:
    row = find_living(connection, text_of(body, "livingid"))
    if row is None:
        raise WeComError(40058, "livingid")
    if row["agent_id"] != call.app.agent_id:
        raise WeComError(92008)
    return row


def _reserved(connection: sqlite3.Connection, call: Call, body: Body) -> sqlite3.Row:
    row = _own(connection, call, body)
    if status_of(row, call.now) != RESERVED:
        raise WeComError(92006)
    return row


def _as_info(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    settings, status = json.loads(row["body"]), status_of(row, call.now)
    began, ended = row["began_at"], row["ended_at"]
    lasted = ((ended or call.now) - began) // SECOND if began else row["living_duration"]
    info = {
        "theme": settings["theme"],
        "living_start": began // SECOND if began else row["living_start"],
        "living_duration": lasted,
        "status": status,
        "reserve_start": row["living_start"],
        "reserve_living_duration": row["living_duration"],
        "description": settings["description"],
        "anchor_userid": row["anchor_userid"],
        "open_replay": 1,
        "type": settings["type"],
        "online_count": 0,
        "subscribe_count": 0,
    }
    if status == ENDED:
        info["replay_status"] = row["replay_status"]
    if settings["type"] == ACTIVITY and status == RESERVED:
        info["push_stream_url"] = f"rtmp://sandbox.invalid/{row['livingid']}"
    return info


def _as_user(row: sqlite3.Row) -> dict[str, Any]:
    return {"userid": row["viewer"], **_watched(row)}


def _as_external(row: sqlite3.Row) -> dict[str, Any]:
    shown = {"external_userid": row["viewer"], "type": row["kind"] or 1, "name": row["name"] or ""}
    return {**shown, **_watched(row)}


def _watched(row: sqlite3.Row) -> dict[str, Any]:
    watched = {name: row[name] for name in ("watch_time", "is_comment", "is_mic")}
    return watched | _named("invitor", row["invitor"])


def _named(role: str, userid: str) -> dict[str, str]:
    if not userid:
        return {}
    return {f"{role}_external_userid" if is_external(userid) else f"{role}_userid": userid}


ENDPOINTS = {
    "living/create": Endpoint(create, post=True, living=True),
    "living/modify": Endpoint(modify, post=True, living=True),
    "living/cancel": Endpoint(cancel, post=True, living=True),
    "living/delete_replay_data": Endpoint(delete_replay, post=True, living=True),
    "living/get_living_code": Endpoint(get_code, post=True, living=True),
    "living/get_user_all_livingid": Endpoint(list_of_user, post=True, living=True),
    "living/get_living_info": Endpoint(get_info, living=True),
    "living/get_watch_stat": Endpoint(get_watch_stat, post=True, living=True),
    "living/get_living_share_info": Endpoint(get_share_info, post=True, living=True),
}
