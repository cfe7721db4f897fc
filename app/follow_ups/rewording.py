"""The words of a task that somebody else is to do: they name who says them, and on which channel."""

from __future__ import annotations

from collections.abc import Mapping

from babel.dates import format_skeleton
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.follow_ups.models import Enrollment, FollowUpTask
from app.follow_ups.plans.versions import get_version
from app.follow_ups.states import Channel
from app.members.models import ContactBinding, ExternalContact, Member
from app.members.queries import is_live
from app.orders.queries import main_articles
from app.sales_scripts.queries import scripts_by_code
from app.sales_scripts.rules import fill
from app.stores.queries import stores_by_id
from app.worklist.models import WorkItem

DATE_LOCALE = "zh_Hans_CN"
IN_WORDS = frozenset({Channel.CHAT, Channel.INVITE})


def reword_moved(session: Session, moves: Mapping[int, int]) -> None:
    """Of work items that were given to somebody else (id → associate): their tasks speak for those from now on."""
    query = (
        select(FollowUpTask, Member)
        .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .join(Member, Member.id == WorkItem.member_id)
        .where(FollowUpTask.work_item_id.in_(sorted(moves)))
        .order_by(FollowUpTask.id)
    )
    rows = session.execute(query).all()
    names = select(Associate.id, Associate.name).where(Associate.id.in_(sorted(set(moves.values()))))
    known: dict[int, str] = dict(session.execute(names).all())
    contacts = _contacts(session, {member.id for _, member in rows}, set(known))
    for task, member in rows:
        person = moves[task.work_item_id]
        reword(session, task, member, known[person], is_contact=(member.id, person) in contacts)


def reword(session: Session, task: FollowUpTask, member: Member, name: str, *, is_contact: bool) -> None:
    """Whoever is no contact of the member's gets the words of an invitation; a call stays a call."""
    if task.channel in IN_WORDS:
        task.channel = Channel.CHAT if is_contact else Channel.INVITE
    series = session.get(Enrollment, task.enrollment_id)
    if series is None:
        return
    code = _script_code(session, task, series)
    script = scripts_by_code(session, [code]).get(code)
    if script is None:
        return
    day = (member.id, series.anchor_on)
    fallback = get_version(session, series.plan_version_id).document.product_fallback
    values = {
        "member": member.name,
        "associate": name,
        "store": stores_by_id(session)[series.store_id].name,
        "product": main_articles(session, [day]).get(day, fallback),
        "purchased_on": format_skeleton("MMMd", series.anchor_on, locale=DATE_LOCALE),
    }
    task.text, task.script_code = fill(script.body, values), code
    session.flush()


def _script_code(session: Session, task: FollowUpTask, series: Enrollment) -> str:
    step = get_version(session, series.plan_version_id).step(task.step_no)
    if task.channel == Channel.INVITE:
        return step.invite_script_code
    codes = step.script_codes
    return task.script_code if task.script_code in codes else next(iter(codes), "")


def _contacts(session: Session, members: set[int], people: set[int]) -> set[tuple[int | None, int]]:
    query = (
        select(ExternalContact.member_id, ContactBinding.associate_id)
        .join(ContactBinding, ContactBinding.external_contact_id == ExternalContact.id)
        .where(ExternalContact.member_id.in_(sorted(members)))
        .where(ContactBinding.associate_id.in_(sorted(people)), is_live())
    )
    return {(member_id, associate_id) for member_id, associate_id in session.execute(query)}
