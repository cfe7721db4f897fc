"""GET /h5/r/<token>: the link in what a member was sent. Counts the opening and leads on to where headquarters said.

Under the toolbar's path so that an associate's own session comes along: a look at one's own link is no reply.
"""

from __future__ import annotations

import re

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from app.errors import NotFound
from app.follow_ups.linking.addresses import KIND
from app.follow_ups.linking.opening import find_target, keep_opening
from app.http import ANYONE, allow, load_query
from app.http.parts import current_database, current_public_ids
from app.sessions import H5
from app.sessions.service import find_signed_in

links = Blueprint("h5_links", __name__, url_prefix="/h5/r")

# Programs that look at links: search engines, previews, scanners, libraries. WeCom's own client is an associate's.
NOBODY = re.compile(
    r"bot|spider|crawl|slurp|preview|scan|monitor|fetch|headless|curl|wget|python|java/|okhttp|go-http|libwww|wxwork",
    re.IGNORECASE,
)
LEADING_ON = 302


@links.get("/<token>")
@allow(ANYONE)
def open_link(token: str) -> Response:
    """404 for an address that nobody here made, or whose script leads nowhere any more."""
    load_query()
    task_id, database = current_public_ids().decode(KIND, token), current_database()
    with database.reading() as session:
        target = find_target(session, task_id)
        signed_in = find_signed_in(session, H5.name, request.cookies.get(H5.cookie, ""))
    if target is None:
        raise NotFound("unknown_id", place=KIND)
    looks_like_member = signed_in is None and _is_somebody()
    database.in_transaction(
        lambda session: keep_opening(session, task_id, looks_like_member=looks_like_member)
    )
    response = redirect(target, LEADING_ON)
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _is_somebody() -> bool:
    """As far as a request tells: a browser that was not only looking ahead."""
    headers = request.headers
    looks_ahead = "prefetch" in f"{headers.get('Purpose', '')} {headers.get('Sec-Purpose', '')}".lower()
    agent = headers.get("User-Agent", "")
    is_program = not agent or NOBODY.search(agent) is not None
    return request.method == "GET" and not looks_ahead and not is_program
