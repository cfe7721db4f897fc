"""Signing in from the mini program (facts 7.4): its code for a session of the toolbar's face.

A mini program keeps no cookies by itself: it is given the session's token and sends it back as the face's cookie, and
with every write the CSRF token in `X-CSRF-Token`.
"""

from __future__ import annotations

from flask import Flask, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate

from app.errors import Forbidden
from app.http import ANYONE, allow, load_json, load_query
from app.http.strangers import reading_a_strangers_body
from app.sessions.flow import H5, begin_session, csrf_token, exchange, set_session_cookie

MOST_BYTES = 4_096
PATH = f"{H5.path}/api/mini-program/session"


class CodeSchema(Schema):
    """What wx.qy.login gave the mini program: at most 512 bytes, good once, within five minutes."""

    code = fields.String(required=True, validate=validate.Length(1, 512))


CODE = CodeSchema()


def install_mini_program(app: Flask) -> None:
    """Add the route."""
    app.add_url_rule(PATH, "mini_program_session", begin, methods=["POST"])


@allow(ANYONE)
def begin() -> ResponseReturnValue:
    """The session of whoever opened the mini program; 403 for a code WeCom refuses, another corp, or no associate."""
    load_query()
    request.max_content_length = MOST_BYTES
    with reading_a_strangers_body():
        request.get_data()
    code = load_json(CODE)["code"]
    login = exchange(lambda wecom: wecom.logins.mini_program(code))
    if login.corp_id != current_app.extensions["settings"].wecom_corp_id:
        raise Forbidden("unknown_person")
    token = begin_session(H5, login.wecom_userid)
    response = jsonify(
        cookie=H5.cookie,
        token=token,
        csrf_token=csrf_token(token),
        expires_in_s=int(H5.life.total_seconds()),
    )
    response.status_code = 201
    set_session_cookie(response, H5, token)
    return response
