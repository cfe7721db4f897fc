"""What a plan's members would read: every script of every step, filled for somebody real, before it is published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.associates.queries import managers_by_store
from app.follow_ups.channels.rules import has_words
from app.follow_ups.linking.addresses import LinkMaker
from app.follow_ups.models import Enrollment
from app.follow_ups.plans.documents import Document, TriggerKind
from app.follow_ups.rules import Step
from app.follow_ups.states import CONFIRMED_BY_WECOM, IN_THE_CHAT, Channel, Who
from app.follow_ups.texting.rules import has_sms_words, sms_text
from app.follow_ups.wording import day_in_words, heard_on
from app.members.models import Member
from app.orders.models import Order
from app.orders.queries import main_articles
from app.sales_scripts.models import SalesScript
from app.sales_scripts.queries import scripts_by_code
from app.sales_scripts.rules import LINK, fill, unfilled
from app.stores.queries import stores_by_id

# What a text message holds, and each of several that make one; networks charge for each.
ONE_MESSAGE, ONE_OF_SEVERAL = 70, 67
# Nobody's task: its address is as long as any other and leads nowhere.
NO_TASK = 0


class Trouble(StrEnum):
    """Why a script's words cannot be sent as they are."""

    NO_SCRIPT = "no_script"
    UNFILLED = "unfilled"
    TOO_LONG = "too_long"
    NO_TEMPLATE = "no_template"  # of the gateway's


@dataclass(frozen=True, slots=True)
class Example:
    """For whom the words are filled, and who says them; `is_in_plan` False: nobody entered the plan, somebody else."""

    member_id: int
    member: str
    store: str
    speaker: str
    manager: str
    product: str
    on: date
    is_in_plan: bool

    def values(self, step: Step, document: Document) -> dict[str, str]:
        """What variables stand for at a step."""
        return {
            "member": self.member,
            "associate": self.manager if step.who is Who.MANAGER else self.speaker,
            "store": self.store,
            "product": self.product or document.product_fallback,
            "purchased_on": day_in_words(self.on),
        }


@dataclass(frozen=True, slots=True)
class Said:
    """A script as the member reads it; `rule`: where it is used, "" always.

    `letters` counts what the network is given, signature and all, and `messages` how many that makes; 0 where it is no
    text message. `has_other`: the rule names another script that there is.
    """

    code: str
    title: str
    text: str
    rule: str
    trouble: Trouble | None
    blanks: tuple[str, ...]
    letters: int
    messages: int
    has_other: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """A document's words by the number of the step; `invites` for those whom nobody of the chain can chat with.

    `reasons` are what whoever has the task reads.
    """

    example: Example | None
    reasons: Mapping[int, str]
    says: Mapping[int, list[Said]]
    invites: Mapping[int, Said]


def preview_of(
    session: Session, document: Document, plan_id: int | None, today: date, links: LinkMaker, sign: str
) -> Preview:
    """All the words of a document, for the member who entered the plan last, else one who bought, else anybody."""
    example = _example(session, document, plan_id, today)
    codes = {code for step in document.steps for code in (*step.script_codes, step.invite_script_code)}
    words = _Words(scripts_by_code(session, codes), links.address_of(NO_TASK), sign)
    reasons, says, invites = {}, {}, {}
    for step in document.steps:
        values = example.values(step, document) if example else {}
        reasons[step.step_no] = fill(step.why, values)
        says[step.step_no] = [
            words.said(step, step.channel, code, values, rule.condition, rule.codes)
            for rule in step.scripts
            for code in rule.codes
        ]
        if step.channel in IN_THE_CHAT:
            code = step.invite_script_code
            invites[step.step_no] = words.said(step, Channel.INVITE, code, values, "", (code,))
    return Preview(example, reasons, says, invites)


@dataclass(frozen=True, slots=True)
class _Words:
    scripts: Mapping[str, SalesScript]
    address: str
    sign: str

    def said(
        self,
        step: Step,
        channel: Channel,
        code: str,
        values: Mapping[str, str],
        rule: str,
        codes: tuple[str, ...],
    ) -> Said:
        script, has_other = self.scripts.get(code), any(other in self.scripts for other in codes)
        if script is None:
            return Said(code, "", "", rule, Trouble.NO_SCRIPT, (), 0, 0, has_other)
        known = heard_on(channel, values) if values else values
        text = fill(script.body, {**known, LINK: self.address} if script.link else known)
        if channel is Channel.SMS:
            text = sms_text(text, is_service=step.is_service)
        trouble = _trouble(channel, text, script) if values else None
        blanks = tuple(dict.fromkeys(unfilled(text))) if values else ()
        if channel is not Channel.SMS:
            return Said(code, script.title, text, rule, trouble, blanks, 0, 0, has_other)
        signed = f"\u3010{self.sign}\u3011{text}" if self.sign else text
        letters = len(signed)
        return Said(code, script.title, signed, rule, trouble, blanks, letters, _messages(letters), has_other)


def _trouble(channel: Channel, text: str, script: SalesScript) -> Trouble | None:
    if unfilled(text):
        return Trouble.UNFILLED
    if channel is Channel.SMS and not script.sms_template:
        return Trouble.NO_TEMPLATE
    if channel is Channel.SMS and not has_sms_words(text, script.sms_template, script.link):
        return Trouble.TOO_LONG
    if channel in CONFIRMED_BY_WECOM and not has_words(channel, text):
        return Trouble.TOO_LONG
    return None


def _messages(letters: int) -> int:
    return 1 if letters <= ONE_MESSAGE else -(-letters // ONE_OF_SEVERAL)


class _Began(NamedTuple):
    """By whom and where a plan was, or could have been, entered, and on which day."""

    member_id: int
    store_id: int
    on: date


def _example(session: Session, document: Document, plan_id: int | None, today: date) -> Example | None:
    in_plan = _last_in(session, plan_id) if plan_id is not None else None
    began = in_plan or _last_buyer(session) or _anybody(session, today)
    member = session.get(Member, began.member_id) if began is not None else None
    if began is None or member is None:
        return None
    # Without anybody in it a plan that no purchase begins would begin today.
    is_told = in_plan is not None or document.trigger.kind is TriggerKind.PURCHASE
    on = began.on if is_told else today
    owner = session.get(Associate, member.owner_id) if member.owner_id is not None else None
    manager_id = managers_by_store(session, [began.store_id]).get(began.store_id)
    manager = session.get(Associate, manager_id) if manager_id is not None else None
    speaker = owner if owner and owner.ended_at is None else manager
    home = speaker.store_id if speaker and speaker.store_id is not None else began.store_id
    return Example(
        member.id,
        member.name,
        stores_by_id(session, [home])[home].name,
        speaker.name if speaker else "",
        manager.name if manager else "",
        main_articles(session, {(member.id, on)}).get((member.id, on), ""),
        on,
        in_plan is not None,
    )


def _last_in(session: Session, plan_id: int) -> _Began | None:
    columns = select(Enrollment.member_id, Enrollment.store_id, Enrollment.anchor_on)
    its = columns.where(Enrollment.plan_id == plan_id)
    row = session.execute(its.order_by(Enrollment.enrolled_at.desc(), Enrollment.id.desc()).limit(1)).first()
    return _Began(*row) if row else None


def _last_buyer(session: Session) -> _Began | None:
    columns = select(Order.member_id, Order.store_id, Order.purchased_on)
    its = columns.where(Order.member_id.is_not(None)).order_by(Order.id.desc())
    row = session.execute(its.limit(1)).first()
    return _Began(row[0], row[1], row[2]) if row and row[0] is not None else None


def _anybody(session: Session, today: date) -> _Began | None:
    row = session.execute(select(Member.id, Member.store_id).order_by(Member.id.desc()).limit(1)).first()
    return _Began(row[0], row[1], today) if row else None
