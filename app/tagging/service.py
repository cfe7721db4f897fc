"""Writing tags down as WeCom shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.db import insert_rows
from app.ids import new_id
from app.tagging.models import BindingTag, Tag, TagGroup, TagVocabulary
from app.wecom.apis import tags as wecom_tags

ROW = 1


def vocabulary_version(session: Session) -> int:
    """The version of what we have of the corp's tags; 0 before the first look."""
    return session.scalar(select(TagVocabulary.version)) or 0


def lock_vocabulary(session: Session) -> TagVocabulary:
    """The one row, made where it is missing, locked until the transaction ends."""
    query = select(TagVocabulary).where(TagVocabulary.id == ROW).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        row = TagVocabulary(id=ROW, version=0)
        session.add(row)
        session.flush()
    return row


def write_vocabulary(
    session: Session, groups: Collection[wecom_tags.TagGroup], now: datetime
) -> Counter[str]:
    """Bring all groups and tags to what WeCom shows; what it shows no more is ended. Returns what changed, by kind.

    `groups` are all there are. Kinds: seen, added, changed, ended.
    """
    counts: Counter[str] = Counter()
    vocabulary = lock_vocabulary(session)
    known_groups = {row.wecom_id: row for row in session.scalars(select(TagGroup))}
    known_tags = {row.wecom_id: row for row in session.scalars(select(Tag))}
    for group in groups:
        row = known_groups.pop(group.group_id, None) or _added(
            session, counts, TagGroup(id=new_id(session), wecom_id=group.group_id)
        )
        _settle(row, {"name": group.name[:64], "position": group.order, "ended_at": None}, counts)
        session.flush()
        for tag in group.tags:
            its = known_tags.pop(tag.tag_id, None) or _added(
                session, counts, Tag(id=new_id(session), wecom_id=tag.tag_id)
            )
            wanted = {"name": tag.name[:64], "position": tag.order, "group_id": row.id, "ended_at": None}
            _settle(its, wanted, counts)
    leftover: list[TagGroup | Tag] = [*known_groups.values(), *known_tags.values()]
    for gone in leftover:
        if gone.ended_at is None:
            gone.ended_at = now
            counts["ended"] += 1
    vocabulary.version += 1
    session.flush()
    return counts


def _added(session: Session, counts: Counter[str], row: TagGroup | Tag) -> TagGroup | Tag:
    session.add(row)
    counts["added"] += 1
    return row


def _settle(row: TagGroup | Tag, wanted: Mapping[str, object], counts: Counter[str]) -> None:
    counts["seen"] += 1
    is_new = row.name is None
    differs = [name for name, value in wanted.items() if getattr(row, name) != value]
    for name in differs:
        setattr(row, name, wanted[name])
    if differs and not is_new:
        counts["changed"] += 1


def put_tags(session: Session, marked: Mapping[int, frozenset[str]]) -> list[tuple[int, str]]:
    """Bindings carry exactly these corp tags (by WeCom's ids); returns what was put on, by binding."""
    query = select(BindingTag.binding_id, BindingTag.wecom_tag_id)
    carried: dict[int, set[str]] = {binding_id: set() for binding_id in marked}
    for binding_id, tag_id in session.execute(query.where(BindingTag.binding_id.in_(sorted(marked)))):
        carried[binding_id].add(tag_id)
    changed = [binding_id for binding_id in sorted(marked) if carried[binding_id] != marked[binding_id]]
    for binding_id in changed:
        _take_off(session, binding_id, carried[binding_id] - marked[binding_id])
    fresh = [(each, tag_id) for each in changed for tag_id in sorted(marked[each] - carried[each])]
    insert_rows(session, BindingTag, [{"binding_id": each, "wecom_tag_id": tag_id} for each, tag_id in fresh])
    return fresh


def tag_names(session: Session, wecom_ids: Iterable[str]) -> dict[str, str]:
    """What these tags are called, of those the vocabulary knows."""
    query = select(Tag.wecom_id, Tag.name).where(Tag.wecom_id.in_(sorted(set(wecom_ids))))
    return dict(session.execute(query).all())


def _take_off(session: Session, binding_id: int, tag_ids: Iterable[str]) -> None:
    wanted = sorted(tag_ids)
    if wanted:
        gone = delete(BindingTag).where(BindingTag.binding_id == binding_id)
        gone = gone.where(BindingTag.wecom_tag_id.in_(wanted))
        session.execute(gone.execution_options(synchronize_session=False))
