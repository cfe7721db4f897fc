"""Where a contact way's QR code leads (facts 3.6): a page that says whose code it is. Phones scan its address."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from app.sandbox.api import world_of
from app.sandbox.contact_way_store import find_way, members_of
from app.sandbox.guard import refuse_strangers
from app.sandbox.people import get_person
from app.sandbox.scanning import picture_of

qr_page = Blueprint("qr_page", __name__)

qr_page.before_request(refuse_strangers)


@qr_page.get("/qr/<config_id>")
def show_code(config_id: str) -> Response:
    """The code in words; 404 for one that was deleted or has run out. Where a picture is wanted, as in a page
    that shows the address add_contact_way gave, the code itself: printed ones outlive their contact way."""
    if "text/html" not in request.headers.get("Accept", ""):
        return picture_of(request.base_url)
    world = world_of()
    with world.store.reading() as connection:
        way = find_way(connection, world.clock.now(), config_id)
        members = members_of(connection, way.body["user"], way.body["party"]) if way else []
        names = [get_person(connection, userid)["name"] for userid in members]
    page = render_template("qr.html", way=way, names=names, address=request.base_url)
    return Response(page, status=200 if way else 404)
