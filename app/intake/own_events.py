"""What the inbox lane does with events of our own: repairs somebody asked for, days of members that were told late."""

from __future__ import annotations

from app.follow_ups.reconciling.repairing import repairs
from app.follow_ups.triggers.told_late import TOLD, enter_told
from app.intake.handlers import Handler, Handlers
from app.sealing import Keyring


def own_handlers(keys: Keyring) -> Handlers:
    """All of them; `keys` open members' own dates."""
    found = {name: Handler(look, apply) for name, (look, apply) in repairs(keys).items()}
    look, apply = enter_told(keys)
    return found | {TOLD: Handler(look, apply)}
