"""What the toolbar's scripts ask of the server, as JSON."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate

from app import clock
from app.errors import Forbidden
from app.follow_ups.service import claim_sending, complete_task, release_claim
from app.follow_ups.states import Evidence
from app.h5.pages import AT_WORK
from app.http import allow, load_json, load_query
from app.http.parts import current_database
from app.http.refs import read_ref
from app.intake.wecom.greetings import complete_greeting
from app.sessions import current_actor, own_origin
from app.wecom.jssdk import sign
from app.wecom.port import WeComPort

api = Blueprint("h5_api", __name__, url_prefix="/h5/api")
LONGEST_TEXT = 4000
OLDEST_RECORD = timedelta(days=7)


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


class KeySchema(Schema):
    """`key` names one sending by one page: its claim, its release and its record."""

    key = fields.String(required=True, validate=validate.Length(8, 64))


class ClaimSchema(Schema):
    """`claimed_until` is real time; nobody else should send before."""

    claimed_until = fields.AwareDateTime(format="iso")


KEY, CLAIM = KeySchema(), ClaimSchema()


@api.post("/tasks/<ref>/claim")
@allow(*AT_WORK)
def claim(ref: str) -> ResponseReturnValue:
    """Ask before a send: is the task still open, and is no other page sending it? Advice; nothing depends on it."""
    key, task_id, actor = load_json(KEY)["key"], read_ref("task", ref), current_actor()
    until = current_database().in_transaction(lambda session: claim_sending(session, actor, task_id, key))
    return jsonify(CLAIM.dump({"claimed_until": until}))


@api.post("/tasks/<ref>/release")
@allow(*AT_WORK)
def release(ref: str) -> ResponseReturnValue:
    """Nothing was sent: others need not wait until the claim runs out."""
    key, task_id, actor = load_json(KEY)["key"], read_ref("task", ref), current_actor()
    current_database().in_transaction(lambda session: release_claim(session, actor, task_id, key))
    return jsonify(released=True)


def age_field() -> fields.Integer:
    """How many seconds ago something was done, by the device's own clock."""
    oldest = int(OLDEST_RECORD.total_seconds())
    return fields.Integer(strict=True, load_default=0, validate=validate.Range(0, oldest))


class DoneSchema(KeySchema):
    """What the page saw or the associate says, `age_s` seconds ago. The outbox may deliver a record more than once."""

    age_s = age_field()
    evidence = fields.Enum(Evidence, by_value=True, required=True)
    external_userid = fields.String(allow_none=True, load_default=None, validate=validate.Length(1, 64))
    sent_text = fields.String(allow_none=True, load_default=None, validate=validate.Length(1, LONGEST_TEXT))


class TaskDoneSchema(Schema):
    """Where the task stands now."""

    state = fields.String()
    closed_at = fields.AwareDateTime(format="iso")
    evidence = fields.String(allow_none=True)


class GreetedSchema(Schema):
    """Where the greeting stands now."""

    state = fields.String()
    closed_at = fields.AwareDateTime(format="iso")


DONE, TASK_DONE, GREETED = DoneSchema(), TaskDoneSchema(), GreetedSchema()


@api.post("/greetings/<ref>/done")
@allow(*AT_WORK)
def mark_greeted(ref: str) -> ResponseReturnValue:
    """Record that a new contact was greeted by hand. Any number of times: the first counts."""
    done = load_json(DONE)
    welcome_id, actor = read_ref("greeting", ref), current_actor()
    age = timedelta(seconds=done["age_s"])
    greeting = current_database().in_transaction(
        lambda session: complete_greeting(session, actor, welcome_id, age)
    )
    return jsonify(GREETED.dump(greeting))


@api.post("/tasks/<ref>/done")
@allow(*AT_WORK)
def mark_done(ref: str) -> ResponseReturnValue:
    """Record that a task was done. Any number of times: the first counts, and all get the same answer.

    A page cannot claim WeCom's own confirmation: `complete_task` takes only what fits the task's channel.
    """
    done = load_json(DONE)
    task_id, actor = read_ref("task", ref), current_actor()
    task = current_database().in_transaction(
        lambda session: complete_task(
            session,
            actor,
            task_id,
            external_userid=done["external_userid"],
            evidence=done["evidence"],
            sent_text=done["sent_text"],
            age=timedelta(seconds=done["age_s"]),
            key=done["key"],
        )
    )
    return jsonify(TASK_DONE.dump(task))
