"""Pages of the toolbar. Each is readable before any script has run, except what only WeCom knows."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate

from app.associates.models import Role
from app.h5 import views
from app.h5.words import IN_SCRIPTS
from app.http import allow, load_query
from app.http.parts import current_database, current_public_ids
from app.sessions import current_actor

pages = Blueprint("h5", __name__, url_prefix="/h5", template_folder="templates")
AT_WORK = (Role.ASSOCIATE, Role.STORE_MANAGER)


@pages.get("/")
@allow(*AT_WORK)
def shell() -> ResponseReturnValue:
    """The sidebar's first page: asks WeCom who the chat is with."""
    load_query()
    return _render("h5/shell.html")


class ChatSchema(Schema):
    """The chat the client says is open; whether the reader may see its member is checked here again."""

    contact = fields.String(required=True, validate=validate.Length(1, 64))


CHAT = ChatSchema()


@pages.get("/member")
@allow(*AT_WORK)
def member() -> ResponseReturnValue:
    """The part of the page about the member behind a chat."""
    query = load_query(CHAT)
    actor, contact = current_actor(), query["contact"]
    with current_database().reading() as session:
        view = views.see_member(session, actor, contact)
        known = view is not None or views.is_known_contact(session, actor, contact)
    if view is None:
        return _render("h5/nobody.html", is_contact=known)
    return _render("h5/member.html", view=view, contact=contact)


@pages.get("/worklist")
@allow(*AT_WORK)
def worklist() -> ResponseReturnValue:
    """My tasks: what the pushed message opens."""
    load_query()
    with current_database().reading() as session:
        view = views.see_worklist(session, current_actor())
    return _render("h5/worklist.html", view=view)


def _render(template: str, **values: Any) -> str:
    """With what the scripts need: WeCom's ids, the SDK's address and the words they say."""
    settings = current_app.extensions["settings"]
    ids = current_public_ids()
    actor = current_actor()
    return render_template(
        template,
        actor=actor,
        actor_ref=ids.encode("associate", actor.associate_id),
        task_ref=lambda task_id: ids.encode("task", task_id),
        bridge=settings.wecom_oauth_url if settings.mode == "sandbox" else "",
        settings=settings,
        script_words={name: str(text) for name, text in IN_SCRIPTS.items()},
        **values,
    )
