"""Answers to text messages in the spool: as the inbox would keep them, a line each. Nobody reads a number in them."""

from __future__ import annotations

from collections.abc import Sequence

from app.callbacks.spool import Envelope
from app.inbound.models import SMS_GATEWAY
from app.wecom.callbacks import WeComEvent


def envelope_of(events: Sequence[WeComEvent]) -> Envelope:
    """As one file of the spool."""
    lines = "\n".join(event.encode() for event in events)
    return Envelope(SMS_GATEWAY, "", "", lines.encode())


def answers_in(envelope: Envelope) -> list[WeComEvent] | None:
    """The answers in it; None where it is one of WeCom's, whose signatures are 40 digits. Raises `BadCallback`."""
    if envelope.signature != SMS_GATEWAY:
        return None
    return [WeComEvent.decode(line) for line in envelope.body.decode(errors="replace").split("\n")]
