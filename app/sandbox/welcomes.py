"""Welcome messages of new customers, and of customer groups (facts 3.7)."""

from __future__ import annotations

import json
import secrets
import sqlite3

from app.sandbox import attachments, chats, welcome_codes
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.busy import WELCOME
from app.sandbox.calls import Body, Call, Endpoint, object_of, text_of, whole_number

TEMPLATES_MOST = 100
KINDS = ("image", "link", "miniprogram", "file", "video")


def send_welcome_msg(call: Call) -> Answer:
    """externalcontact/send_welcome_msg: the member's first words to a new customer, once for a code.

    Text and each attachment are a message of their own in the chat. Raises 41049 without a code, 41096 while another
    app's call with it is under way, 41050 for one that is unknown or over, 41051 when the welcome was sent or the two
    talk already, 40058 for no content, 41064 above nine attachments, 41065 for an unknown kind, 40007 for media. The
    code is used up by success alone.
    """
    body = call.body()
    code = text_of(body, "welcome_code", 41049)
    alone = call.world.busy.with_pair(WELCOME, code, otherwise=41096)
    with alone, call.world.store.writing() as connection:
        content = json.loads(attachments.content_of(connection, call.now, body))
        userid, external_userid = welcome_codes.redeem(connection, call.world, code)
        for message in attachments.as_chat(content):
            chats.append_welcome(connection, call.now, userid, external_userid, message)
    return ok()


def add_template(call: Call) -> Answer:
    """externalcontact/group_welcome_template/add: 41055 above a hundred in the corp."""
    body = call.body()
    with call.world.store.writing() as connection:
        kept = _template_of(connection, call, body)
        if connection.execute("SELECT count(*) FROM group_welcome_template").fetchone()[0] >= TEMPLATES_MOST:
            raise WeComError(41055)
        template_id = f"msg{secrets.token_urlsafe(24)}"
        row = (template_id, call.app.agent_id, json.dumps(kept, ensure_ascii=False), call.now)
        connection.execute("INSERT INTO group_welcome_template VALUES (?, ?, ?, ?)", row)
    return ok(template_id=template_id)


def edit_template(call: Call) -> Answer:
    """externalcontact/group_welcome_template/edit: the content is replaced whole; 41058 for another app's."""
    body = call.body()
    with call.world.store.writing() as connection:
        template_id = _own(connection, call, body)["template_id"]
        kept = json.dumps(_template_of(connection, call, body), ensure_ascii=False)
        connection.execute(
            "UPDATE group_welcome_template SET body = ? WHERE template_id = ?", (kept, template_id)
        )
    return ok()


def get_template(call: Call) -> Answer:
    """externalcontact/group_welcome_template/get: the content as it was sent."""
    with call.world.store.reading() as connection:
        row = _find(connection, call.body())
    return ok(**json.loads(row["body"]))


def del_template(call: Call) -> Answer:
    """externalcontact/group_welcome_template/del: 41058 for another app's."""
    with call.world.store.writing() as connection:
        template_id = _own(connection, call, call.body())["template_id"]
        connection.execute("DELETE FROM group_welcome_template WHERE template_id = ?", (template_id,))
    return ok()


def _template_of(connection: sqlite3.Connection, call: Call, body: Body) -> Body:
    """Text, and at most one of the kinds: as the API has it, attachments are fields here, not a list."""
    if whole_number(body, "agentid", call.app.agent_id) != call.app.agent_id:
        raise WeComError(301002)
    found = [kind for kind in KINDS if body.get(kind) is not None]
    if len(found) > 1:
        raise WeComError(40058, "one of image, link, miniprogram, file, video")
    listed = [{"msgtype": kind, kind: object_of(body, kind)} for kind in found]
    attachments.content_of(connection, call.now, {"text": body.get("text"), "attachments": listed})
    return {name: body[name] for name in ("text", *found) if body.get(name) is not None}


def _find(connection: sqlite3.Connection, body: Body) -> sqlite3.Row:
    template_id = text_of(body, "template_id")
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM group_welcome_template WHERE template_id = ?", (template_id,)
    ).fetchone()
    if row is None:
        raise WeComError(40058, "template_id")
    return row


def _own(connection: sqlite3.Connection, call: Call, body: Body) -> sqlite3.Row:
    row = _find(connection, body)
    if row["agent_id"] != call.app.agent_id:
        raise WeComError(41058)
    return row


_PATH = "externalcontact/group_welcome_template"
ENDPOINTS = {
    "externalcontact/send_welcome_msg": Endpoint(send_welcome_msg, post=True, contacts=True),
    f"{_PATH}/add": Endpoint(add_template, post=True, contacts=True),
    f"{_PATH}/edit": Endpoint(edit_template, post=True, contacts=True),
    f"{_PATH}/get": Endpoint(get_template, post=True, contacts=True),
    f"{_PATH}/del": Endpoint(del_template, post=True, contacts=True),
}
