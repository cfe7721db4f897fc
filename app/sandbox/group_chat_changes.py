"""What people do with customer groups on their phones, and the events of it (facts 4.3, change_external_chat)."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.sandbox import join_ways
from app.sandbox.callbacks import emit
from app.sandbox.group_chats import EXTERNAL, INTERNAL, find_group
from app.sandbox.people import find_person
from app.sandbox.relations import GraphRefused

DIRECTLY, BY_LINK, BY_QR = 1, 2, 3  # join_scene of groupchat/get
INVITED, SCANNED = 0, 3  # JoinScene of the event
LEFT_THEMSELVES, REMOVED = 0, 1  # QuitScene


@dataclass(frozen=True)
class Joining:
    """How somebody comes in: groupchat/get's join_scene, the event's JoinScene, who invited, the code's state."""

    join_scene: int = DIRECTLY
    event_scene: int = INVITED
    invitor: str = ""
    state: str = ""


def create(
    connection: sqlite3.Connection, now: int, owner: str, name: str, members: Iterable[str] = ()
) -> str:
    """A member makes a group of customers and colleagues; its chat_id. Event: create."""
    person = find_person(connection, owner)
    if person is None:
        raise GraphRefused("没有这位员工")
    chat_id = f"wr{secrets.token_hex(15)}"
    connection.execute(
        """INSERT INTO group_chat (chat_id, opengid, name, owner, notice, created_at, member_version, inherited)
           VALUES (?, ?, ?, ?, '', ?, ?, 0)""",
        (chat_id, f"og{secrets.token_hex(14)}", name, person["userid"], now, _version()),
    )
    for userid in dict.fromkeys([person["userid"], *members]):
        _put_member(connection, now, chat_id, userid, Joining(invitor=person["userid"]))
    _tell(connection, now, "create", chat_id)
    return chat_id


def add_members(
    connection: sqlite3.Connection,
    now: int,
    chat_id: str,
    userids: Sequence[str],
    joining: Joining | None = None,
) -> None:
    """People come in; those there already stay as they are. Event: update, add_member."""
    _get(connection, chat_id)
    there = _members(connection, chat_id)
    come = [userid for userid in dict.fromkeys(userids) if userid.lower() not in there]
    joining = joining or Joining()
    for userid in come:
        _put_member(connection, now, chat_id, userid, joining)
    if come:
        _tell_members(connection, now, chat_id, "add_member", come, {"JoinScene": joining.event_scene})


def remove_members(
    connection: sqlite3.Connection,
    now: int,
    chat_id: str,
    userids: Sequence[str],
    quit_scene: int = LEFT_THEMSELVES,
) -> None:
    """People leave, or are removed. Event: update, del_member. The owner cannot leave."""
    group = _get(connection, chat_id)
    if group["owner"].lower() in {userid.lower() for userid in userids}:
        raise GraphRefused("群主不能退群")
    there = _members(connection, chat_id)
    gone = [userid for userid in dict.fromkeys(userids) if userid.lower() in there]
    for userid in gone:
        connection.execute(
            "UPDATE group_chat_member SET left_at = ? WHERE chat_id = ? AND userid = ?",
            (now, chat_id, userid),
        )
    if gone:
        _tell_members(connection, now, chat_id, "del_member", gone, {"QuitScene": quit_scene})


def rename(connection: sqlite3.Connection, now: int, chat_id: str, name: str) -> None:
    """Event: update, change_name."""
    _get(connection, chat_id)
    connection.execute("UPDATE group_chat SET name = ? WHERE chat_id = ?", (name, chat_id))
    _tell(connection, now, "update", chat_id, UpdateDetail="change_name")


def put_notice(connection: sqlite3.Connection, now: int, chat_id: str, notice: str) -> None:
    """The group's notice (群公告). Event: update, change_notice."""
    _get(connection, chat_id)
    connection.execute("UPDATE group_chat SET notice = ? WHERE chat_id = ?", (notice, chat_id))
    _tell(connection, now, "update", chat_id, UpdateDetail="change_notice")


def change_owner(connection: sqlite3.Connection, now: int, chat_id: str, owner: str) -> None:
    """The owner gives the group to a colleague in it. Event: update, change_owner."""
    _get(connection, chat_id)
    person = find_person(connection, owner)
    if person is None or owner.lower() not in _members(connection, chat_id):
        raise GraphRefused("新群主须是群里的员工")
    connection.execute("UPDATE group_chat SET owner = ? WHERE chat_id = ?", (person["userid"], chat_id))
    _tell(connection, now, "update", chat_id, UpdateDetail="change_owner")


def dismiss(connection: sqlite3.Connection, now: int, chat_id: str) -> None:
    """The group is no more. Event: dismiss."""
    _get(connection, chat_id)
    connection.execute("UPDATE group_chat SET dismissed_at = ? WHERE chat_id = ?", (now, chat_id))
    _tell(connection, now, "dismiss", chat_id)


def join_by_code(connection: sqlite3.Connection, now: int, external_userid: str, config_id: str) -> str:
    """A customer scans a way to join and comes into its first group that is still there; its chat_id."""
    way = join_ways.find_way(connection, config_id.rstrip("/").rpartition("/")[2])
    groups = [one for one in way["chat_id_list"] if find_group(connection, one)] if way else []
    if way is None or not groups:
        raise GraphRefused("这个入群码已失效")
    joining = Joining(BY_QR, SCANNED, state=way["state"])
    add_members(connection, now, groups[0], [external_userid], joining)
    return str(groups[0])


def say(connection: sqlite3.Connection, now: int, chat_id: str, sender: str, content: str) -> None:
    """Somebody in the group says something; no event of it exists."""
    _get(connection, chat_id)
    if sender.lower() not in _members(connection, chat_id):
        raise GraphRefused("不在群里")
    connection.execute(
        """INSERT INTO group_chat_message (chat_id, sender, msgtype, body, sent_at)
           VALUES (?, ?, 'text', json_object('content', ?), ?)""",
        (chat_id, sender, content, now),
    )


def _get(connection: sqlite3.Connection, chat_id: str) -> sqlite3.Row:
    group = find_group(connection, chat_id)
    if group is None:
        raise GraphRefused("没有这个群")
    return group


def _members(connection: sqlite3.Connection, chat_id: str) -> set[str]:
    rows = connection.execute(
        "SELECT userid FROM group_chat_member WHERE chat_id = ? AND left_at IS NULL", (chat_id,)
    )
    return {row["userid"].lower() for row in rows}


def _put_member(
    connection: sqlite3.Connection, now: int, chat_id: str, userid: str, joining: Joining
) -> None:
    kind = EXTERNAL if userid.startswith(("wm", "wo")) and not find_person(connection, userid) else INTERNAL
    connection.execute(
        """INSERT INTO group_chat_member VALUES (?, ?, ?, ?, ?, ?, '', ?, 0, NULL)
           ON CONFLICT (chat_id, userid) DO UPDATE SET joined_at = excluded.joined_at, left_at = NULL,
               join_scene = excluded.join_scene, invitor = excluded.invitor, state = excluded.state""",
        (chat_id, userid, kind, now, joining.join_scene, joining.invitor, joining.state),
    )


def _tell_members(
    connection: sqlite3.Connection,
    now: int,
    chat_id: str,
    detail: str,
    userids: Sequence[str],
    scene: dict[str, int],
) -> None:
    before, after = _get(connection, chat_id)["member_version"], _version()
    connection.execute("UPDATE group_chat SET member_version = ? WHERE chat_id = ?", (after, chat_id))
    _tell(
        connection,
        now,
        "update",
        chat_id,
        UpdateDetail=detail,
        **scene,
        MemChangeCnt=len(userids),
        MemChangeList={"Item": list(userids)},
        LastMemVer=before,
        CurMemVer=after,
    )


def _tell(connection: sqlite3.Connection, now: int, change: str, chat_id: str, **fields: Any) -> None:
    event = {"Event": "change_external_chat", "ChatId": chat_id, "ChangeType": change}
    emit(connection, now, {**event, **fields})


def _version() -> str:
    return secrets.token_hex(16)
