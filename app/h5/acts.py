"""What the toolbar's scripts report of acts with a task or about a member, as JSON; sending is in `api`.

Every answer says what is true now. Each act carries its page's key, so the outbox may deliver it more than once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import structlog
from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue
from marshmallow import Schema, ValidationError, fields, validate
from sqlalchemy.orm import Session

from app.associates.queries import Actor
from app.follow_ups.acts.calling import note_call
from app.follow_ups.acts.handing import colleagues_for, hand_task
from app.follow_ups.acts.holding import NOTE, Standing, Tap
from app.follow_ups.acts.kinds import CallOutcome, SkipReason, Until
from app.follow_ups.acts.members import MemberStanding, note_event, opt_in, opt_out
from app.follow_ups.acts.numbers import show_number
from app.follow_ups.acts.postponing import postpone_task, recall_task
from app.follow_ups.acts.skipping import skip_task
from app.follow_ups.acts.undoing import undo
from app.h5.api import KeySchema, age_field
from app.h5.pages import AT_WORK
from app.http import allow, load_json, load_query
from app.http.parts import current_database, current_public_ids
from app.http.refs import read_ref
from app.member_events.models import MemberEventKind
from app.member_events.rules import MOST_SKUS, VisitReason
from app.members.phones import PURPOSE as OF_PHONES
from app.members.phones import spoken_phone
from app.sealing import Keyring
from app.sessions import current_actor

log = structlog.get_logger(__name__)
acts = Blueprint("h5_acts", __name__, url_prefix="/h5/api")
ARTICLE = 64
SIZE = 16
A_DATE = "YYYY-MM-DD"
SAID_BY_ASSOCIATE = "associate"


class UntilField(fields.Field[Any]):
    """`evening`, `tomorrow`, or a local date as YYYY-MM-DD."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Until | date:
        if value in list(Until):
            return Until(value)
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValidationError(f"Must be one of: {', '.join((*Until, A_DATE))}.") from None


class TapSchema(KeySchema):
    """`age_s`: how many seconds ago it was, by the device's own clock."""

    age_s = age_field()


def note_field() -> fields.String:
    """A note of the associate's own."""
    return fields.String(load_default="", validate=validate.Length(0, NOTE))


class PostponeSchema(TapSchema):
    """Until when."""

    until = UntilField(required=True)


class SkipSchema(TapSchema):
    """Why; another reason is said in the note."""

    reason = fields.Enum(SkipReason, by_value=True, required=True)
    note = note_field()


class HandSchema(TapSchema):
    """To whom."""

    to = fields.String(required=True, validate=validate.Length(1, 40))


class CallSchema(TapSchema):
    """What came of it; a call back says until when."""

    outcome = fields.Enum(CallOutcome, by_value=True, required=True)
    note = note_field()
    until = UntilField(load_default=None, allow_none=True)


class VisitSchema(TapSchema):
    """What they tried, and why they did not buy."""

    reason = fields.Enum(VisitReason, by_value=True, required=True)
    tried = fields.List(
        fields.String(validate=validate.Length(1, ARTICLE)),
        load_default=list,
        validate=validate.Length(max=MOST_SKUS),
    )
    size = fields.String(load_default="", validate=validate.Length(0, SIZE))


class SatisfactionSchema(TapSchema):
    """1 not at all, 5 very."""

    score = fields.Integer(strict=True, required=True, validate=validate.Range(1, 5))
    comment = note_field()


class StandingSchema(Schema):
    """Where the task stands now."""

    state = fields.String()
    close_reason = fields.String()
    closed_at = fields.AwareDateTime(format="iso")
    postponed_until = fields.AwareDateTime(format="iso")
    evidence = fields.String(allow_none=True)


class MemberStandingSchema(Schema):
    """Since when the member wants no follow-ups."""

    opted_out_at = fields.AwareDateTime(format="iso")


TAP, POSTPONE, SKIP, HAND, CALL = TapSchema(), PostponeSchema(), SkipSchema(), HandSchema(), CallSchema()
VISIT, SATISFACTION = VisitSchema(), SatisfactionSchema()
STANDING, MEMBER = StandingSchema(), MemberStandingSchema()


@acts.post("/tasks/<ref>/postpone")
@allow(*AT_WORK)
def postpone(ref: str) -> ResponseReturnValue:
    """Put a task off, within its validity."""
    told = load_json(POSTPONE)
    return _with_task(
        ref, told, lambda session, actor, task, tap: postpone_task(session, actor, task, tap, told["until"])
    )


@acts.post("/tasks/<ref>/recall")
@allow(*AT_WORK)
def recall(ref: str) -> ResponseReturnValue:
    """Do now after all what was put off."""
    return _with_task(ref, load_json(TAP), recall_task)


@acts.post("/tasks/<ref>/skip")
@allow(*AT_WORK)
def skip(ref: str) -> ResponseReturnValue:
    """Close a task undone, with the reason."""
    told = load_json(SKIP)
    return _with_task(
        ref,
        told,
        lambda session, actor, task, tap: skip_task(session, actor, task, tap, told["reason"], told["note"]),
    )


@acts.post("/tasks/<ref>/undo")
@allow(*AT_WORK)
def take_back(ref: str) -> ResponseReturnValue:
    """Open again what one closed oneself minutes ago."""
    return _with_task(ref, load_json(TAP), undo)


@acts.post("/tasks/<ref>/hand")
@allow(*AT_WORK)
def hand(ref: str) -> ResponseReturnValue:
    """Give a task to a colleague."""
    told = load_json(HAND)
    to = read_ref("associate", told["to"])
    return _with_task(ref, told, lambda session, actor, task, tap: hand_task(session, actor, task, tap, to))


@acts.post("/tasks/<ref>/call")
@allow(*AT_WORK)
def call(ref: str) -> ResponseReturnValue:
    """Note what came of a call."""
    told = load_json(CALL)
    return _with_task(
        ref,
        told,
        lambda session, actor, task, tap: note_call(
            session, actor, task, tap, told["outcome"], note=told["note"], until=told["until"]
        ),
    )


@acts.post("/tasks/<ref>/number")
@allow(*AT_WORK)
def number(ref: str) -> ResponseReturnValue:
    """The number to call, for whoever is to call it: in this answer, which nobody may store, and nowhere else."""
    task_id, actor, tap = read_ref("task", ref), current_actor(), _tap(load_json(TAP))
    keys = Keyring(current_app.extensions["settings"].secret_keys, OF_PHONES)
    found = current_database().in_transaction(lambda session: show_number(session, actor, task_id, tap, keys))
    log.info("number_shown", task=task_id, associate=actor.associate_id)
    response = jsonify(tel=f"tel:{found}", number=spoken_phone(found))
    response.headers["Cache-Control"] = "no-store"
    return response


@acts.get("/tasks/<ref>/colleagues")
@allow(*AT_WORK)
def colleagues(ref: str) -> ResponseReturnValue:
    """Who may take the task over."""
    load_query()
    task_id, ids = read_ref("task", ref), current_public_ids()
    with current_database().reading() as session:
        found = colleagues_for(session, current_actor(), task_id)
    return jsonify(
        colleagues=[
            {
                "ref": ids.encode("associate", one.id),
                "name": one.name,
                "is_manager": one.is_manager,
                "is_contact": one.is_contact,
            }
            for one in found
        ]
    )


@acts.post("/members/<ref>/replied")
@allow(*AT_WORK)
def replied(ref: str) -> ResponseReturnValue:
    """The member answered, the associate says."""
    return _happened(ref, load_json(TAP), MemberEventKind.REPLY, {"how": SAID_BY_ASSOCIATE})


@acts.post("/members/<ref>/visit")
@allow(*AT_WORK)
def visited(ref: str) -> ResponseReturnValue:
    """The member came in and did not buy."""
    told = load_json(VISIT)
    data = {"reason": told["reason"], "tried": told["tried"], "size": told["size"]}
    return _happened(ref, told, MemberEventKind.VISIT, data)


@acts.post("/members/<ref>/satisfaction")
@allow(*AT_WORK)
def satisfied(ref: str) -> ResponseReturnValue:
    """How satisfied the member says they are."""
    told = load_json(SATISFACTION)
    data = {"score": told["score"], "comment": told["comment"]}
    return _happened(ref, told, MemberEventKind.SATISFACTION, data)


@acts.post("/members/<ref>/opt-out")
@allow(*AT_WORK)
def leave_alone(ref: str) -> ResponseReturnValue:
    """The member wants no follow-ups."""
    return _with_member(ref, load_json(TAP), opt_out)


@acts.post("/members/<ref>/opt-in")
@allow(*AT_WORK)
def follow_again(ref: str) -> ResponseReturnValue:
    """The member may be followed up again."""
    return _with_member(ref, load_json(TAP), opt_in)


def _happened(ref: str, told: Any, kind: MemberEventKind, data: dict[str, Any]) -> ResponseReturnValue:
    return _with_member(
        ref, told, lambda session, actor, member, tap: note_event(session, actor, member, tap, kind, data)
    )


def _with_task(
    ref: str, told: Any, act: Callable[[Session, Actor, int, Tap], Standing]
) -> ResponseReturnValue:
    task_id, actor, tap = read_ref("task", ref), current_actor(), _tap(told)
    standing = current_database().in_transaction(lambda session: act(session, actor, task_id, tap))
    return jsonify(STANDING.dump(standing))


def _with_member(
    ref: str, told: Any, act: Callable[[Session, Actor, int, Tap], MemberStanding]
) -> ResponseReturnValue:
    member_id, actor, tap = read_ref("member", ref), current_actor(), _tap(told)
    standing = current_database().in_transaction(lambda session: act(session, actor, member_id, tap))
    return jsonify(MEMBER.dump(standing))


def _tap(told: Any) -> Tap:
    return Tap(told["key"], timedelta(seconds=told["age_s"]))
