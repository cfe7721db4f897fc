"""The corp's customer tags (企业客户标签) and who carries them (facts 3.5). Not the tags of the contact book."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.wecom.apis.base import Answer, CorpAPI, given, items, needed, number, part, text


@dataclass(frozen=True, slots=True)
class CorpTag:
    """A tag; the larger `order` stands first. `deleted` is told only where it was asked for by id."""

    tag_id: str
    name: str
    order: int
    created_at_s: int
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class TagGroup:
    """A group of tags; one without tags there is not."""

    group_id: str
    name: str
    order: int
    created_at_s: int
    tags: tuple[CorpTag, ...]
    deleted: bool = False


class TagsAPI(CorpAPI):
    """Tags are put by one account on one contact. Only tags this app made can be changed by it (81011)."""

    def groups(self) -> tuple[TagGroup, ...]:
        """All groups with their tags."""
        return self._list({})

    def groups_of(
        self, *, tag_ids: Sequence[str] = (), group_ids: Sequence[str] = ()
    ) -> tuple[TagGroup, ...]:
        """The groups named, deleted ones too; or else those of the tags named, with these tags alone.

        Raises `WeComRejected` 40068 for an id there never was.
        """
        asked = given(tag_id=list(tag_ids) or None, group_id=list(group_ids) or None)
        return self._list(asked) if asked else ()

    def add(
        self, names: Iterable[str], *, group_id: str = "", group_name: str = "", order: int = 0
    ) -> TagGroup:
        """Tags in the group of this id, or of this name, which is made when there is none: with the new tags only.

        Names of at most 30 characters; those the group has already are left as they are.
        """
        path = "externalcontact/add_corp_tag"
        where = {"group_id": group_id} if group_id else {"group_name": group_name, "order": order}
        answer = self._post(path, data={**where, "tag": [{"name": name} for name in names]})
        return _group(path, part(answer, "tag_group"))

    def edit(self, tag_or_group_id: str, *, name: str | None = None, order: int | None = None) -> None:
        """Another name or order; `WeComRejected` 40071 where the name is taken, 81011 where another made it."""
        sent = {"id": tag_or_group_id, **given(name=name, order=order)}
        self._post("externalcontact/edit_corp_tag", data=sent)

    def delete(self, *, tag_ids: Sequence[str] = (), group_ids: Sequence[str] = ()) -> None:
        """Gone from every contact; a group ends with its last tag."""
        sent = {"tag_id": list(tag_ids), "group_id": list(group_ids)}
        self._post("externalcontact/del_corp_tag", data=sent)

    def mark(
        self, wecom_userid: str, external_userid: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> None:
        """Change the tags of this account on this contact; doing it twice is doing it once.

        Raises `WeComRejected` 84061 without a binding and 40068 for an unknown tag, `WeComRetryable` while
        another call marks the same two.
        """
        sent = {"userid": wecom_userid, "external_userid": external_userid}
        self._post(
            "externalcontact/mark_tag", data={**sent, "add_tag": list(add), "remove_tag": list(remove)}
        )

    def _list(self, asked: Answer) -> tuple[TagGroup, ...]:
        path = "externalcontact/get_corp_tag_list"
        answer = self._post(path, data=dict(asked))
        return tuple(_group(path, group) for group in items(answer, "tag_group"))


def _group(path: str, group: Answer) -> TagGroup:
    return TagGroup(
        group_id=needed(path, group, "group_id"),
        name=text(group, "group_name"),
        order=number(group, "order"),
        created_at_s=number(group, "create_time"),
        tags=tuple(_tag(path, tag) for tag in items(group, "tag")),
        deleted=bool(group.get("deleted")),
    )


def _tag(path: str, tag: Answer) -> CorpTag:
    return CorpTag(
        tag_id=needed(path, tag, "id"),
        name=text(tag, "name"),
        order=number(tag, "order"),
        created_at_s=number(tag, "create_time"),
        deleted=bool(tag.get("deleted")),
    )
