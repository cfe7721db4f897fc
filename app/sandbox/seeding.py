"""Putting members and customers into the sandbox, any number in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from app.sandbox.control_input import Item, WrongInput, contact_of, person_of
from app.sandbox.people import put_person


def put_people(connection: sqlite3.Connection, items: Iterable[tuple[str, Item]]) -> int:
    """Add members or bring them up to date; those not named stay. How many were named."""
    count = 0
    for place, item in items:
        put_person(connection, person_of(place, item))
        count += 1
    return count


def put_contacts(connection: sqlite3.Connection, items: Iterable[tuple[str, Item]], now: int) -> int:
    """Add customers or bring them up to date, each one's follow list replaced by the one given.

    Those not named stay. A follow without createtime keeps its own, or begins now. Raises WrongInput
    for a follower who is no member: members come first.
    """
    known = {row["userid"].lower(): row["userid"] for row in connection.execute("SELECT userid FROM person")}
    count = 0
    for place, item in items:
        contact = contact_of(place, item)
        _put_contact(connection, contact)
        _put_follows(connection, place, contact, known, now)
        count += 1
    return count


def _put_contact(connection: sqlite3.Connection, contact: Item) -> None:
    connection.execute(
        """INSERT INTO contact
           VALUES (:external_userid, :name, :avatar, :unionid, :kind, :gender, :position, :corp_name)
           ON CONFLICT (external_userid) DO UPDATE SET name = :name, avatar = :avatar, unionid = :unionid,
               kind = :kind, gender = :gender, position = :position, corp_name = :corp_name""",
        {name: value for name, value in contact.items() if name != "follow"},
    )


def _put_follows(
    connection: sqlite3.Connection, place: str, contact: Item, known: dict[str, str], now: int
) -> None:
    kept = []
    for number, follow in enumerate(contact["follow"]):
        userid = known.get(follow["userid"].lower())
        if userid is None:
            raise WrongInput(f"{place}.follow[{number}].userid: no such member, {follow['userid']}")
        kept.append(userid)
        _put_follow(connection, contact["external_userid"], {**follow, "userid": userid}, now)
    connection.execute(
        """DELETE FROM follow WHERE external_userid = ?
           AND userid NOT IN (SELECT value FROM json_each(?))""",
        (contact["external_userid"], json.dumps(kept)),
    )


def _put_follow(connection: sqlite3.Connection, external_userid: str, follow: Item, now: int) -> None:
    connection.execute(
        """INSERT INTO follow VALUES (:userid, :external_userid, coalesce(:remark, ''), '', '', '[]',
               coalesce(:createtime, :now), :add_way, :state, :stage, :external_userid, 0)
           ON CONFLICT (userid, external_userid) DO UPDATE SET remark = coalesce(:remark, remark),
               createtime = coalesce(:createtime, createtime), add_way = :add_way, state = :state,
               stage = :stage""",
        {**follow, "external_userid": external_userid, "now": now // 1_000_000},
    )
