"""What partners send of what happened to members, field by field. Descriptions are what the documentation shows."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.intake.service import MAX_BATCH
from app.member_events.models import MemberEventKind
from app.member_events.rules import MOST_SKUS, ReplyWay, ServiceKind, VisitReason
from app.members.dates import YearlyDay, is_real
from app.members.models import DateCalendar, DateKind
from app.partner_api.fields import Code, InstantOrDay, Words
from app.partner_api.schemas import CountsSchema, ResultSchema, about, phone_field

LONGEST_TEXT = 255
FIRST_YEAR, LAST_YEAR = 1901, 2099
STARS = validate.Range(1, 5)


class _OfMemberSchema(Schema):
    """What everything that is told of a member has in common."""

    ref = Code(
        64, required=True, metadata=about(_("Its number, unique within your system and this list for ever."))
    )
    store = Code(32, required=True, metadata=about(_("Code of the store."), "SH01"))
    customer = Code(64, required=True, metadata=about(_("The member's code."), "M100234"))
    occurred_at = InstantOrDay(
        required=True,
        metadata=about(
            _("Instant with its offset from UTC, or only the day where the time is not known."),
            "2026-03-01T18:30:00+08:00",
        ),
    )


class _HappeningSchema(_OfMemberSchema):
    """What everything that happens to a member has in common."""

    seller = Code(
        64,
        shortest=0,
        load_default="",
        metadata=about(
            _("WeCom account of the associate concerned; an unknown one counts as none."), "chenjiahui"
        ),
    )


class JoinSchema(_HappeningSchema):
    """Somebody became a member (入会); once per member."""

    name = Words(
        64,
        load_default="",
        metadata=about(_("What to call them; whoever has a name keeps it."), example="李先生"),
    )
    via = Words(64, load_default="", metadata=about(_("By which code, campaign or till."), "till-SH01"))
    phone = phone_field()


class PhoneSchema(_HappeningSchema):
    """A member's mobile number (手机号); the newest report counts, by `occurred_at`."""

    phone = phone_field(required=True)


class ReplySchema(_HappeningSchema):
    """A member answered (回复): known to an archive of chats, or to a gateway of text messages."""

    how = fields.Enum(
        ReplyWay,
        by_value=fields.String,
        load_default=ReplyWay.ARCHIVE,
        validate=validate.OneOf((ReplyWay.ARCHIVE, ReplyWay.SMS)),
        metadata=about(_("How it is known.")),
    )
    opts_out = fields.Boolean(
        load_default=False,
        metadata=about(_("They refuse further messages, as by answering R to a text message.")),
    )


class LevelChangeSchema(_HappeningSchema):
    """A member's level changed (等级变动)."""

    after = Words(32, required=True, metadata=about(_("The level now."), example="金卡"))
    before = Words(
        32, load_default="", metadata=about(_("The level before, where there was one."), example="银卡")
    )


class AfterSalesSchema(_HappeningSchema):
    """An after-sales case was opened (售后); its number is `ref`."""

    about = Words(LONGEST_TEXT, load_default="", metadata=about(_("What it is about."), example="袖口开线"))


class VisitSchema(_HappeningSchema):
    """Somebody came and bought nothing (到店未购)."""

    reason = fields.Enum(
        VisitReason,
        by_value=fields.String,
        load_default=VisitReason.OTHER,
        metadata=about(_("Why not.")),
    )
    tried = fields.List(
        Code(64),
        load_default=list,
        validate=validate.Length(max=MOST_SKUS),
        metadata=about(_("Codes of the articles tried.")),
    )
    size = Code(16, shortest=0, load_default="", metadata=about(_("Size, where there is one."), "175/92A"))


class ServiceSchema(_HappeningSchema):
    """Something was done for a member, or is ready (服务完成)."""

    service = fields.Enum(
        ServiceKind, by_value=fields.String, required=True, metadata=about(_("What was done."))
    )
    about = Words(
        LONGEST_TEXT, load_default="", metadata=about(_("What it is about."), example="裤长改短 2 厘米")
    )


class SatisfactionSchema(_HappeningSchema):
    """An answer to how satisfied a member is (满意度)."""

    score = fields.Integer(
        strict=True, required=True, validate=STARS, metadata=about(_("1 not at all, 5 very."), 5)
    )
    comment = Words(LONGEST_TEXT, load_default="", metadata=about(_("What they wrote."), example="很合身"))


class ReviewSchema(_HappeningSchema):
    """A review that nobody has answered yet (评价)."""

    stars = fields.Integer(strict=True, required=True, validate=STARS, metadata=about(_("1 to 5."), 2))
    comment = Words(LONGEST_TEXT, load_default="", metadata=about(_("What they wrote."), example="袖子长了"))


class YearlyDaySchema(_HappeningSchema):
    """A day of a member's that comes every year; the newest report counts, by `occurred_at`."""

    calendar = fields.Enum(
        DateCalendar,
        by_value=fields.String,
        load_default=DateCalendar.SOLAR,
        metadata=about(_("By which calendar it comes again.")),
    )
    month = fields.Integer(
        strict=True, required=True, validate=validate.Range(1, 12), metadata=about(_("1 to 12."), 8)
    )
    day = fields.Integer(
        strict=True, required=True, validate=validate.Range(1, 31), metadata=about(_("1 to 31."), 15)
    )
    year = fields.Integer(
        strict=True,
        load_default=None,
        validate=validate.Range(FIRST_YEAR, LAST_YEAR),
        metadata=about(_("The year, where it is known."), 1990),
    )
    leap = fields.Boolean(
        load_default=False,
        metadata=about(_("Of the lunar calendar: in the second of two months with one number.")),
    )

    @validates_schema
    def is_a_day(self, data: dict[str, Any], **_more: Any) -> None:
        """Of the calendar it says."""
        day = YearlyDay(data["calendar"], data["month"], data["day"], data.get("year"), data["leap"])
        if not is_real(day) or (day.is_leap and day.calendar is DateCalendar.SOLAR):
            raise ValidationError(str(_("This calendar has no such day.")), "day")


class OwnerSchema(_OfMemberSchema):
    """Whose a member is from then on (专属导购); of several the one of the latest instant counts."""

    owner = Code(
        64,
        shortest=0,
        required=True,
        metadata=about(
            _("WeCom account of the associate who looks after them; empty: nobody but their store."),
            "chenjiahui",
        ),
    )


class EventBatchSchema(Schema):
    """What happened to members, together 1 to 500."""

    joins = fields.List(fields.Nested(JoinSchema), load_default=list)
    level_changes = fields.List(fields.Nested(LevelChangeSchema), load_default=list)
    after_sales = fields.List(fields.Nested(AfterSalesSchema), load_default=list)
    visits = fields.List(fields.Nested(VisitSchema), load_default=list)
    services = fields.List(fields.Nested(ServiceSchema), load_default=list)
    satisfactions = fields.List(fields.Nested(SatisfactionSchema), load_default=list)
    reviews = fields.List(fields.Nested(ReviewSchema), load_default=list)
    birthdays = fields.List(fields.Nested(YearlyDaySchema), load_default=list)
    anniversaries = fields.List(fields.Nested(YearlyDaySchema), load_default=list)
    replies = fields.List(fields.Nested(ReplySchema), load_default=list)
    phones = fields.List(fields.Nested(PhoneSchema), load_default=list)
    owners = fields.List(fields.Nested(OwnerSchema), load_default=list)

    @validates_schema
    def fits_one_batch(self, data: dict[str, Any], **_more: Any) -> None:
        """Something, and not more than one transaction takes."""
        if not 1 <= sum(len(data.get(group, ())) for group in GROUPS) <= MAX_BATCH:
            raise ValidationError(str(_("Send 1 to 500 items together.")), next(iter(GROUPS)))


# Lists of a batch, in the order in which they are applied, and what their items are.
PHONE, OWNER = "phone", "owner"
GROUPS: dict[str, MemberEventKind | DateKind | str] = {
    "joins": MemberEventKind.JOIN,
    "level_changes": MemberEventKind.LEVEL_CHANGE,
    "after_sales": MemberEventKind.AFTER_SALES,
    "visits": MemberEventKind.VISIT,
    "services": MemberEventKind.SERVICE,
    "satisfactions": MemberEventKind.SATISFACTION,
    "reviews": MemberEventKind.REVIEW,
    "birthdays": DateKind.BIRTHDAY,
    "anniversaries": DateKind.ANNIVERSARY,
    "replies": MemberEventKind.REPLY,
    "phones": PHONE,
    "owners": OWNER,
}


class EventAnswerSchema(CountsSchema):
    """One result per item, by list in the order in which they were sent."""

    joins = fields.List(fields.Nested(ResultSchema), required=True)
    level_changes = fields.List(fields.Nested(ResultSchema), required=True)
    after_sales = fields.List(fields.Nested(ResultSchema), required=True)
    visits = fields.List(fields.Nested(ResultSchema), required=True)
    services = fields.List(fields.Nested(ResultSchema), required=True)
    satisfactions = fields.List(fields.Nested(ResultSchema), required=True)
    reviews = fields.List(fields.Nested(ResultSchema), required=True)
    birthdays = fields.List(fields.Nested(ResultSchema), required=True)
    anniversaries = fields.List(fields.Nested(ResultSchema), required=True)
    replies = fields.List(fields.Nested(ResultSchema), required=True)
    phones = fields.List(fields.Nested(ResultSchema), required=True)
    owners = fields.List(fields.Nested(ResultSchema), required=True)


EVENT_BATCH = EventBatchSchema()
