"""What WeCom adds to the address it sends people back to."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate


class CallbackSchema(Schema):
    """`code` is at most 512 bytes; the QR login also adds fields that we have no use for."""

    class Meta:
        unknown = EXCLUDE

    code = fields.String(required=True, validate=validate.Length(1, 512))
    state = fields.String(required=True, validate=validate.Length(1, 128))


CALLBACK = CallbackSchema()
