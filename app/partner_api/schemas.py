"""What partners send and get, field by field. Descriptions are what the documentation shows."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from marshmallow import INCLUDE, Schema, ValidationError, fields, validate, validates_schema

from app.inbound.events import LineKind
from app.intake.cells import MAX_AMOUNT_FEN, MAX_QUANTITY
from app.intake.service import MAX_BATCH
from app.intake.sifting import EventStatus
from app.partner_api.examples import DESCRIPTION
from app.partner_api.fields import Code, InstantOrDay, Words

MAX_LINES = 1_000
MAX_UNIT_PRICE_FEN = 10**10
LONGEST_PHONE = 32
EXAMPLE_PHONE = "13800138000"  # the operator's own service number: nobody's


def about(text: object, example: object = None) -> dict[str, Any]:
    return {"description": text} if example is None else {"description": text, "example": example}


def phone_field(*, required: bool = False) -> fields.String:
    """A member's mobile number; what is none is refused with its item."""
    default: dict[str, Any] = {} if required else {"load_default": ""}
    return fields.String(
        required=required,
        validate=validate.Length(1 if required else 0, LONGEST_PHONE),
        metadata=about(
            _("The member's mobile number, with its country code or of mainland China; kept sealed."),
            EXAMPLE_PHONE,
        ),
        **default,
    )


class LineSchema(Schema):
    """One line of a receipt."""

    sku = Code(64, required=True, metadata=about(_("Article code."), "LS-2107-NV"))
    description = Words(
        255,
        load_default="",
        metadata=about(_("What the receipt says; cut after 255 characters."), DESCRIPTION),
    )
    size = Code(16, shortest=0, load_default="", metadata=about(_("Size, where there is one."), "175/92A"))
    quantity = fields.Integer(
        strict=True,
        required=True,
        validate=validate.Range(1, MAX_QUANTITY),
        metadata=about(_("Pieces; positive for purchases and refunds alike."), 1),
    )
    unit_price_fen = fields.Integer(
        strict=True,
        required=True,
        validate=validate.Range(0, MAX_UNIT_PRICE_FEN),
        metadata=about(_("Price of one piece in the currency's smallest unit (fen); 0 for a gift."), 59900),
    )
    kind = fields.Enum(
        LineKind,
        by_value=fields.String,
        metadata=about(_("What the line stands for; left out: goods. Only goods start follow-ups.")),
    )


class _ReportSchema(Schema):
    """What purchases and refunds have in common."""

    ref = Code(
        64, required=True, metadata=about(_("The receipt's number, unique within your system for ever."))
    )
    store = Code(32, required=True, metadata=about(_("Code of the store."), "SH01"))
    customer = Code(
        64,
        shortest=0,
        load_default="",
        metadata=about(_("The member's code; empty or left out for an anonymous sale."), "M100234"),
    )
    seller = Code(
        64,
        shortest=0,
        load_default="",
        metadata=about(
            _("WeCom account of the associate who sold; an unknown one counts as none."), "chenjiahui"
        ),
    )
    occurred_at = InstantOrDay(
        required=True,
        metadata=about(
            _("Instant with its offset from UTC, or only the day where the time is not known."),
            "2026-03-01T18:30:00+08:00",
        ),
    )
    currency = Code(3, shortest=3, required=True, metadata=about(_("ISO 4217; must be the store's."), "CNY"))
    amount_fen = fields.Integer(
        strict=True,
        validate=validate.Range(0, MAX_AMOUNT_FEN),
        metadata=about(_("Total in fen. Required without lines; with lines it must equal their sum."), 59900),
    )
    lines = fields.List(
        fields.Nested(LineSchema),
        load_default=list,
        validate=validate.Length(max=MAX_LINES),
        metadata=about(_("The receipt's lines, where they are known.")),
    )

    @validates_schema
    def needs_a_total(self, data: dict[str, Any], **_more: Any) -> None:
        """Without lines nothing else says how much it was."""
        if not data.get("lines") and "amount_fen" not in data:
            raise ValidationError(str(_("Required where there are no lines.")), "amount_fen")


class PurchaseSchema(_ReportSchema):
    """A purchase (购买)."""

    phone = phone_field()


class RefundSchema(_ReportSchema):
    """A refund (退货), whole or in part."""

    cancels = Code(
        64,
        shortest=0,
        load_default="",
        metadata=about(
            _("Number of the purchase it cancels; left out, it is looked for by member and article.")
        ),
    )


class BatchSchema(Schema):
    """Purchases and refunds, together 1 to 500; purchases are applied first."""

    purchases = fields.List(
        fields.Nested(PurchaseSchema), load_default=list, validate=validate.Length(max=MAX_BATCH)
    )
    refunds = fields.List(
        fields.Nested(RefundSchema), load_default=list, validate=validate.Length(max=MAX_BATCH)
    )

    @validates_schema
    def fits_one_batch(self, data: dict[str, Any], **_more: Any) -> None:
        """Something, and not more than one transaction takes."""
        if not 1 <= len(data.get("purchases", ())) + len(data.get("refunds", ())) <= MAX_BATCH:
            raise ValidationError(str(_("Send 1 to 500 purchases and refunds together.")), "purchases")


class GivenSchema(Schema):
    """What we answer; it may gain fields, so readers must not refuse unknown ones."""

    class Meta:
        unknown = INCLUDE


class ResultSchema(GivenSchema):
    """What became of one item."""

    index = fields.Integer(
        required=True, metadata=about(_("Its place in the list that was sent, from 0."), 0)
    )
    ref = fields.String(required=True, metadata=about(_("Its number.")))
    status = fields.Enum(
        EventStatus,
        by_value=fields.String,
        required=True,
        metadata=about(
            _("applied: counted now. repeated: was counted before. refused: changed nothing, see code.")
        ),
    )
    code = fields.String(metadata=about(_("Why it was refused: one of the codes below."), "unknown_store"))
    message = fields.String(metadata=about(_("The same for people.")))


class CountsSchema(GivenSchema):
    """How many items became what."""

    applied = fields.Integer(required=True, metadata=about(_("How many were counted now.")))
    repeated = fields.Integer(required=True, metadata=about(_("How many were counted before.")))
    refused = fields.Integer(required=True, metadata=about(_("How many changed nothing.")))
    quarantined = fields.Integer(
        required=True, metadata=about(_("How many we keep aside because applying them failed on our side."))
    )


class AnswerSchema(CountsSchema):
    """One result per item, in the order in which they were sent."""

    purchases = fields.List(fields.Nested(ResultSchema), required=True)
    refunds = fields.List(fields.Nested(ResultSchema), required=True)


class PlaceSchema(GivenSchema):
    """One thing that is wrong in a request."""

    place = fields.String(
        required=True, metadata=about(_("Path to the field."), "purchases.3.lines.0.quantity")
    )
    message = fields.String(required=True)


class ProblemSchema(GivenSchema):
    """Why a request was refused as a whole (RFC 9457); nothing of it was applied."""

    type = fields.String(required=True)
    title = fields.String(required=True, metadata=about(_("For people.")))
    status = fields.Integer(required=True)
    code = fields.String(required=True, metadata=about(_("Stable; for programs."), "invalid"))
    place = fields.String(metadata=about(_("The first field that is wrong.")))
    errors = fields.List(fields.Nested(PlaceSchema), metadata=about(_("Everything that is wrong.")))


BATCH = BatchSchema()
