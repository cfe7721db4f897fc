"""What an event of WeCom's makes us do, in two halves: look without a transaction, apply within one.

The state of a contact is re-read from WeCom, never derived from the order of events: `look` asks for it, `apply` writes
what was seen. Which event has which handler stands in wecom_events.py; running them is inbox.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.wecom.callbacks import WeComEvent
from app.wecom.port import WeComPort


@dataclass(frozen=True, slots=True)
class Handler:
    """Both halves may run more than once for one event, e.g. after a crash; only one `apply` is ever committed.

    `look` raises what the port raises; what it returns is handed to `apply`, which only flushes.
    """

    look: Callable[[WeComPort, WeComEvent], Any]
    apply: Callable[[Session, WeComEvent, Any], None]


# By "event:change" ("change_external_contact:add_external_contact"), or by "event" for all its changes.
Handlers = Mapping[str, Handler]


def find_handler(handlers: Handlers, event: WeComEvent) -> Handler | None:
    """The handler of exactly this change, else of the whole event, else None."""
    return handlers.get(f"{event.name}:{event.change}") or handlers.get(event.name)
