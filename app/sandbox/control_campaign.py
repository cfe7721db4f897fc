"""The control API of group sends, moments, handovers, customer groups, lives and pay: what people do in the client."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.sandbox import (
    campaign_rules,
    group_chat_changes,
    group_send_tasks,
    handovers,
    living_changes,
    moment_tasks,
    pay,
)
from app.sandbox.answers import WeComError
from app.sandbox.api import world_of
from app.sandbox.calls import object_of
from app.sandbox.campaign_rules import QUOTAS, CampaignRules
from app.sandbox.control_input import Item, WrongInput, text, whole
from app.sandbox.group_send_tasks import NothingToConfirm
from app.sandbox.guard import refuse_strangers
from app.sandbox.relations import GraphRefused

control_campaign = Blueprint("control_campaign", __name__, url_prefix="/sandbox/campaign")

control_campaign.before_request(refuse_strangers)

KEPT = (
    "group_send_reminder",
    "group_send_target",
    "group_send_task",
    "group_send",
    "moment_reaction",
    "moment_viewer",
    "moment_task",
    "moment_job",
    "moment",
    "handover",
    "dimission",
    "group_chat_handover",
    "group_chat_message",
    "group_chat_member",
    "group_chat",
    "join_way",
    "living_code",
    "living_viewer",
    "living",
    "product",
    "bill",
    "fund_flow",
)


@control_campaign.errorhandler(WrongInput)
@control_campaign.errorhandler(GraphRefused)
@control_campaign.errorhandler(WeComError)
def say_what_is_wrong(error: Exception) -> tuple[Response, int]:
    """400 with what was wrong; nothing of the request was kept."""
    return jsonify(error=str(error)), 400


@control_campaign.errorhandler(NothingToConfirm)
def say_nothing_to_confirm(error: NothingToConfirm) -> tuple[Response, int]:
    """404: no such task, or done or cancelled already."""
    return jsonify(error=f"nothing to confirm: {error}"), 404


@control_campaign.delete("")
def forget() -> Response:
    """As if none of it had ever been: orders, moments, handovers, groups, lives, products, bills; usual rules."""
    with world_of().store.writing() as connection:
        for table in KEPT:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
        campaign_rules.put(connection, CampaignRules())
    return jsonify(forgotten=len(KEPT))


@control_campaign.put("/rules")
def put_rules() -> Response:
    """The rules of CampaignRules; what is not named is as usual."""
    sent = _sent()
    try:
        rules = CampaignRules(**sent)
    except TypeError as error:
        raise WrongInput(str(error)) from None
    if rules.quota not in QUOTAS:
        raise WrongInput(f"quota: one of {', '.join(QUOTAS)}")
    with world_of().store.writing() as connection:
        campaign_rules.put(connection, rules)
    return jsonify(sent)


@control_campaign.get("/pending/<userid>")
def show_pending(userid: str) -> Response:
    """What waits on this member's phone: {group_sends, moments}."""
    with world_of().store.reading() as connection:
        return jsonify(
            group_sends=group_send_tasks.pending(connection, userid),
            moments=moment_tasks.pending_moments(connection, userid),
        )


@control_campaign.post("/group-sends/<msgid>/confirm")
def confirm_group_send(msgid: str) -> Response:
    """The member sends it: {userid, external_userids?}; answers {sent, failed}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        chosen = sent.get("external_userids")
        return jsonify(
            group_send_tasks.confirm(
                connection, world, world.clock.now(), text("", sent, "userid"), msgid, chosen
            )
        )


@control_campaign.post("/group-sends")
def send_personally() -> Response:
    """A member's own group send: {userid, external_userids, text, attachments}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        msgid = group_send_tasks.send_personally(
            connection, world.clock.now(), text("", sent, "userid"), _texts(sent, "external_userids"), sent
        )
    return jsonify(msgid=msgid)


@control_campaign.post("/moments/<moment_id>/publish")
def publish_moment(moment_id: str) -> Response:
    """The member publishes it: {userid}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        moment_tasks.confirm_moment(connection, world, world.clock.now(), text("", sent, "userid"), moment_id)
    return jsonify(moment_id=moment_id)


@control_campaign.post("/moments")
def publish_own_moment() -> Response:
    """A member's own moment: {userid, text, attachments}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        moment_id = moment_tasks.publish_own(connection, world.clock.now(), text("", sent, "userid"), sent)
    return jsonify(moment_id=moment_id)


@control_campaign.post("/moments/<moment_id>/reactions")
def react(moment_id: str) -> Response:
    """A customer comments or likes: {userid, external_userid, kind}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        moment_tasks.react(
            connection,
            world.clock.now(),
            text("", sent, "userid"),
            moment_id,
            text("", sent, "external_userid"),
            text("", sent, "kind"),
        )
    return jsonify(moment_id=moment_id)


@control_campaign.post("/handovers/settle")
def settle() -> Response:
    """Complete the handovers whose time has come."""
    world = world_of()
    with world.store.writing() as connection:
        return jsonify(settled=handovers.settle(connection, world, world.clock.now()))


@control_campaign.post("/handovers/refuse")
def refuse_handover() -> Response:
    """The customer refuses: {external_userid, takeover_userid}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        handovers.refuse(
            connection,
            world,
            world.clock.now(),
            text("", sent, "external_userid"),
            text("", sent, "takeover_userid"),
        )
    return jsonify(refused=True)


@control_campaign.post("/groups")
def create_group() -> Response:
    """A member makes a group: {owner, name, members}; answers {chat_id, opengid}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        chat_id = group_chat_changes.create(
            connection,
            world.clock.now(),
            text("", sent, "owner"),
            text("", sent, "name", ""),
            _texts(sent, "members"),
        )
        row = connection.execute("SELECT opengid FROM group_chat WHERE chat_id = ?", (chat_id,)).fetchone()
    return jsonify(chat_id=chat_id, opengid=row["opengid"])


@control_campaign.post("/groups/<chat_id>")
def change_group(chat_id: str) -> Response:
    """Any of {add: [...], remove: [...], quit_scene, name, notice, owner, say: {from, content}, dismiss: true}."""
    world, sent = world_of(), _sent()
    now = world.clock.now()
    with world.store.writing() as connection:
        group_chat_changes.add_members(connection, now, chat_id, _texts(sent, "add"))
        group_chat_changes.remove_members(
            connection, now, chat_id, _texts(sent, "remove"), int(sent.get("quit_scene", 0))
        )
        for name, change in _GROUP_CHANGES.items():
            if name in sent:
                change(connection, now, chat_id, text("", sent, name))
        if "say" in sent:
            said = object_of(sent, "say")
            sender, content = text("say", said, "from"), text("say", said, "content")
            group_chat_changes.say(connection, now, chat_id, sender, content)
        if sent.get("dismiss"):
            group_chat_changes.dismiss(connection, now, chat_id)
    return jsonify(chat_id=chat_id)


_GROUP_CHANGES = {
    "name": group_chat_changes.rename,
    "notice": group_chat_changes.put_notice,
    "owner": group_chat_changes.change_owner,
}


@control_campaign.post("/join-ways/<config_id>/scan")
def join_by_code(config_id: str) -> Response:
    """A customer scans a way to join: {external_userid}; answers {chat_id}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        chat_id = group_chat_changes.join_by_code(
            connection, world.clock.now(), text("", sent, "external_userid"), config_id
        )
    return jsonify(chat_id=chat_id)


@control_campaign.post("/livings/<livingid>")
def change_living(livingid: str) -> Response:
    """Any of {status: 1|2|4, watch: [{viewer, seconds, commented, spoke, invitor}]}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        for one in sent.get("watch", []):
            living_changes.watch(connection, livingid, **one)
        if "status" in sent:
            living_changes.move_to(connection, world.clock.now(), livingid, whole(sent, "status"))
    return jsonify(livingid=livingid)


@control_campaign.post("/livings/<livingid>/share")
def share_living(livingid: str) -> Response:
    """Somebody opens what was shared: {viewer, invitor}; answers {ww_share_code}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        code = living_changes.share(
            connection, world, livingid, text("", sent, "viewer"), text("", sent, "invitor", "")
        )
    return jsonify(ww_share_code=code)


@control_campaign.post("/bills")
def put_bills() -> Response:
    """Payments and flows: {bills: [...], payment_id, flows: [...]}; fields as WeCom lists them."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        for bill in sent.get("bills", []):
            pay.put_bill(connection, bill, world.settings.apps[0].agent_id, text("", sent, "payment_id", ""))
        for flow in sent.get("flows", []):
            pay.put_flow(connection, flow)
    return jsonify(bills=len(sent.get("bills", [])), flows=len(sent.get("flows", [])))


def _sent() -> Item:
    sent = request.get_json(force=True, silent=True)
    if not isinstance(sent, dict):
        raise WrongInput("a JSON object is expected")
    return sent


def _texts(sent: Item, name: str) -> list[str]:
    found: Any = sent.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise WrongInput(f"{name}: a list of strings")
    return found
