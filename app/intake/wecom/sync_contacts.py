"""Comparing the contacts of some associates with what WeCom lists.

The listing only finds what differs. What we do not have yet is written from it; everything else is looked at once more,
alone, and written only if nobody wrote meanwhile: a listing of minutes ago overwrites no event's news, and nothing ends
because a listing was short. People whose listing fails, and contacts whose look is refused, are counted and keep what
they have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.handover.transfers import follow_transfers
from app.intake.wecom.contacts import look_at_contact, note_contact, write_contact
from app.intake.wecom.member_news import hold_members
from app.members.contacts import Change, Sight, StaleSight, people_by_userid
from app.members.models import ContactBinding, ExternalContact
from app.tagging.models import BindingTag
from app.wecom.apis.contacts import Contact, Followed
from app.wecom.errors import WeComMisconfigured, WeComRejected
from app.wecom.port import WeComPort

MOST_PEOPLE = 100
# Ids held in memory while a chunk is compared; a person alone may have more.
MOST_BINDINGS = 20_000
PAGE = 100
AT_ONCE = 10  # new contacts written in one transaction: other writers of an SQLite file wait for it
TRIES = 3

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Comparison:
    """What comparing came to: changes of bindings by kind, and the accounts whose listing failed, with the reason.

    `refused`: contacts that WeCom does not let us look at, with the reason.
    """

    changes: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def next_chunk(session: Session, userids: Sequence[str]) -> dict[str, int]:
    """The first of these accounts to compare together, with the associates they are; accounts not ours come as 0.

    At most a hundred, and so few that their bindings as we know them fit in memory.
    """
    chunk: dict[str, int] = {}
    first = userids[:MOST_PEOPLE]
    people = people_by_userid(session, first)
    query = select(ContactBinding.associate_id, func.count()).group_by(ContactBinding.associate_id)
    sizes = dict(session.execute(query.where(ContactBinding.associate_id.in_(sorted(people.values())))).all())
    held = 0
    for userid in first:
        held += sizes.get(people.get(userid, 0), 0)
        if chunk and held > MOST_BINDINGS:
            break
        chunk[userid] = people.get(userid, 0)
    return chunk


def compare_people(
    database: Database, wecom: WeComPort, people: Mapping[str, int], after_page: Callable[[], None]
) -> Comparison:
    """Compare all bindings of these people (account → associate id); `after_page` is called while it goes on.

    Raises `WeComRetryable` and `WeComMisconfigured`; everything may be repeated.
    """
    result = Comparison()
    listed = _list(database, wecom, people, result, after_page)
    for userid, seen in listed.items():
        for external_userid in _not_listed(database, people[userid], seen):
            _mend(database, wecom, external_userid, people[userid], result)
            after_page()
    return result


def _list(
    database: Database,
    wecom: WeComPort,
    people: Mapping[str, int],
    result: Comparison,
    after_page: Callable[[], None],
) -> dict[str, set[str]]:
    """Whom WeCom lists, by account. Where it refuses some together, they are asked for one by one."""
    if not people:
        return {}
    seen: dict[str, set[str]] = {userid: set() for userid in people}
    try:
        for page in _pages(wecom.contacts.of_users(list(people))):
            for one in page:
                seen.setdefault(one.binding.wecom_userid, set()).add(one.profile.external_userid)
            _compare_page(database, wecom, people, page, result)
            after_page()
    except WeComMisconfigured:
        raise
    except WeComRejected as error:
        if len(people) > 1:
            alone = [
                _list(database, wecom, {userid: its}, result, after_page) for userid, its in people.items()
            ]
            return {userid: ids for each in alone for userid, ids in each.items()}
        (userid,) = people
        log.warning("contacts_not_listed", wecom_userid=userid, reason=str(error))
        result.failed[userid] = str(error)
        return {}
    return {userid: seen[userid] for userid in people}


def _pages(listed: Iterator[Followed]) -> Iterator[list[Followed]]:
    while page := list(islice(listed, PAGE)):
        yield page


def _compare_page(
    database: Database,
    wecom: WeComPort,
    people: Mapping[str, int],
    page: Sequence[Followed],
    result: Comparison,
) -> None:
    ours = [one for one in page if one.binding.wecom_userid in people]
    result.changes["seen"] += len(ours)
    with database.reading() as session:
        known = _known(session, people, ours)
    fresh = [one for one in ours if _pair(people, one) not in known]
    late: list[Followed] = []
    for start in range(0, len(fresh), AT_ONCE):
        some = fresh[start : start + AT_ONCE]
        added, known_now = database.in_transaction(lambda session: _add(session, people, some))  # noqa: B023 - runs now
        result.changes.update(added)
        late += known_now
    differing = [one for one in ours if (row := known.get(_pair(people, one))) and _differs(row, one)]
    for one in (*differing, *late):
        _mend(database, wecom, one.profile.external_userid, people[one.binding.wecom_userid], result)


def _add(
    session: Session, people: Mapping[str, int], fresh: Sequence[Followed]
) -> tuple[Counter[str], list[Followed]]:
    """Write bindings we have no row of; one that got its row meanwhile is left to a look.

    Whose the members are is followed last and for all at once: that locks rows of associates.
    """
    now = clock.now(session)
    hold_members(session, {one.profile.external_userid for one in fresh})
    known = _known(session, people, fresh)
    added: Counter[str] = Counter()
    late: list[Followed] = []
    members: set[int] = set()
    for one in sorted(fresh, key=lambda one: one.profile.external_userid):
        if _pair(people, one) in known:
            late.append(one)
            continue
        sight = Sight(one.profile.external_userid, Contact(one.profile, (one.binding,)))
        member_id, changes = note_contact(session, sight, now)
        added.update(changes)
        if member_id is not None:
            members.add(member_id)
    follow_transfers(session, members, now)
    del added[Change.NONE]
    return added, late


@dataclass(frozen=True, slots=True)
class _Row:
    """What we have of a listed binding."""

    values: tuple[Any, ...]
    tag_ids: frozenset[str]
    bound_at: datetime | None


def _known(
    session: Session, people: Mapping[str, int], listed: Iterable[Followed]
) -> dict[tuple[str, int], _Row]:
    wanted = sorted({one.profile.external_userid for one in listed})
    query = (
        select(ExternalContact, ContactBinding)
        .join(ContactBinding, ContactBinding.external_contact_id == ExternalContact.id)
        .where(ExternalContact.external_userid.in_(wanted))
        .where(ContactBinding.associate_id.in_(sorted(people.values())))
    )
    rows = session.execute(query).all()
    tags: dict[int, set[str]] = {binding.id: set() for _, binding in rows}
    marked = select(BindingTag.binding_id, BindingTag.wecom_tag_id)
    for binding_id, tag_id in session.execute(marked.where(BindingTag.binding_id.in_(sorted(tags)))):
        tags[binding_id].add(tag_id)
    return {
        (contact.external_userid, binding.associate_id): _Row(
            _values(contact, binding), frozenset(tags[binding.id]), binding.bound_at
        )
        for contact, binding in rows
    }


def _values(contact: ExternalContact, binding: ContactBinding) -> tuple[Any, ...]:
    is_there = binding.ended_at is None and not binding.is_half and binding.bound_at is not None
    profile = (contact.name, contact.avatar, contact.unionid, contact.is_wechat)
    return (*profile, binding.remark, binding.state, binding.add_way, is_there)


def _differs(row: _Row, one: Followed) -> bool:
    """A later time alone is news as well: a customer who had left was added again, and no event told."""
    profile, binding = one.profile, one.binding
    unionid = profile.unionid[:64] if profile.unionid else None
    listed = (profile.name[:128], profile.avatar[:512], unionid, profile.is_wechat)
    noted = (binding.remark[:64], binding.state[:64], binding.add_way, True)
    listed_at = clock.instant_of(binding.bound_at_s)
    is_later = row.bound_at is not None and listed_at > row.bound_at
    return row.values != (*listed, *noted) or row.tag_ids != binding.tag_ids or is_later


def _pair(people: Mapping[str, int], one: Followed) -> tuple[str, int]:
    return one.profile.external_userid, people[one.binding.wecom_userid]


def _not_listed(database: Database, associate_id: int, seen: Collection[str]) -> list[str]:
    """Bindings of theirs that we hold for alive; half-added ones are listed nowhere (facts 3.4)."""
    query = (
        select(ExternalContact.external_userid)
        .join(ContactBinding, ContactBinding.external_contact_id == ExternalContact.id)
        .where(ContactBinding.associate_id == associate_id)
        .where(ContactBinding.ended_at.is_(None), ContactBinding.is_half.is_(False))
    )
    with database.reading() as session:
        return [external_userid for external_userid in session.scalars(query) if external_userid not in seen]


def _mend(
    database: Database, wecom: WeComPort, external_userid: str, associate_id: int, result: Comparison
) -> None:
    """Look at one contact alone; one that WeCom refuses to show holds up nobody else's."""
    try:
        result.changes.update(_look_again(database, wecom, external_userid, associate_id))
    except WeComMisconfigured:
        raise
    except WeComRejected as error:
        log.warning("contact_not_shown", external_userid=external_userid, reason=str(error))
        result.changes["failed"] += 1
        result.refused[external_userid] = str(error)


def _look_again(
    database: Database, wecom: WeComPort, external_userid: str, associate_id: int
) -> Counter[str]:
    """Look and write it down; the changes. Raises `StaleSight` where others write all the time."""
    for attempt in range(1, TRIES + 1):
        seen = look_at_contact(database, wecom, external_userid)
        sight = Sight(external_userid, seen.contact, [associate_id], version=seen.version)
        try:
            written = database.in_transaction(
                lambda session: write_contact(session, sight, clock.now(session))  # noqa: B023 - runs now
            )
        except StaleSight:
            if attempt == TRIES:
                raise
            continue
        return Counter(each for each in written if each != Change.NONE)
    raise AssertionError("unreachable")
