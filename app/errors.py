"""What a domain may refuse with. No HTTP here: `http.py` maps these once to problem+json."""

from __future__ import annotations


class DomainError(Exception):
    """A refusal that a person can act on.

    `code` is stable and machine-readable; `place` names the field, row or object that is wrong.
    """

    def __init__(self, code: str, *, place: str = "", **details: object) -> None:
        super().__init__(f"{code} at {place}" if place else code)
        self.code = code
        self.place = place
        self.details = details


class NotFound(DomainError):
    """There is no such object, or the actor may not know that there is."""


class Forbidden(DomainError):
    """The actor may see the object but not do this with it."""


class Conflict(DomainError):
    """The request contradicts what is already stored."""


class Invalid(DomainError):
    """The input is wrong; nothing of it was applied."""
