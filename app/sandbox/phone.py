"""A member's phone, which is a host, `<userid>.localhost`: its page, its messages and chats, the fast-forward."""

from __future__ import annotations

import sqlite3
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.sandbox import chats, hosts, inbox, travel, workbench
from app.sandbox.api import world_of
from app.sandbox.chats import CustomerLeft, NoSuchChat
from app.sandbox.control_input import Item, WrongInput
from app.sandbox.guard import refuse_strangers
from app.sandbox.people import find_person
from app.sandbox.travel import TravelRefused

phone = Blueprint("phone", __name__)

phone.before_request(refuse_strangers)


@phone.errorhandler(TravelRefused)
def say_travel_refused(error: TravelRefused) -> tuple[Response, int]:
    """502: the app did not do what was asked; the message is Chinese."""
    return jsonify(error=str(error)), 502


@phone.errorhandler(WrongInput)
def say_wrong(error: WrongInput) -> tuple[Response, int]:
    """400: the message cannot be sent as it is."""
    return jsonify(error=f"消息不对：{error}"), 400


@phone.errorhandler(NoSuchChat)
def say_no_chat(_: NoSuchChat) -> tuple[Response, int]:
    """404: not a customer of this member."""
    return jsonify(error="对方不是你的客户"), 404


@phone.errorhandler(CustomerLeft)
def say_left(_: CustomerLeft) -> tuple[Response, int]:
    """404: the customer has no chat with this member any more."""
    return jsonify(error="对方已删除你，说不了话"), 404


@phone.get("/phone")
def show() -> AnyResponse:
    """One phone; a customer's host has a phone of its own, an unknown host goes back to choosing."""
    world, host = world_of(), request.host
    if hosts.customer_of(host) is not None:
        return redirect(url_for("customer_phone.show"))
    with world.store.reading() as connection:
        person = find_person(connection, hosts.userid_of(host) or "")
    if person is None:
        return redirect(hosts.chooser_url(host))
    toolbar_url = hosts.toolbar_url_of(world.settings, hosts.label_of(person["userid"]), host)
    return Response(
        render_template(
            "phone.html",
            person=person,
            toolbar_url=toolbar_url,
            toolbar_origin="{0.scheme}://{0.netloc}".format(urlsplit(toolbar_url)),
            bare_origins=[origin for origin in hosts.app_origins(world.settings) if "*" not in origin],
            chooser_url=hosts.chooser_url(host),
            app_name=world.settings.apps[0].name,
            agent_id=world.settings.apps[0].agent_id,
            framed=hosts.is_together(host),
        )
    )


@phone.get("/phone/feed")
def feed() -> Response:
    """What is new: ?after=<message id>&chat=<external_userid>&chat_after=<chat message id>."""
    world, args = world_of(), request.args
    with world.store.reading() as connection:
        userid = userid_of_phone(connection)
        new = {
            "messages": inbox.app_messages(connection, userid, args.get("after", 0, type=int)),
            "revised": inbox.revised_messages(connection, userid),
            "unread": inbox.unread_messages(connection, userid),
            "chats": inbox.chats_of(connection, userid),
            "waiting": workbench.waiting(connection, userid),
        }
        if args.get("chat"):
            new["chat"] = _chat_messages(
                connection, userid, args["chat"], args.get("chat_after", 0, type=int)
            )
    return jsonify(**new, now_ms=world.clock.now() // 1_000)


@phone.post("/phone/read")
def mark_messages_read() -> Response:
    """The app's messages were looked at."""
    world = world_of()
    with world.store.writing() as connection:
        inbox.mark_messages_read(connection, userid_of_phone(connection), world.clock.now())
    return jsonify(unread=0)


@phone.get("/phone/contacts")
def list_contacts() -> Response:
    """Customers of the phone's member: ?q=&offset=."""
    with world_of().store.reading() as connection:
        found = inbox.contacts_of(
            connection,
            userid_of_phone(connection),
            request.args.get("q", ""),
            request.args.get("offset", 0, type=int),
        )
    return jsonify(found)


@phone.get("/phone/chats/<external_userid>")
def open_chat(external_userid: str) -> Response:
    """Who the chat is with; 404 for no customer of this member."""
    with world_of().store.reading() as connection:
        contact = inbox.find_contact(connection, userid_of_phone(connection), external_userid)
    if contact is None:
        raise NoSuchChat(external_userid)
    return jsonify(contact)


@phone.post("/phone/chats/<external_userid>")
def say(external_userid: str) -> Response:
    """Say something: {"from": "associate"|"customer", "msgtype": ..., <msgtype>: {...}}."""
    world = world_of()
    sent: Item = request.get_json(force=True, silent=True) or {}
    sender = chats.CUSTOMER if sent.get("from") == chats.CUSTOMER else chats.ASSOCIATE
    with world.store.writing() as connection:
        userid = userid_of_phone(connection)
        said = chats.append(connection, world.clock.now(), userid, external_userid, sender, sent)
    return jsonify(_shown(said))


@phone.post("/phone/chats/<external_userid>/read")
def mark_chat_read(external_userid: str) -> Response:
    """This chat was looked at."""
    world = world_of()
    with world.store.writing() as connection:
        inbox.mark_chat_read(connection, userid_of_phone(connection), external_userid, world.clock.now())
    return jsonify(unread=0)


@phone.post("/travel")
def start_journey() -> tuple[Response, int]:
    """Fast-forward: {"seconds": n} or {"to": "next_due"}."""
    sent: Item = request.get_json(force=True, silent=True) or {}
    return jsonify(travel.start(world_of(), sent)), 202


@phone.get("/travel")
def follow_journey() -> Response:
    """Where the journey stands; the sandbox's clock follows."""
    return jsonify(travel.where(world_of()))


@phone.get("/time")
def tell_time() -> Response:
    """The sandbox's clock, without asking anybody."""
    return jsonify(now_ms=world_of().clock.now() // 1_000)


def userid_of_phone(connection: sqlite3.Connection) -> str:
    """The member whose phone this host is; 404 when it is nobody's."""
    person = find_person(connection, hosts.userid_of(request.host) or "")
    if person is None:
        abort(404)
    return str(person["userid"])


def _chat_messages(
    connection: sqlite3.Connection, userid: str, external_userid: str, after: int
) -> list[dict[str, Any]]:
    return [_shown(said) for said in chats.messages_of(connection, userid, external_userid, after)]


def _shown(said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "sent_ms": said["sent_at"] // 1_000}
