"""Pages of the toolbar. Each is readable before any script has run, except what only WeCom knows."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate

from app.associates.models import Role
from app.errors import NotFound
from app.follow_ups.linking.addresses import LinkMaker
from app.follow_ups.states import Evidence
from app.follow_ups.worklists import Show
from app.h5 import views, words
from app.h5.cards import TaskCard, read_when
from app.h5.words import IN_SCRIPTS
from app.http import allow, load_query
from app.http.parts import current_database, current_public_ids
from app.http.refs import read_ref
from app.intake.wecom.greetings import greetings_of_contact
from app.members.queries import Bond
from app.pages.parts import PageSchema
from app.sales_scripts.rules import LINK, fill
from app.sessions import current_actor
from app.worklist.models import WorkState

pages = Blueprint("h5", __name__, url_prefix="/h5", template_folder="templates")
# Seconds from look to look for what passes without a tap here: a request is accepted, an event is on its way.
LOOK_AGAIN_S = {Bond.HALF: (3, 6, 12), Bond.NONE: (3,)}
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
        view = views.see_chat(session, actor, contact)
        bond = views.read_bond(session, actor, contact)
        may_send = bond.bond is Bond.LIVE
        greetings = greetings_of_contact(session, actor, contact) if may_send else []
        when = read_when(session, actor.store_id)
    greeting = {"greetings": greetings, "when": when, "contact": contact, "in_chat": True}
    if view is None:
        return _render("h5/nobody.html", bond=bond, look_again=LOOK_AGAIN_S.get(bond.bond, ()), **greeting)
    return _render("h5/member.html", view=view, may_send=may_send, **greeting)


@pages.get("/members/<ref>")
@allow(*AT_WORK)
def member_by_ref(ref: str) -> ResponseReturnValue:
    """The same for any member the reader looks after, also one who is not in WeCom; sending is done in the chat."""
    asked, member_id = load_query(PAGE), read_ref("member", ref)
    with current_database().reading() as session:
        view = views.see_member(session, current_actor(), member_id, asked["page"])
    if view is None:
        raise NotFound("unknown_id", place=ref)
    return _render("h5/member_page.html", view=view, contact="", in_chat=False, ref=ref, greetings=[])


class WorklistSchema(Schema):
    """`after`: the task at which the page before ended; `show`: only tasks of this kind."""

    after = fields.String(load_default="")
    show = fields.Enum(Show, by_value=True, load_default=Show.ALL)


WORKLIST, PAGE = WorklistSchema(), PageSchema()


@pages.get("/worklist")
@allow(*AT_WORK)
def worklist() -> ResponseReturnValue:
    """My tasks: what the pushed message opens."""
    asked = load_query(WORKLIST)
    after = read_ref("task", asked["after"]) if asked["after"] else None
    with current_database().reading() as session:
        view = views.see_worklist(session, current_actor(), after, asked["show"])
    return _render("h5/worklist.html", view=view)


@pages.get("/tasks/<ref>")
@allow(*AT_WORK)
def task(ref: str) -> ResponseReturnValue:
    """One task: why it is there, which words, and what was done with it."""
    load_query()
    task_id, language = read_ref("task", ref), words.rule_language()
    with current_database().reading() as session:
        view = views.see_task(session, current_actor(), task_id, language)
    return _render("h5/task_page.html", view=view)


class PersonSchema(PageSchema):
    """`state`, `evidence`: only tasks in this state, proven like this; all where none is given."""

    state = fields.Enum(WorkState, by_value=True, load_default=None)
    evidence = fields.Enum(Evidence, by_value=True, load_default=None)


PERSON = PersonSchema()


@pages.get("/people/<ref>")
@allow(Role.STORE_MANAGER)
def person(ref: str) -> ResponseReturnValue:
    """What one of the manager's own people had to do today."""
    asked, associate_id = load_query(PERSON), read_ref("associate", ref)
    only = views.PersonFilter(asked["state"], asked["evidence"])
    with current_database().reading() as session:
        view = views.see_person(session, current_actor(), associate_id, only, asked["page"])
    if view is None:
        raise NotFound("unknown_id", place=ref)
    return _render("h5/person.html", view=view, ref=ref, only=only)


def _render(template: str, **values: Any) -> str:
    """With what the scripts need: WeCom's ids, the SDK's address and the words they say."""
    settings = current_app.extensions["settings"]
    ids = current_public_ids()
    actor, links = current_actor(), LinkMaker(settings.public_url, ids)

    def said(card: TaskCard) -> str:
        text = card.task.text
        return fill(text, {LINK: links.address_of(card.task.id)}) if card.has_link else text

    return render_template(
        template,
        actor=actor,
        said=said,
        actor_ref=ids.encode("associate", actor.associate_id),
        greeting_ref=lambda welcome_id: ids.encode("greeting", welcome_id),
        task_ref=lambda task_id: ids.encode("task", task_id),
        member_ref=lambda member_id: ids.encode("member", member_id),
        associate_ref=lambda associate_id: ids.encode("associate", associate_id),
        bridge=settings.wecom_oauth_url if settings.mode == "sandbox" else "",
        settings=settings,
        task_words=words,
        script_words={name: str(text) for name, text in IN_SCRIPTS.items()},
        **values,
    )
