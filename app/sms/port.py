"""What a gateway of text messages does for us, and how it may fail. No tables, no framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NewSms:
    """A message to one number (E.164): a template the gateway has approved, and what its variables stand for.

    `request_id` is ours, new for every message, and goes with it: by it the message is found again.
    """

    number: str = field(repr=False)
    template: str
    variables: Mapping[str, str] = field(repr=False)
    request_id: str


class Arrival(StrEnum):
    """What the network says of a message that the gateway took."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message that the gateway has, under its own id, and whether it arrived; `reason` is the network's code."""

    gateway_id: str
    arrival: Arrival = Arrival.WAITING
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SmsAnswer:
    """What somebody wrote back, and from which number, as the gateway tells it under its own `answer_id`.

    `sent_at` is None where it does not say when.
    """

    answer_id: str
    number: str = field(repr=False)
    words: str = field(repr=False)
    sent_at: datetime | None


class SmsError(Exception):
    """A call did not succeed. The text names neither number nor words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class SmsUnsent(SmsError):
    """Surely not taken, and it may be tried again, at the earliest after `wait_s` seconds."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class SmsMisconfigured(SmsUnsent):
    """The account, its key or its signature is wrong: nothing goes out until somebody mends that."""


class SmsLost(SmsError):
    """No answer, or none that can be read: it may have been taken. It must be looked for, never sent again."""


class SmsRefused(SmsError):
    """Not taken, and never will be: this number, these words."""


class SmsPort(Protocol):
    """A gateway. Safe for all threads of a process; each call ends well within a minute."""

    def send(self, message: NewSms) -> Receipt:
        """Hand it over, once: nothing is repeated in here. Raises each kind of `SmsError`."""
        ...

    def find(self, number: str, request_id: str, sent_at: datetime) -> Receipt | None:
        """The message with this request id, sent about then; None where the gateway has none.

        Raises `SmsError`, which says nothing of the message.
        """
        ...


class NoGateway:
    """Where no gateway is set: every message is refused, so that its task says so instead of waiting."""

    def send(self, message: NewSms) -> Receipt:
        raise SmsRefused("no gateway is set")

    def find(self, number: str, request_id: str, sent_at: datetime) -> Receipt | None:
        return None
