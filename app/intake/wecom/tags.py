"""change_external_tag: made, renamed, deleted or moved, the corp's tags are read anew as a whole.

Events of two tags are about one thing, the vocabulary, and the nightly sync writes it too: what was seen before
somebody else's writing is not written.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.intake.handlers import Handler
from app.tagging.service import lock_vocabulary, vocabulary_version, write_vocabulary
from app.wecom.apis.tags import TagGroup
from app.wecom.callbacks import WeComEvent
from app.wecom.errors import WeComRetryable
from app.wecom.port import WeComPort


@dataclass(frozen=True, slots=True)
class SeenTags:
    """All groups, and the version of our vocabulary before they were asked for."""

    groups: tuple[TagGroup, ...]
    version: int


def look_at_tags(database: Database, wecom: WeComPort) -> SeenTags:
    """The corp's tags now. Raises as the port does."""
    with database.reading() as session:
        version = vocabulary_version(session)
    return SeenTags(wecom.tags.groups(), version)


def write_tags(session: Session, seen: SeenTags) -> dict[str, int]:
    """Write them down; what changed, by kind. Raises `WeComRetryable` where somebody wrote since the look."""
    if lock_vocabulary(session).version != seen.version:
        raise WeComRetryable("externalcontact/get_corp_tag_list", "written by another look meanwhile")
    return dict(write_vocabulary(session, seen.groups, clock.now(session)))


def tag_handler(database: Database) -> Handler:
    """The handler of every change of a tag or group."""

    def look(wecom: WeComPort, _event: WeComEvent) -> SeenTags:
        return look_at_tags(database, wecom)

    def apply(session: Session, _event: WeComEvent, seen: SeenTags) -> None:
        write_tags(session, seen)

    return Handler(look, apply)
