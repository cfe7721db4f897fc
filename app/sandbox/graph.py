"""What members and customers do with each other on their phones, and the events WeCom sends about it (facts 4.2).

Every function works in the caller's write transaction; `now` is the virtual time in microseconds. What cannot
happen raises `GraphRefused` with words for people. Changes made through the API are elsewhere: they send no event.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.sandbox import contact_way_store, relations, scope, tag_store, welcome_codes
from app.sandbox.answers import WeComError
from app.sandbox.callbacks import emit
from app.sandbox.calls import World
from app.sandbox.people import find_person
from app.sandbox.relations import GraphRefused, Source, Stage

QR_CODE = 1  # an add_way (facts 3.4)
NOTES = {"remark": 20, "description": 150, "remark_company": 20}
MOBILES_MOST = 5


class Outcome(StrEnum):
    """ADDED: both have each other · HALF: added without asking, not confirmed · ASKED: waits for the member ·
    KNOWN: they had each other before, nothing happened · TEMPORARY: a temporary chat, no relation."""

    ADDED = "added"
    HALF = "half"
    ASKED = "asked"
    KNOWN = "known"
    TEMPORARY = "temporary"


@dataclass(frozen=True)
class Met:
    """Who met whom and how; `welcome_code` is "" where the event has none."""

    outcome: Outcome
    userid: str
    external_userid: str
    welcome_code: str = ""


def scan(
    connection: sqlite3.Connection,
    world: World,
    now: int,
    external_userid_or_new_name: str,
    code_key: str,
    *,
    half: bool = False,
) -> Met:
    """A customer scans the QR code of a contact way: `code_key` is its config_id or its whole URL.

    With skip_verify the two are connected at once; `half` leaves the member's confirmation open. Without
    it the member is asked (`accept_half`). A customer whom an exclusive way's corp knows gets that member.
    """
    way = contact_way_store.find_way(connection, now, code_key.strip().rstrip("/").rpartition("/")[2])
    if way is None:
        raise GraphRefused("这个二维码已失效")
    external_userid = relations.meet_customer(connection, external_userid_or_new_name)
    userid = contact_way_store.choose_member(connection, way, external_userid)
    if userid is None:
        raise GraphRefused("这个二维码暂时没有可添加的员工")
    contact_way_store.count_scan(connection, way.config_id, userid)
    if way.body["is_temp"]:
        contact_way_store.open_temp(connection, now, way, userid, external_userid)
        return Met(Outcome.TEMPORARY, userid, external_userid)
    at_once = way.body["skip_verify"]
    return _meet(connection, world, now, _Meeting(userid, external_userid, way.body["state"], at_once, half))


def add(
    connection: sqlite3.Connection,
    world: World,
    now: int,
    userid: str,
    external_userid: str,
    *,
    add_way: int,
    state: str = "",
    by_associate: bool = False,
) -> Met:
    """The two have each other now, from whatever stage: add_external_contact, with a WelcomeCode when due."""
    person = find_person(connection, userid)
    if person is None:
        raise GraphRefused("没有这位员工")
    relation = relations.find_relation(connection, userid, external_userid)
    if relation is not None and relation["stage"] == Stage.MUTUAL:
        return Met(Outcome.KNOWN, person["userid"], external_userid)
    if relation is None or relation["stage"] == Stage.ONE_WAY:
        welcome_codes.forget(connection, userid, external_userid)
        source = Source(add_way, state, by_associate)
        relations.begin(connection, now, person["userid"], external_userid, source, Stage.MUTUAL)
    else:
        relations.confirm(connection, now, userid, external_userid)
    return _tell_added(connection, world, now, Met(Outcome.ADDED, person["userid"], external_userid), state)


def add_half(
    connection: sqlite3.Connection, world: World, now: int, userid: str, external_userid: str, source: Source
) -> Met:
    """The customer added the member without asking; the member has not confirmed: add_half_external_contact."""
    welcome_codes.forget(connection, userid, external_userid)
    relations.begin(connection, now, userid, external_userid, source, Stage.HALF)
    return _tell_added(connection, world, now, Met(Outcome.HALF, userid, external_userid), source.state)


def accept_half(
    connection: sqlite3.Connection, world: World, now: int, userid: str, external_userid: str
) -> Met:
    """The member confirms a half relation, or accepts a request."""
    relation = relations.find_relation(connection, userid, external_userid)
    if relation is not None and relation["stage"] == Stage.HALF:
        found = Source(relation["add_way"], relation["state"])
    else:
        request = relations.request_of(connection, userid, external_userid)
        if request is None:
            raise GraphRefused("没有待通过的好友申请")
        found = request
    return add(connection, world, now, userid, external_userid, add_way=found.add_way, state=found.state)


def delete_by_associate(
    connection: sqlite3.Connection, now: int, userid: str, external_userid: str, *, source: str = ""
) -> None:
    """The member deletes the customer: del_external_contact; every API answers 84061 from now on.

    `source` is DELETE_BY_TRANSFER where a handover is the cause (facts 4.2).
    """
    relation = _known(connection, userid, external_userid)
    relations.end(connection, userid, external_userid)
    _tell(connection, now, "del_external_contact", relation, Source=source)


def delete_by_customer(connection: sqlite3.Connection, now: int, userid: str, external_userid: str) -> None:
    """The customer deletes the member: del_follow_user; the member keeps the customer, the API works on."""
    relation = _known(connection, userid, external_userid)
    if relation["stage"] == Stage.ONE_WAY:
        raise GraphRefused("对方已经删除了你")
    if relation["stage"] == Stage.HALF:
        relations.end(connection, userid, external_userid)
    else:
        relations.move_to(connection, userid, external_userid, Stage.ONE_WAY)
    _tell(connection, now, "del_follow_user", relation)


def edit_remark_in_client(
    connection: sqlite3.Connection,
    now: int,
    userid: str,
    external_userid: str,
    *,
    remark_mobiles: Iterable[str] | None = None,
    **notes: str,
) -> None:
    """The member notes something of the customer: edit_external_contact. `notes` are those of `NOTES`."""
    relation = _known(connection, userid, external_userid)
    changed = {name: notes[name][:longest] for name, longest in NOTES.items() if name in notes}
    if remark_mobiles is not None:
        changed["remark_mobiles"] = json.dumps(list(remark_mobiles)[:MOBILES_MOST])
    for name, value in changed.items():
        connection.execute(
            f"UPDATE follow SET {name} = ? WHERE userid = ? AND external_userid = ?",  # noqa: S608 - NOTES
            (value, userid, external_userid),
        )
    _tell(connection, now, "edit_external_contact", relation)


def mark_tag_in_client(
    connection: sqlite3.Connection,
    now: int,
    userid: str,
    external_userid: str,
    *,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    personal: Iterable[str] | None = None,
) -> None:
    """The member tags the customer by tag ids: edit_external_contact. `personal` replaces the personal tags."""
    relation = _known(connection, userid, external_userid)
    try:
        tag_store.mark(connection, userid, external_userid, list(add), list(remove))
    except WeComError as error:
        raise GraphRefused("没有这个标签") from error
    if personal is not None:
        tag_store.put_personal(connection, userid, external_userid, personal)
    _tell(connection, now, "edit_external_contact", relation)


@dataclass(frozen=True)
class _Meeting:
    userid: str
    external_userid: str
    state: str
    skip_verify: bool
    half: bool


def _meet(connection: sqlite3.Connection, world: World, now: int, meeting: _Meeting) -> Met:
    userid, external_userid = meeting.userid, meeting.external_userid
    relation = relations.find_relation(connection, userid, external_userid)
    if relation is not None and relation["stage"] != Stage.ONE_WAY:
        return Met(Outcome.KNOWN, userid, external_userid)
    source = Source(QR_CODE, meeting.state)
    if relation is None and not meeting.skip_verify:
        relations.ask(connection, now, userid, external_userid, source)
        return Met(Outcome.ASKED, userid, external_userid)
    if relation is None and meeting.half:
        return add_half(connection, world, now, userid, external_userid, source)
    return add(connection, world, now, userid, external_userid, add_way=QR_CODE, state=meeting.state)


def _known(connection: sqlite3.Connection, userid: str, external_userid: str) -> sqlite3.Row:
    relation = relations.find_relation(connection, userid, external_userid)
    if relation is None:
        raise GraphRefused("对方不是你的客户")
    return relation


def _tell_added(connection: sqlite3.Connection, world: World, now: int, met: Met, state: str) -> Met:
    code = welcome_codes.issue(connection, world, met.userid, met.external_userid)
    change = "add_half_external_contact" if met.outcome is Outcome.HALF else "add_external_contact"
    fields = {"State": state, "WelcomeCode": code}
    _emit(connection, now, change, (met.userid, met.external_userid), fields)
    return Met(met.outcome, met.userid, met.external_userid, code)


def _tell(
    connection: sqlite3.Connection, now: int, change: str, relation: sqlite3.Row, **fields: str
) -> None:
    _emit(connection, now, change, (relation["userid"], relation["external_userid"]), fields)


def _emit(
    connection: sqlite3.Connection, now: int, change: str, pair: tuple[str, str], fields: dict[str, str]
) -> None:
    """Fields without a value are left out; of members the app does not see nothing is told (facts 4.2)."""
    if not scope.sees(connection, pair[0]):
        return
    said = {name: value for name, value in fields.items() if value}
    event = {"Event": "change_external_contact", "ChangeType": change, "UserID": pair[0]}
    emit(connection, now, {**event, "ExternalUserID": pair[1], **said})
