"""What the inbox lane does with events of our own: repairs, work that is taken up again, days that were told late."""

from __future__ import annotations

from app.follow_ups.reconciling.repairing import repairs
from app.follow_ups.taking_up import TAKE_UP, taking_up
from app.follow_ups.triggers.told_late import TOLD, enter_told
from app.intake.handlers import Handler, Handlers
from app.sealing import Keyring


def own_handlers(keys: Keyring) -> Handlers:
    """All of them; `keys` open members' own dates."""
    found = {name: Handler(look, apply) for name, (look, apply) in repairs(keys).items()}
    return found | {TOLD: Handler(*enter_told(keys)), TAKE_UP: Handler(*taking_up(keys))}
