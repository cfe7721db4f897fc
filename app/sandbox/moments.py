"""Customer moments (客户朋友圈): a job makes the moment, members publish it on their phones (facts 3.9).

Publishing is in moment_tasks. A job goes from begun over running to done by being asked for, or by time.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from typing import Any

from app.sandbox import campaign_rules, media
from app.sandbox.answers import TEXTS, Answer, WeComError, ok
from app.sandbox.attachments import check_bytes
from app.sandbox.calls import Body, Call, Endpoint, list_of, object_of, optional_text, text_of, whole_number
from app.sandbox.clock import HOUR, MINUTE, SECOND
from app.sandbox.cursors import limit_of, paged
from app.sandbox.moment_audience import audience_of, invalid_of, put_tasks

CORP, PERSONAL = 0, 1
TEXT_CHARACTERS = 2_000
JOBS_A_MINUTE = 10
JOB_LIFE = 24 * HOUR
BEGUN, RUNNING, DONE = 1, 2, 3
SPAN_S = 30 * 86_400
MOST_OF = {"image": 9, "video": 1, "link": 1}
KINDS = tuple(MOST_OF)  # to look in with whatever was sent, hashable or not


def add(call: Call) -> Answer:
    """externalcontact/add_moment_task: a job; its id is good for 24 hours. 10 a minute for the corp (45009)."""
    body = call.body()
    audience = audience_of(body)
    with call.world.store.writing() as connection:
        _check_rate(connection, call.now)
        content = _content_of(connection, call.now, body)
        moment_id = put_moment(
            connection,
            {"agent_id": call.app.agent_id, "creator": "", "create_type": CORP, "content": content}
            | {"visible_type": audience.visible_type, "created_at": call.now},
        )
        tasks = put_tasks(connection, moment_id, audience)
        result = _result(moment_id, tasks) | invalid_of(connection, audience)
        jobid = f"job{secrets.token_urlsafe(24)}"
        connection.execute(
            "INSERT INTO moment_job VALUES (?, ?, ?, ?, 0, ?)",
            (jobid, moment_id, call.app.agent_id, json.dumps(result), call.now),
        )
    return ok(jobid=jobid)


def put_moment(connection: sqlite3.Connection, moment: dict[str, Any]) -> str:
    """Write a moment; its id."""
    moment_id = f"mom{secrets.token_urlsafe(24)}"
    connection.execute(
        """INSERT INTO moment (moment_id, agent_id, creator, create_type, content, visible_type, created_at)
           VALUES (:moment_id, :agent_id, :creator, :create_type, :content, :visible_type, :created_at)""",
        {**moment, "moment_id": moment_id},
    )
    return moment_id


def get_job(call: Call) -> Answer:
    """externalcontact/get_moment_task_result: status 1 begun, 2 running, 3 done with a result."""
    jobid = call.arg("jobid", 40058)
    with call.world.store.writing() as connection:
        job = connection.execute(
            "SELECT * FROM moment_job WHERE jobid = ? AND agent_id = ? AND created_at > ?",
            (jobid, call.app.agent_id, call.now - JOB_LIFE),
        ).fetchone()
        if job is None:
            raise WeComError(40058, "jobid")
        connection.execute("UPDATE moment_job SET polls = polls + 1 WHERE jobid = ?", (jobid,))
        job_us = campaign_rules.of(connection).job_us
    by_time = BEGUN + (call.now - job["created_at"]) // max(job_us, 1)
    status = min(DONE, max(BEGUN + job["polls"], by_time))
    answer = ok(status=status, type="add_moment_task")
    return {**answer, "result": json.loads(job["result"])} if status == DONE else answer


def list_moments(call: Call) -> Answer:
    """externalcontact/get_moment_list: published or to be published in at most 30 days; 20 a page."""
    body = call.body()
    begin, end = whole_number(body, "start_time", 0), whole_number(body, "end_time", 0)
    chosen = whole_number(body, "filter_type", 2)
    if not 0 < begin <= end <= begin + SPAN_S or chosen not in (CORP, PERSONAL, 2):
        raise WeComError(40058, "start_time, end_time, filter_type")
    with call.world.store.reading() as connection:
        wanted = {
            "begin": begin * SECOND,
            "end": (end + 1) * SECOND,
            "creator": optional_text(body, "creator") or "",
            "kind": chosen,
            "done_before": call.now - 2 * campaign_rules.of(connection).job_us,
        }
        rows, cursor = paged(connection, _LIST, wanted, body, limit_of(body, 20, 20))
    return ok(moment_list=[_as_listed(row) for row in rows], next_cursor=cursor)


_LIST = """
SELECT * FROM moment WHERE created_at >= :begin AND created_at < :end
    AND (:creator = '' OR creator = :creator) AND (:kind = 2 OR create_type = :kind)
    AND NOT EXISTS (SELECT 1 FROM moment_job WHERE moment_job.moment_id = moment.moment_id
        AND polls < 3 AND moment_job.created_at > :done_before) ORDER BY id
"""


def list_tasks(call: Call) -> Answer:
    """externalcontact/get_moment_task: who is to publish it and who has; 41067 for a personal moment."""
    body = call.body()
    with call.world.store.reading() as connection:
        moment = _moment(connection, body)
        if moment["create_type"] != CORP:
            raise WeComError(41067)
        rows, cursor = paged(
            connection,
            "SELECT * FROM moment_task WHERE moment_id = :id ORDER BY userid",
            {"id": moment["moment_id"]},
            body,
            limit_of(body, 500, 1_000),
        )
    tasks = [
        {"userid": row["userid"], "publish_status": int(row["published_at"] is not None)} for row in rows
    ]
    return ok(task_list=tasks, next_cursor=cursor)


def list_customers(call: Call) -> Answer:
    """externalcontact/get_moment_customer_list: whom the member was to show it to."""
    rows, cursor = _viewers(call, (500, 1_000), published=False)
    pairs = [{"userid": row["userid"], "external_userid": row["external_userid"]} for row in rows]
    return ok(customer_list=pairs, next_cursor=cursor)


def list_reached(call: Call) -> Answer:
    """externalcontact/get_moment_send_result: who can see it now that the member published it (else 41062)."""
    rows, cursor = _viewers(call, (3_000, 5_000), published=True)
    return ok(customer_list=[{"external_userid": row["external_userid"]} for row in rows], next_cursor=cursor)


def list_comments(call: Call) -> Answer:
    """externalcontact/get_moment_comments: who commented and who liked; 41062 before it is published."""
    body = call.body()
    with call.world.store.reading() as connection:
        task = _task(connection, body, published=True)
        rows = connection.execute(
            "SELECT * FROM moment_reaction WHERE moment_id = ? AND userid = ? ORDER BY id",
            (task["moment_id"], task["userid"]),
        ).fetchall()
    by_kind: dict[str, list[dict[str, Any]]] = {"comment": [], "like": []}
    for row in rows:
        who = {"external_userid": row["external_userid"], "create_time": row["reacted_at"] // SECOND}
        by_kind[row["kind"]].append(who)
    return ok(comment_list=by_kind["comment"], like_list=by_kind["like"])


def cancel(call: Call) -> Answer:
    """externalcontact/cancel_moment_task: whoever has not published it no longer can."""
    with call.world.store.writing() as connection:
        moment = _moment(connection, call.body())
        if moment["create_type"] != CORP or moment["agent_id"] != call.app.agent_id:
            raise WeComError(41067)
        connection.execute(
            "UPDATE moment SET cancelled_at = coalesce(cancelled_at, ?) WHERE id = ?",
            (call.now, moment["id"]),
        )
    return ok()


def _check_rate(connection: sqlite3.Connection, now: int) -> None:
    begun = connection.execute(
        "SELECT count(*) FROM moment_job WHERE created_at > ?", (now - MINUTE,)
    ).fetchone()[0]
    if begun >= JOBS_A_MINUTE:
        raise WeComError(45009)


def _content_of(connection: sqlite3.Connection, now: int, body: Body) -> str:
    text = optional_text(object_of(body, "text"), "content", TEXT_CHARACTERS) if body.get("text") else ""
    attachments = list_of(body, "attachments", MOST_OF["image"], 41064)
    if not text and not attachments:
        raise WeComError(41089)
    if not all(isinstance(one, dict) and one.get("msgtype") in KINDS for one in attachments):
        raise WeComError(41065)
    kinds = {one["msgtype"] for one in attachments}
    if len(kinds) > 1:
        raise WeComError(41065, "attachments of one kind only")
    for kind in kinds:
        if len(attachments) > MOST_OF[kind]:
            raise WeComError(41064)
    for one in attachments:
        _check_attachment(connection, now, one["msgtype"], object_of(one, one["msgtype"]))
    return json.dumps({"text": {"content": text or ""}, "attachments": attachments}, ensure_ascii=False)


def _check_attachment(connection: sqlite3.Connection, now: int, kind: str, content: Body) -> None:
    if kind == "link":
        text_of(content, "url")
        check_bytes(optional_text(content, "title"), "title", 64)
    picture = "video" if kind == "video" else "image"
    media.check(connection, now, text_of(content, "media_id", 40007), "moments", picture)


def _result(moment_id: str, tasks: int) -> dict[str, Any]:
    if not tasks:
        return {"errcode": 41048, "errmsg": TEXTS[41048]}
    return {"errcode": 0, "errmsg": "ok", "moment_id": moment_id}


def _moment(connection: sqlite3.Connection, body: Body) -> sqlite3.Row:
    moment_id = text_of(body, "moment_id", 41059)
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM moment WHERE moment_id = ?", (moment_id,)
    ).fetchone()
    if row is None:
        raise WeComError(41060)
    return row


def _task(connection: sqlite3.Connection, body: Body, *, published: bool) -> sqlite3.Row:
    """The member's task: 41061 where the moment is not theirs, 41062 where they have not published it."""
    moment, userid = _moment(connection, body), text_of(body, "userid", 41009)
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM moment_task WHERE moment_id = ? AND userid = ?", (moment["moment_id"], userid)
    ).fetchone()
    if row is None:
        raise WeComError(41061)
    if published and row["published_at"] is None:
        raise WeComError(41062)
    return row


def _viewers(call: Call, sizes: tuple[int, int], *, published: bool) -> tuple[list[sqlite3.Row], str]:
    body = call.body()
    with call.world.store.reading() as connection:
        task = _task(connection, body, published=published)
        return paged(
            connection,
            """SELECT * FROM moment_viewer WHERE moment_id = :id AND userid = :userid ORDER BY external_userid""",
            {"id": task["moment_id"], "userid": task["userid"]},
            body,
            limit_of(body, *sizes),
        )


def _as_listed(row: sqlite3.Row) -> dict[str, Any]:
    content = json.loads(row["content"])
    shown = {
        "moment_id": row["moment_id"],
        "creator": row["creator"],
        "create_time": str(row["created_at"] // SECOND),
        "create_type": row["create_type"],
        "visible_type": row["visible_type"],
        "text": content["text"],
    }
    for one in content["attachments"]:
        kind = one["msgtype"]
        if kind == "image":
            shown.setdefault("image", []).append(one["image"])
        else:
            shown[kind] = one[kind]
    return shown


ENDPOINTS = {
    "externalcontact/add_moment_task": Endpoint(add, post=True, contacts=True),
    "externalcontact/get_moment_task_result": Endpoint(get_job, contacts=True),
    "externalcontact/get_moment_list": Endpoint(list_moments, post=True, contacts=True),
    "externalcontact/get_moment_task": Endpoint(list_tasks, post=True, contacts=True),
    "externalcontact/get_moment_customer_list": Endpoint(list_customers, post=True, contacts=True),
    "externalcontact/get_moment_send_result": Endpoint(list_reached, post=True, contacts=True),
    "externalcontact/get_moment_comments": Endpoint(list_comments, post=True, contacts=True),
    "externalcontact/cancel_moment_task": Endpoint(cancel, post=True, contacts=True),
}
