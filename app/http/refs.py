"""Ids as they come in addresses. A refusal repeats what was given and never says an id of ours."""

from __future__ import annotations

from app.errors import NotFound
from app.http.parts import current_public_ids

LONGEST_SHOWN = 40


def read_ref(kind: str, ref: str) -> int:
    """The id behind a reference. Raises `NotFound` at the reference as given."""
    try:
        return current_public_ids().decode(kind, ref)
    except NotFound as error:
        raise NotFound(error.code, place=ref[:LONGEST_SHOWN]) from None
