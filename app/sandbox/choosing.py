"""Choosing phones: one, or up to four side by side; members' and customers', and a phone for a new person."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.sandbox import hosts, relations
from app.sandbox.api import world_of
from app.sandbox.guard import refuse_strangers
from app.sandbox.people import find_person
from app.sandbox.relations import GraphRefused
from app.sandbox.roster import customers_of, find_customer, people_of

choosing = Blueprint("choosing", __name__)

choosing.before_request(refuse_strangers)

PEOPLE_SHOWN = 300
CUSTOMERS_SHOWN = 24
SIDE_BY_SIDE = 4


@choosing.errorhandler(GraphRefused)
def say_refused(error: GraphRefused) -> tuple[Response, int]:
    """409: there can be no such person; the message is Chinese."""
    return jsonify(error=str(error)), 409


@choosing.get("/")
def choose() -> AnyResponse:
    """Whose phone? On a phone's own host: that phone."""
    if hosts.userid_of(request.host) or hosts.customer_of(request.host):
        return redirect(url_for("phone.show"))
    world, search = world_of(), request.args.get("q", "")
    with world.store.reading() as connection:
        people = people_of(connection, search, PEOPLE_SHOWN)
        customers = customers_of(connection, search, CUSTOMERS_SHOWN)
    page = render_template(
        "choose.html",
        people=people,
        customers=customers,
        search=search,
        port=hosts.port_of(request.host),
        console_url=world.settings.console_url,
    )
    return Response(page)


@choosing.get("/people")
def list_people() -> Response:
    """The cards of the chooser as JSON: ?q= searches name, id and department."""
    with world_of().store.reading() as connection:
        people = people_of(connection, request.args.get("q", ""), PEOPLE_SHOWN)
    return jsonify(people=people, most=PEOPLE_SHOWN)


@choosing.get("/customers")
def list_customers() -> Response:
    """Customers as JSON: ?q= searches name, remarks and id."""
    with world_of().store.reading() as connection:
        customers = customers_of(connection, request.args.get("q", ""), CUSTOMERS_SHOWN)
    return jsonify(customers=customers, most=CUSTOMERS_SHOWN)


@choosing.post("/customers")
def make_customer() -> Response:
    """A phone for a new person, who knows nobody yet: {"name": ...}; a known customer's id is theirs."""
    sent: Any = request.get_json(force=True, silent=True)
    name = str(sent.get("name", "")) if isinstance(sent, dict) else ""
    with world_of().store.writing() as connection:
        external_userid = relations.meet_customer(connection, name)
    return jsonify(external_userid=external_userid, label=hosts.customer_label_of(external_userid))


@choosing.get("/phones")
def show_together() -> AnyResponse:
    """Phones side by side: ?ids= with userids and external_userids, repeated or by commas; the first four."""
    if not hosts.is_together(request.host):
        query = request.query_string.decode()
        return redirect(f"http://{hosts.TOGETHER_DOMAIN}{hosts.port_of(request.host)}/phones?{query}")
    wanted = [one for ids in request.args.getlist("ids") for one in ids.split(",") if one]
    with world_of().store.reading() as connection:
        found = [phone for phone in (_phone(connection, one) for one in dict.fromkeys(wanted)) if phone]
    page = render_template(
        "phones.html",
        phones=found[:SIDE_BY_SIDE],
        left_out=len(found[SIDE_BY_SIDE:]),
        domain=hosts.phone_domain(request.host),
        chooser_url=hosts.chooser_url(request.host),
        console_url=world_of().settings.console_url,
    )
    return Response(page)


def _phone(connection: sqlite3.Connection, wanted: str) -> dict[str, str] | None:
    person = find_person(connection, wanted)
    if person is not None:
        return {"label": hosts.label_of(person["userid"]), "name": person["name"], "page": "phone"}
    customer = find_customer(connection, wanted)
    if customer is None:
        return None
    label = hosts.customer_label_of(customer["external_userid"])
    return {"label": label, "name": f"顾客 {customer['name']}", "page": "customer"}
