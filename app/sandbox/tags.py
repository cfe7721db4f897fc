"""Customer tags through the API (facts 3.5). Changes made here send no event (facts 4.1)."""

from __future__ import annotations

import sqlite3
from typing import Any

from app.sandbox import relations, scope, tag_store
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, list_of, optional_text, text_of, whole_number
from app.sandbox.people import get_person

NAME_LONGEST = 30
ORDER_MOST = 2**32 - 1
AT_ONCE = 10_000


def get_corp_tag_list(call: Call) -> Answer:
    """externalcontact/get_corp_tag_list: all of them, or those of group_id, or else those of tag_id.

    Only a query by id shows what was deleted.
    """
    body = call.body() if call.raw_body.strip() else {}
    groups, tags = _ids(body, "group_id"), _ids(body, "tag_id")
    with call.world.store.reading() as connection:
        if groups:
            found = [_shown(connection, row, deleted=True) for row in _groups(connection, groups)]
        elif tags:
            found = _holding(connection, tags)
        else:
            rows = connection.execute(
                "SELECT * FROM tag_group WHERE NOT deleted ORDER BY sort_order DESC, rowid"
            )
            found = [_shown(connection, row) for row in rows]
    return ok(tag_group=found)


def add_corp_tag(call: Call) -> Answer:
    """externalcontact/add_corp_tag: to the group of group_id, of the name group_name, or a new group of that name.

    Duplicate names collapse; the answer has the new tags only. Raises 40058 for no tag, no group or a name that
    is empty or above 30 characters, 40068 for an unknown group, 40126 above the cap.
    """
    body, agent_id = call.body(), call.app.agent_id
    tags = [_asked_tag(item) for item in list_of(body, "tag", AT_ONCE, 40058)]
    if not tags:
        raise WeComError(40058, "tag")
    with call.world.store.writing() as connection:
        group = _group_asked(connection, call, body)
        added = tag_store.add_tags(connection, call.now, agent_id, group["group_id"], tags)
        return ok(tag_group=_as_group(group, added))


def edit_corp_tag(call: Call) -> Answer:
    """externalcontact/edit_corp_tag: a name or an order for a tag or a group of this app.

    Raises 40068 for an unknown id, 81011 for what another app or the console made, 40071 for a name that is taken.
    """
    body = call.body()
    wanted, name = text_of(body, "id", 40068), _name_of(body, "name") if "name" in body else None
    order = _order_of(body) if "order" in body else None
    with call.world.store.writing() as connection:
        row = _own(call, _tag_or_group(connection, wanted))
        tag_store.rename(connection, row, name, order)
    return ok()


def del_corp_tag(call: Call) -> Answer:
    """externalcontact/del_corp_tag: tags and groups of this app; a group ends with its last tag.

    Raises 40058 when none is named, 40068 for an unknown id, 81011 for what another made: nothing goes then.
    """
    body = call.body()
    tags, groups = _ids(body, "tag_id"), _ids(body, "group_id")
    if not tags and not groups:
        raise WeComError(40058, "tag_id and group_id")
    with call.world.store.writing() as connection:
        rows = [_own(call, tag_store.get_tag(connection, tag_id)) for tag_id in tags]
        for group_id in groups:
            _own(call, tag_store.get_group(connection, group_id))
            tag_store.delete_group(connection, group_id)
        left = [str(row["tag_id"]) for row in rows if row["group_id"] not in groups]
        tag_store.delete_tags(connection, left)
    return ok()


def mark_tag(call: Call) -> Answer:
    """externalcontact/mark_tag: the tags of one member on one customer.

    Raises 40058 for neither tags to add nor to remove, 60111 for nobody in scope, 84061 for no relation, 40068 for an
    unknown tag, 45035 while another call marks the same pair.
    """
    body = call.body()
    userid, external_userid = text_of(body, "userid", 41009), text_of(body, "external_userid", 41035)
    add, remove = _ids(body, "add_tag"), _ids(body, "remove_tag")
    if not add and not remove:
        raise WeComError(40058, "add_tag and remove_tag")
    with call.world.busy.with_pair(userid, external_userid), call.world.store.writing() as connection:
        get_person(connection, userid)
        scope.check(connection, userid, 60111)
        relations.get_relation(connection, userid, external_userid)
        tag_store.mark(connection, userid, external_userid, add, remove)
    return ok()


def _group_asked(connection: sqlite3.Connection, call: Call, body: Body) -> sqlite3.Row:
    """With group_id its name and order are ignored (facts 3.5)."""
    group_id = optional_text(body, "group_id")
    if group_id:
        return tag_store.get_group(connection, group_id)
    name, order = _name_of(body, "group_name"), _order_of(body)
    found = tag_store.find_group_named(connection, name)
    return found or tag_store.add_group(connection, call.now, call.app.agent_id, name, order)


def _asked_tag(item: object) -> tuple[str, int]:
    if not isinstance(item, dict):
        raise WeComError(40058, "tag")
    return _name_of(item, "name"), _order_of(item)


def _name_of(body: Body, field: str) -> str:
    name = text_of(body, field).strip()
    if not name or len(name) > NAME_LONGEST:
        raise WeComError(40058, f"{field}: 1 to {NAME_LONGEST} characters")
    return name


def _order_of(body: Body) -> int:
    order = whole_number(body, "order", 0)
    if not 0 <= order <= ORDER_MOST:
        raise WeComError(40058, "order")
    return order


def _ids(body: Body, field: str) -> list[str]:
    ids = list_of(body, field, AT_ONCE, 40058)
    if not all(isinstance(one, str) for one in ids):
        raise WeComError(40058, field)
    return list(dict.fromkeys(one for one in ids if one))


def _own(call: Call, row: sqlite3.Row) -> sqlite3.Row:
    if row["agent_id"] != call.app.agent_id:
        raise WeComError(81011)
    return row


def _tag_or_group(connection: sqlite3.Connection, wanted: str) -> sqlite3.Row:
    try:
        return tag_store.get_tag(connection, wanted)
    except WeComError:
        return tag_store.get_group(connection, wanted)


def _groups(connection: sqlite3.Connection, ids: list[str]) -> list[sqlite3.Row]:
    rows = [
        connection.execute("SELECT * FROM tag_group WHERE group_id = ?", (group_id,)).fetchone()
        for group_id in ids
    ]
    if None in rows:
        raise WeComError(40068)
    return rows


def _holding(connection: sqlite3.Connection, tag_ids: list[str]) -> list[dict[str, Any]]:
    """The groups of these tags, each with those asked for alone."""
    rows = [
        connection.execute("SELECT * FROM tag WHERE tag_id = ?", (tag_id,)).fetchone() for tag_id in tag_ids
    ]
    if None in rows:
        raise WeComError(40068)
    groups = _groups(connection, list(dict.fromkeys(row["group_id"] for row in rows)))
    return [
        _as_group(group, [row for row in rows if row["group_id"] == group["group_id"]], deleted=True)
        for group in groups
    ]


def _shown(connection: sqlite3.Connection, group: sqlite3.Row, *, deleted: bool = False) -> dict[str, Any]:
    return _as_group(
        group, tag_store.tags_of(connection, group["group_id"], deleted=deleted), deleted=deleted
    )


def _as_group(group: sqlite3.Row, tags: list[sqlite3.Row], *, deleted: bool = False) -> dict[str, Any]:
    shown = {"group_id": group["group_id"], "group_name": group["name"], **_common(group, deleted)}
    return {
        **shown,
        "tag": [{"id": tag["tag_id"], "name": tag["name"], **_common(tag, deleted)} for tag in tags],
    }


def _common(row: sqlite3.Row, deleted: bool) -> dict[str, Any]:
    common = {"create_time": row["created_at_s"], "order": row["sort_order"]}
    return {**common, "deleted": bool(row["deleted"])} if deleted else common


ENDPOINTS = {
    "externalcontact/get_corp_tag_list": Endpoint(
        get_corp_tag_list, post=True, contacts=True, lists=("tag_group",)
    ),
    "externalcontact/add_corp_tag": Endpoint(add_corp_tag, post=True, contacts=True),
    "externalcontact/edit_corp_tag": Endpoint(edit_corp_tag, post=True, contacts=True),
    "externalcontact/del_corp_tag": Endpoint(del_corp_tag, post=True, contacts=True),
    "externalcontact/mark_tag": Endpoint(mark_tag, post=True, contacts=True),
}
