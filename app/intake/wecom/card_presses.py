"""template_card_event and template_card_menu_event: somebody pressed a button of a card we sent.

What a press means is done in the transaction that keeps it, once; then the card is told, once, what became of it: its
code serves no second call. "Later" on a digest puts off for two hours what of it is still to be done.
"""

from __future__ import annotations

import structlog
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.failpoints import failpoint
from app.follow_ups.acts.putting_off import put_off_told
from app.intake.handlers import Handler
from app.messaging import words
from app.messaging.card_presses import (
    LATER,
    Press,
    UpdateOutcome,
    claim_press,
    find_digest,
    record_update,
    release_press,
)
from app.messaging.models import CardUpdate
from app.wecom.callbacks import WeComEvent, members_of
from app.wecom.errors import WeComRejected, WeComRetryable
from app.wecom.port import WeComPort

# Cards whose buttons can be replaced by a text (facts 3.14); others would need a whole new card.
INTERACTIVE = frozenset({"button_interaction", "vote_interaction", "multiple_interaction"})
MENU = "template_card_menu_event"

log = structlog.get_logger(__name__)


def card_handler(database: Database) -> Handler:
    """The handler of both events; `database` is where a press is claimed before WeCom is called."""

    def look(wecom: WeComPort, event: WeComEvent) -> UpdateOutcome | None:
        press = press_of(event)
        code = event.text("ResponseCode")
        needs_update = bool(code) and press.card_type in INTERACTIVE and event.name != MENU
        said = database.in_transaction(lambda session: _take(session, press, needs_update=needs_update))
        if said is None or not needs_update:
            return None
        failpoint("card.claimed")
        try:
            outcome = _show(wecom, press, code, said)
        except WeComRetryable:
            database.in_transaction(lambda session: release_press(session, press.event_key))
            raise
        failpoint("card.called")
        return outcome

    return Handler(look, _apply)


def _take(session: Session, press: Press, *, needs_update: bool) -> str | None:
    """Keep a press and do what it means; what is to stand on its card, None for a repeat."""
    if not claim_press(session, press, needs_update=needs_update):
        return None
    digest = find_digest(session, press) if press.button == LATER else None
    if digest is None:
        return words.taken()
    became = put_off_told(
        session, digest.associate_id, digest.work_item_ids, press.event_key, press.pressed_at
    )
    if became.until is not None and became.zone is not None:
        return words.put_off(became.until, became.zone, press.pressed_at)
    return words.do_now() if became.left else words.all_done()


def press_of(event: WeComEvent) -> Press:
    """The press that an event tells of."""
    selected = {
        str(item.get("QuestionKey", "")): [str(option) for option in members_of(item.get("OptionIds"))]
        for item in event.many("SelectedItems")
        if isinstance(item, dict)
    }
    return Press(
        event_key=event.key,
        task_id=event.text("TaskId"),
        wecom_userid=event.text("FromUserName").lower(),
        button=event.text("EventKey"),
        card_type=event.text("CardType"),
        selected=selected,
        pressed_at=clock.instant_of(event.created_at_s),
    )


def _show(wecom: WeComPort, press: Press, code: str, said: str) -> UpdateOutcome:
    """Raises `WeComRetryable` only where WeCom was not reached: then the code is still good."""
    try:
        unknown = wecom.messages.update_card(code, [press.wecom_userid], said)
    except WeComRetryable as error:
        if not error.sent:
            raise
        return UpdateOutcome(CardUpdate.UNKNOWN, str(error))
    except WeComRejected as error:
        log.warning("card_not_updated", task_id=press.task_id, reason=str(error))
        return UpdateOutcome(CardUpdate.FAILED, str(error))
    if unknown:
        return UpdateOutcome(CardUpdate.FAILED, "WeCom does not know who pressed")
    return UpdateOutcome(CardUpdate.DONE)


def _apply(session: Session, event: WeComEvent, outcome: UpdateOutcome | None) -> None:
    """Without an outcome the press was kept before, or its card cannot be updated: nothing is to be written."""
    if outcome is not None:
        record_update(session, event.key, outcome)
