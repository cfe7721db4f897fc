"""What somebody says they have done with a task, who has it or had it then: the first word makes it done, all count."""

from __future__ import annotations

from app.follow_ups.acts.holding import Held
from app.follow_ups.finishing import keep_done
from app.follow_ups.states import Channel, Evidence
from app.ids import new_id
from app.worklist.models import SeenTouch
from app.worklist.service import move_items

# A task that goes to somebody else is a chat for who has the member as a contact, an invitation for who has not.
CHAT_OR_INVITE = {Evidence.CLIENT_REPORTED: Channel.CHAT, Evidence.SELF_DECLARED: Channel.INVITE}


def keep_told(held: Held, evidence: Evidence, sent_text: str | None = None) -> bool:
    """Done by the actor then, and theirs, so that nobody does it again; a closed task stays closed.

    False where a word came before: that one stands. Where it was somebody else's the member was reached twice, which
    counts as one more touch; the caller keeps the act.
    """
    if held.task.evidence is None:
        _as_it_was_done(held, evidence)
        keep_done(
            held.session, held.task, held.item, evidence, held.actor.associate_id, held.acted_at, sent_text
        )
        return True
    if held.task.completed_by != held.actor.associate_id and not held.item.is_service:
        touch = {"member_id": held.member_id, "source_id": new_id(held.session), "seen_at": held.acted_at}
        held.session.add(SeenTouch(**touch))
        held.session.flush()
    return False


def _as_it_was_done(held: Held, evidence: Evidence) -> None:
    """On the channel on which they did it, also where it became another, or another page is about to send it."""
    if evidence is Evidence.CLIENT_REPORTED or (not held.is_mine and held.task.channel == Channel.CHAT):
        held.task.channel = CHAT_OR_INVITE[evidence]
    if held.is_mine:
        return
    held.item.claimed_by = held.item.claimed_until = None
    held.session.flush()
    move_items(held.session, {held.item.id: held.actor.associate_id}, held.now)
