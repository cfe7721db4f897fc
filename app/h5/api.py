"""What the toolbar's scripts ask of the server, as JSON."""

from __future__ import annotations

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate

from app import clock
from app.errors import Forbidden
from app.follow_ups.service import complete_task
from app.follow_ups.states import Evidence
from app.h5.pages import AT_WORK
from app.http import allow, load_json, load_query
from app.http.parts import current_database, current_public_ids
from app.sessions import current_actor, own_origin
from app.wecom.jssdk import sign
from app.wecom.port import WeComPort

api = Blueprint("h5_api", __name__, url_prefix="/h5/api")
LONGEST_TEXT = 4000


class PageToSignSchema(Schema):
    """`kind`: `corp` for wx.config, `agent` for wx.agentConfig; `url` as it stands in the webview, less the hash."""

    kind = fields.String(required=True, validate=validate.OneOf(["corp", "agent"]))
    url = fields.String(required=True, validate=validate.Length(1, 2048))


class SignatureSchema(Schema):
    """As the SDK wants it; `timestamp` in seconds."""

    timestamp = fields.Integer()
    nonceStr = fields.String(attribute="nonce")
    signature = fields.String()


PAGE_TO_SIGN, SIGNATURE = PageToSignSchema(), SignatureSchema()


@api.get("/signature")
@allow(*AT_WORK)
def sign_page() -> ResponseReturnValue:
    """Sign one of our own pages for the JS-SDK; pages of anybody else are refused."""
    page = load_query(PAGE_TO_SIGN)
    if not page["url"].startswith(f"{own_origin()}/h5/"):
        raise Forbidden("not_our_page", place="url")
    wecom: WeComPort = current_app.extensions["wecom"]
    ticket = wecom.agent_ticket() if page["kind"] == "agent" else wecom.corp_ticket()
    with current_database().reading() as session:
        now_s = int(clock.real_now(session).timestamp())
    return jsonify(SIGNATURE.dump(sign(ticket, page["url"], now_s)))


class DoneSchema(Schema):
    """What the page saw or the associate says. `key` names this record: the outbox may deliver it more than once."""

    key = fields.String(required=True, validate=validate.Length(8, 64))
    evidence = fields.Enum(Evidence, by_value=True, required=True)
    external_userid = fields.String(allow_none=True, load_default=None, validate=validate.Length(1, 64))
    sent_text = fields.String(allow_none=True, load_default=None, validate=validate.Length(1, LONGEST_TEXT))


class TaskDoneSchema(Schema):
    """Where the task stands now."""

    state = fields.String()
    closed_at = fields.AwareDateTime(format="iso")
    evidence = fields.String(allow_none=True)


DONE, TASK_DONE = DoneSchema(), TaskDoneSchema()


@api.post("/tasks/<ref>/done")
@allow(*AT_WORK)
def mark_done(ref: str) -> ResponseReturnValue:
    """Record that a task was done. Any number of times: the first counts, and all get the same answer.

    A page cannot claim WeCom's own confirmation: `complete_task` takes only what fits the task's channel.
    """
    done = load_json(DONE)
    ids = current_public_ids()
    task_id = ids.decode("task", ref)
    actor = current_actor()
    task = current_database().in_transaction(
        lambda session: complete_task(
            session,
            actor,
            task_id,
            external_userid=done["external_userid"],
            evidence=done["evidence"],
            sent_text=done["sent_text"],
        )
    )
    return jsonify(TASK_DONE.dump(task))
