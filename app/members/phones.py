"""Mobile numbers of members: kept sealed, found by a keyed index of the whole number, shown masked.

A number is opened to send it a text message, and for who is to call it, each time they ask (`acts.numbers`); it stands
in no log, address or page.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.db import is_among, read_rows, table_of, upsert_rows
from app.members.models import MemberPhone
from app.sealing import Keyring

PURPOSE = b"dianban: phones of members"
NAME = "phone"
HOME = "CN"
HOME_CODE = "+86"
LONGEST = 32
MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


def read_phone(text: str) -> str | None:
    """The number as E.164, e.g. +8613800138000; None for what is no mobile number of any numbering plan.

    Without a country code it is one of mainland China's.
    """
    if len(text) > LONGEST:
        return None
    try:
        number = phonenumbers.parse(text, HOME)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in MOBILE:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def mask_phone(number: str) -> str:
    """An E.164 number as people may see it: 138****8000; of other countries the code and the last four digits."""
    if number.startswith(HOME_CODE):
        return f"{number[3:6]}****{number[-4:]}"
    code = phonenumbers.parse(number).country_code
    return f"+{code} ****{number[-4:]}"


def spoken_phone(number: str) -> str:
    """An E.164 number as one dials and reads it: 138 0013 8000; of other countries with their code."""
    at_home = number.startswith(HOME_CODE)
    form = PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(phonenumbers.parse(number), form)


@dataclass(frozen=True, slots=True)
class SealedPhone:
    """A number that nobody can read without the key."""

    sealed: str
    number_index: str
    masked: str


def seal_phone(keys: Keyring, number: str, salt: str) -> SealedPhone:
    """An E.164 number as it is stored; the same for the same salt."""
    return SealedPhone(keys.close(NAME, number, salt), keys.index(NAME, number), mask_phone(number))


@dataclass(frozen=True, slots=True)
class NewPhone:
    """A member's number as it was reported."""

    member_id: int
    phone: SealedPhone
    event_id: int
    reported_at: datetime


def write_phones(session: Session, phones: Sequence[NewPhone]) -> None:
    """Keep them; of several of one member the one reported last, whatever order they come in.

    Callers hold the members' `member_care` rows.
    """
    if not phones:
        return
    table = table_of(MemberPhone)
    rows = session.execute(
        select(table).where(is_among(table.c.member_id, {new.member_id for new in phones}))
    )
    kept = {row.member_id: (row.reported_at, row.number_index) for row in rows}
    newest: dict[int, NewPhone] = {}
    for new in sorted(phones, key=lambda one: (one.reported_at, one.phone.number_index)):
        if new.member_id not in kept or (new.reported_at, new.phone.number_index) > kept[new.member_id]:
            newest[new.member_id] = new
    upsert_rows(session, MemberPhone, [_row(newest[member_id]) for member_id in sorted(newest)])


def members_with_phone(session: Session, member_ids: Collection[int]) -> set[int]:
    """Those of the members whose number is known; nothing is read where nobody is concerned."""
    if not member_ids:
        return set()
    table = table_of(MemberPhone)
    query = select(table.c.member_id).where(is_among(table.c.member_id, set(member_ids)))
    return {row.member_id for row in read_rows(session, query)}


def members_of_phone(session: Session, keys: Keyring, number: str) -> list[int]:
    """The members with this E.164 number, by ascending id: families may share one."""
    indexes = [MemberPhone.number_index == index for index in keys.indexes(NAME, number)]
    query = select(MemberPhone.member_id).where(or_(*indexes)).order_by(MemberPhone.member_id)
    return list(session.scalars(query))


def masked_phone_of(session: Session, member_id: int) -> str:
    """The member's number as people may see it; "" where none is known."""
    return session.scalar(select(MemberPhone.masked).where(MemberPhone.member_id == member_id)) or ""


def sealed_phones(session: Session, member_ids: Collection[int]) -> dict[int, str]:
    """The sealed numbers of these members."""
    query = select(MemberPhone.member_id, MemberPhone.sealed).where(
        MemberPhone.member_id.in_(sorted(member_ids))
    )
    return dict(session.execute(query).all()) if member_ids else {}


def open_phone(keys: Keyring, sealed: str) -> str | None:
    """The number; None where no secret opens it. For the message or the call that needs it, and nothing else."""
    return keys.open(NAME, sealed)


def reseal_phones(session: Session, keys: Keyring, member_ids: Sequence[int]) -> tuple[int, int]:
    """Seal what a former secret sealed under the newest; returns how many, and how many no secret opens.

    Callers hold the members' `member_care` rows.
    """
    shut, anew = 0, 0
    for row in session.scalars(select(MemberPhone).where(MemberPhone.member_id.in_(sorted(member_ids)))):
        opened = keys.open(NAME, row.sealed)
        if opened is None:
            shut += 1
        elif not keys.is_newest(row.sealed):
            row.sealed = keys.close(NAME, opened, salt=str(row.event_id))
            row.number_index = keys.index(NAME, opened)
            anew += 1
    session.flush()
    return anew, shut


def _row(new: NewPhone) -> dict[str, object]:
    return {
        "member_id": new.member_id,
        "sealed": new.phone.sealed,
        "number_index": new.phone.number_index,
        "masked": new.phone.masked,
        "event_id": new.event_id,
        "reported_at": new.reported_at,
    }
