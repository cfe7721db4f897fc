"""What the pages of plans say in words: what starts and ends a plan, its steps, what is wrong with a draft."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, time
from typing import Any

from flask_babel import get_locale, gettext, lazy_gettext, ngettext

from app.console.plans_preview import Example, Said, Trouble
from app.criteria.refusing import explain_refusal
from app.criteria.words import Language
from app.follow_ups.facts import criterion_of
from app.follow_ups.forecasting.counting import Side, Span
from app.follow_ups.plans.comparing import Difference
from app.follow_ups.plans.documents import Document, OnRefund, Stops, Trigger, TriggerKind
from app.follow_ups.plans.drafts import Mistake
from app.follow_ups.rules import ScriptRule, Step
from app.follow_ups.states import IN_ITS_OWN_WORDS, Channel, OnRepurchase, Touch, Who
from app.follow_ups.triggers.festivals import festivals

_ = lazy_gettext
TRIGGER = {
    TriggerKind.PURCHASE: _("A purchase; those of one day count as one"),
    TriggerKind.JOIN: _("Somebody becomes a member"),
    TriggerKind.REFUND: _("Goods are brought back"),
    TriggerKind.AFTER_SALES: _("An after-sales case is opened"),
    TriggerKind.LEVEL_CHANGE: _("The member's level changes"),
    TriggerKind.UNFRIENDED: _("The member removes an associate in WeChat"),
    TriggerKind.TAG_GAINED: _("The member gains the tag %(tag)s"),
    TriggerKind.VISIT: _("A visit without a purchase"),
    TriggerKind.SERVICE: _("A service: care given, tailoring ready"),
    TriggerKind.SATISFACTION: _("An answer to how satisfied the member is"),
    TriggerKind.REVIEW: _("A review"),
    TriggerKind.BIRTHDAY: _("%(days)s days before the birthday"),
    TriggerKind.ANNIVERSARY: _("%(days)s days before the anniversary"),
    TriggerKind.SILENCE: _("%(days)s days without a purchase"),
    TriggerKind.DATES: _("%(days)s days before %(dates)s"),
    TriggerKind.FESTIVAL: _("%(days)s days before %(festival)s"),
}
CHANNEL = {
    Channel.CHAT: _("chat"),
    Channel.INVITE: _("invitation to add"),
    Channel.PHONE: _("phone call"),
    Channel.IN_STORE: _("in the store"),
    Channel.GROUP_SEND: _("group send"),
    Channel.MOMENT: _("moment"),
    Channel.SMS: _("text message"),
    Channel.MINI_PROGRAM: _("mini-program notice"),
}
WHO = {
    Who.OWNER: _("the owner"),
    Who.MANAGER: _("the store manager"),
    Who.ON_SHIFT: _("anybody on shift"),
}
REFUND = {
    OnRefund.WHOLE: _("everything of the day is brought back"),
    OnRefund.PART: _("anything of the day is brought back"),
    OnRefund.NONE: _("never by a refund"),
}
AGAIN = {
    OnRepurchase.RESTART: _("starts anew with the newer one"),
    OnRepurchase.KEEP_ONE: _("the one that waits stays"),
}
TOUCH = {
    Touch.LAST: _("the last task before it"),
    Touch.FIRST: _("the first task before it"),
    Touch.SHARED: _("all tasks before it, in equal parts"),
}
STOP = {
    "purchase": _("a purchase"),
    "reply": _("an answer"),
    "unfriend": _("the contact is removed"),
    "hand_over": _("the member is handed over"),
}
PART = {
    "plan": _("Plan"),
    "trigger": _("Starts by"),
    "stops": _("Ends by"),
    "credit": _("Credit"),
    "step": _("Step"),
}
FIELD = {
    "name": _("Name"),
    "product_fallback": _("Words for an unnamed article"),
    "hold_out_per_mille": _("Kept out, per mille"),
    "learns": _("Chooses scripts by result"),
    "kind": _("Kind"),
    "condition": _("Rule"),
    "days": _("Days"),
    "tag": _("Tag"),
    "dates": _("Dates"),
    "festival": _("Festival"),
    "refund": _("Refund"),
    "purchase": _("Purchase"),
    "reply": _("Answer"),
    "unfriend": _("Contact removed"),
    "hand_over": _("Handed over"),
    "touch": _("Credited to"),
    "step": _("The whole step"),
    "step_no": _("Place in the order"),
    "after": _("When"),
    "valid": _("Stays open"),
    "on_repurchase": _("On a newer one"),
    "priority": _("Priority"),
    "is_service": _("Service"),
    "channel": _("Channel"),
    "who": _("Who"),
    "title": _("Title"),
    "why": _("Reason shown"),
    "scripts": _("Scripts"),
    "invite_script_code": _("Script to invite"),
}
PROBLEM = {
    "not_toml": _("This cannot be read as TOML (%(found)s)."),
    "quote_open": _("A quotation mark is not closed."),
    "name_twice": _("%(name)s stands here a second time."),
    "no_equals": _("There is no = behind the name."),
    "no_such_date": _("There is no such date or time."),
    "no_value": _(
        "Character %(column)s begins no value and belongs to none: a text has quotation marks, a number no 0 before "
        "it, a date is like 2026-01-31."
    ),
    "backslash": _("A backslash in a text is written twice."),
    "bracket_open": _("At character %(column)s a bracket is not closed or a comma is missing."),
    "no_statement": _("A line is name = value, [table] or [[steps]]; a remark begins with #."),
    "full_width": _("%(found)s, character %(column)s, is to be the sign that an English keyboard has."),
    "not_a_table": _("A table is wanted here."),
    "unknown_field": _("There is no such field."),
    "missing": _("This field is missing."),
    "unreadable": _("This cannot be read: %(found)s"),
    "text": _("A text of 1 to %(most)s characters is wanted."),
    "text_or_nothing": _("A text is wanted."),
    "flag": _("true or false is wanted."),
    "number": _("A whole number from %(least)s to %(most)s is wanted."),
    "percentage": _("A percentage from 0 to 50 is wanted."),
    "not_one_of": _("One of these is wanted: %(allowed)s"),
    "dates": _("A list of dates is wanted."),
    "after": _('Wanted is "30 minutes", "2 hours", "3 days" or "3 days at 10:30".'),
    "valid": _('Wanted is "1 noon" or "3 days", at least 1.'),
    "not_later": _("It comes no later than the step before it."),
    "no_steps": _("There is no step."),
    "no_script": _("No script is named."),
    "script_twice": _("A script is named twice."),
    "script_rules": _("Each entry is a table of when and use."),
    "taken": _("This code means something else."),
    "other_code": _("The code must be %(found)s."),
    "unknown_script": _("There is no script %(found)s."),
    "moment_of_held_out": _(
        "All customers of the associate see a moment, those kept out of this plan as well: a plan that keeps "
        "members out has none."
    ),
    "moment_of_all": _(
        "All customers of the associate see a moment, those kept out of all plans as well: while there are such "
        "members no plan has one."
    ),
    "unknown_tag": _("There is no tag %(found)s."),
}
TROUBLE = {
    Trouble.NO_SCRIPT: _("There is no script %(code)s, or it was withdrawn."),
    Trouble.UNFILLED: _("Nothing is known for %(blanks)s."),
    Trouble.TOO_LONG: _("It is too long to be sent."),
    Trouble.NO_TEMPLATE: _("The gateway of text messages has approved no template for it."),
}
SPAN = {Span.LAST: _("Last %(days)s days"), Span.NEXT: _("Next %(days)s days")}
SIDE = {Side.DRAFT: _("with the draft"), Side.NOW: _("as in force")}


def language() -> Language:
    """In which a rule is written for the reader."""
    return Language.EN if str(get_locale()) == "en" else Language.ZH


def date_of(text: str) -> date:
    """A day as a dry run keeps it."""
    return date.fromisoformat(text)


def rule(text: str) -> str:
    """A rule as the reader writes it."""
    return criterion_of(text).text(language())


def mistake(one: Mistake) -> str:
    """What is wrong, as a sentence."""
    details = one.error.details
    if "rule" in details:
        return explain_refusal(one.error, language())
    return str(PROBLEM[str(details["problem"])]) % details


def trigger(its: Trigger) -> str:
    """What starts a plan; a rule stands apart."""
    festival = festivals().get(its.festival, {}).get("zh" if language() is Language.ZH else "", its.festival)
    dates = str(_(", ")).join(day.isoformat() for day in its.dates)
    told = {"days": its.days, "tag": its.tag, "dates": dates, "festival": festival}
    return str(TRIGGER[its.kind]) % told


def stops(its: Stops) -> list[str]:
    """What ends a series; that the member wants no more always does."""
    named = [str(text) for name, text in STOP.items() if getattr(its, name)]
    return [str(REFUND[its.refund]), *named, gettext("the member wants no more")]


def falls_due(step: Step) -> str:
    """When a step falls due."""
    if step.offset_minutes is not None:
        hours, minutes = divmod(step.offset_minutes, 60)
        if hours and not minutes:
            return str(ngettext("%(num)s hour after", "%(num)s hours after", hours))
        return str(ngettext("%(num)s minute after", "%(num)s minutes after", step.offset_minutes))
    at = clock_time(step.at_time) if step.at_time else gettext("at opening")
    if not step.offset_days:
        return str(gettext("the same day, %(at)s", at=at))
    return str(gettext("day %(days)s, %(at)s", days=step.offset_days, at=at))


def stays_open(step: Step) -> str:
    """How long its task can be done."""
    if step.valid_to_noon and step.valid_days == 1:
        return str(gettext("until noon of the next day"))
    if step.valid_to_noon:
        return str(
            ngettext("until noon, %(num)s day after", "until noon, %(num)s days after", step.valid_days)
        )
    return str(ngettext("%(num)s day", "%(num)s days", step.valid_days))


def clock_time(value: time) -> str:
    """A time of day."""
    return f"{value:%H:%M}"


def scripts(rules: tuple[ScriptRule, ...]) -> Iterator[str]:
    """Which scripts a step uses, a line for each rule."""
    for one in rules:
        codes = str(_(", ")).join(one.codes)
        yield (
            gettext("%(codes)s where %(rule)s", codes=codes, rule=rule(one.condition))
            if one.condition
            else codes
        )


def trouble(one: Said, step: Step) -> str:
    """What is wrong with the words of a step, and what comes of it; "" where nothing is."""
    if one.trouble is None:
        return ""
    blanks = str(_(", ")).join(f"{{{name}}}" for name in one.blanks)
    wrong = str(TROUBLE[one.trouble]) % {"code": one.code, "blanks": blanks}
    if one.trouble is Trouble.NO_SCRIPT and one.has_other:
        comes = gettext("The other scripts of the step are used.")
    elif step.channel in IN_ITS_OWN_WORDS:
        comes = gettext("Nothing is sent: the step is skipped.")
    else:
        comes = gettext("Whoever has the task must find the words themselves.")
    return f"{wrong} {comes}"


def said_by(step: Step, example: Example | None) -> str:
    """From whom the words of a step reach the member, as a phone shows it above them."""
    if step.channel is Channel.SMS or example is None:
        return str(CHANNEL[step.channel])
    speaker = example.manager if step.who is Who.MANAGER else example.speaker
    return f"{CHANNEL[step.channel]} · {speaker}" if speaker else str(CHANNEL[step.channel])


def can_be_told(mistakes: Iterable[Mistake]) -> bool:
    """Whether a draft's steps can be written out: not with a rule that cannot be read."""
    return not any("rule" in one.error.details for one in mistakes)


def value_of(one: Difference, value: Any) -> str:
    """One side of a difference as people read it; a dash where there is nothing."""
    if value is None or value in ("", ()):
        return "–"
    if one.field in ("after", "valid", "step"):
        return {"after": falls_due, "valid": stays_open, "step": _whole_step}[one.field](value)
    if one.field == "condition":
        return rule(value)
    if isinstance(value, bool):
        return str(gettext("yes") if value else gettext("no"))
    if one.field == "scripts":
        return str(_("; ")).join(scripts(value))
    if isinstance(value, tuple):
        return str(_(", ")).join(map(str, value))
    if isinstance(value, TriggerKind):
        return trigger(Trigger(value))
    for known in (CHANNEL, WHO, REFUND, AGAIN, TOUCH):
        if isinstance(value, type(next(iter(known)))):
            return str(known[value])  # type: ignore[index]
    return str(value)


def _whole_step(step: Step) -> str:
    return f"{step.title}: {falls_due(step)}"


def title_of(document: Document, kind: str) -> str:
    """What the step of this kind is called in a document."""
    return next((step.title for step in document.steps if step.kind == kind), kind)
