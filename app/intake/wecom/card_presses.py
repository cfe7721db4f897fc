"""template_card_event and template_card_menu_event: somebody pressed a button of a card we sent.

The press is kept, then the card is told once that it was taken: its code serves no second call.
"""

from __future__ import annotations

import structlog
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.failpoints import failpoint
from app.intake.handlers import Handler
from app.messaging import words
from app.messaging.card_presses import Press, UpdateOutcome, claim_press, record_update, release_press
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
        if not database.in_transaction(
            lambda session: claim_press(session, press, needs_update=needs_update)
        ):
            return None
        failpoint("card.claimed")
        try:
            outcome = _show_taken(wecom, press, code)
        except WeComRetryable:
            database.in_transaction(lambda session: release_press(session, press.event_key))
            raise
        failpoint("card.called")
        return outcome

    return Handler(look, _apply)


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


def _show_taken(wecom: WeComPort, press: Press, code: str) -> UpdateOutcome:
    """Raises `WeComRetryable` only where WeCom was not reached: then the code is still good."""
    try:
        unknown = wecom.messages.update_card(code, [press.wecom_userid], words.taken())
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
