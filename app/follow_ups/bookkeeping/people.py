"""Members can be recognised, locked and reached; nothing is known of members there are not."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import exists, select

from app.follow_ups.bookkeeping.checks import Check, Faults, Within
from app.members.models import ContactBinding, ExternalContact, Member, MemberCare, MemberIdentity
from app.orders.models import MemberPurchases, Order


def _lacks(model: Any, within: Within) -> Faults:
    its = exists().where(model.member_id == Member.id)
    return select(Member.id.label("member")).where(within(Member.id), ~its)


def _of_nobody(model: Any, within: Within) -> Faults:
    its = exists().where(Member.id == model.member_id)
    query = select(model.member_id.label("member")).distinct()
    return query.where(within(model.member_id), model.member_id.is_not(None), ~its)


def _followed_by_nobody(within: Within) -> Faults:
    """A binding that ended stays, so a contact once bound has one for ever."""
    its = exists().where(ContactBinding.external_contact_id == ExternalContact.id)
    query = select(
        ExternalContact.external_userid.label("contact"), ExternalContact.member_id.label("member")
    )
    return query.where(within(ExternalContact.id), ExternalContact.member_id.is_not(None), ~its)


def _bound_to_nothing(within: Within) -> Faults:
    its = exists().where(ExternalContact.id == ContactBinding.external_contact_id)
    query = select(ContactBinding.id.label("binding"), ContactBinding.associate_id.label("associate"))
    return query.where(within(ContactBinding.id), ~its)


CHECKS = (
    Check("members without an identity", Member.id, partial(_lacks, MemberIdentity)),
    Check("members without their lock", Member.id, partial(_lacks, MemberCare)),
    *(
        Check(
            f"{what} of members there are not",
            model.member_id,
            partial(_of_nobody, model),
            model.member_id.is_not(None),
        )
        for what, model in (
            ("identities", MemberIdentity),
            ("locks", MemberCare),
            ("purchases", Order),
            ("totals", MemberPurchases),
            ("contacts", ExternalContact),
        )
    ),
    Check("contacts nobody ever followed", ExternalContact.id, _followed_by_nobody),
    Check("bindings to contacts there are not", ContactBinding.id, _bound_to_nothing),
)
