"""The number to call: opened for whoever is to make the call, while it is to be made. Every look is kept."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.associates.queries import Actor
from app.errors import Conflict, Invalid
from app.follow_ups.acts.holding import Held, May, Tap, find_same_act, hold
from app.follow_ups.acts.kinds import Act
from app.follow_ups.states import Channel
from app.members.phones import open_phone, sealed_phones
from app.sealing import Keyring


def show_number(session: Session, actor: Actor, task_id: int, tap: Tap, keys: Keyring) -> str:
    """The member's number (E.164) of an open call, for its assignee or the manager of its store.

    Who looked when is kept with the task, without the number. Raises `NotFound`, `Forbidden`, `Conflict` for a task
    that is closed, `no_number` where none is known or no secret opens it, `Invalid` `no_call` for what is none.
    """
    held = hold(session, actor, task_id, tap, May.MANAGER_TOO)
    held.must_be_open()
    if held.task.channel != Channel.PHONE:
        raise Invalid("no_call", place="task")
    sealed = sealed_phones(session, [held.member_id]).get(held.member_id)
    number = open_phone(keys, sealed) if sealed else None
    if number is None:
        raise Conflict("no_number", place="task")
    _keep(held)
    return number


def _keep(held: Held) -> None:
    """One tap is one look, however often it is delivered; a key that was for something else hides none."""
    its = held.task.id
    if find_same_act(held.session, held.actor, held.tap, Act.NUMBER_SEEN, task_id=its) is None:
        held.keep(Act.NUMBER_SEEN)
