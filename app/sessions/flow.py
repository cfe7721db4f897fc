"""Signing in, by cookie and redirect; the identity and the CSRF check of every request that has one."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import structlog
from flask import Flask, current_app, g, redirect, request
from flask import Response as FlaskResponse
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response

from app.associates.models import Role
from app.associates.queries import Actor, find_actor_by_userid
from app.errors import Forbidden
from app.http import ANYONE, allow, allowed
from app.http.parts import current_database
from app.http.problems import problem, wants_page
from app.sessions import service
from app.sessions.callback import CALLBACK
from app.sessions.origins import own_origin
from app.wecom.errors import WeComError, WeComMisconfigured, WeComRejected
from app.wecom.oauth import LoginPages
from app.wecom.port import WeComPort

T = TypeVar("T")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LOGIN_LIFE_S = 600
CSRF_BYTES = 32
CSRF_TOKEN = re.compile(rf"[0-9a-f]{{{4 * CSRF_BYTES}}}")
log = structlog.get_logger()


@dataclass(frozen=True)
class Face:
    """A face people sign in to. Its cookies are sent to its own paths only; `enter` is WeCom's page for signing in."""

    name: str
    path: str
    life: timedelta
    enter: Callable[[str, str], str]

    @property
    def cookie(self) -> str:
        """The session cookie's name."""
        return f"dianban_{self.name}"

    @property
    def login_cookie(self) -> str:
        """The name of the cookie that ties a sign-in under way to this browser."""
        return f"dianban_{self.name}_login"

    @property
    def callback_path(self) -> str:
        """Where WeCom sends the person back to."""
        return f"{self.path}/login/callback"


def _pages() -> LoginPages:
    settings = current_app.extensions["settings"]
    return LoginPages(
        settings.wecom_corp_id, settings.wecom_agent_id, settings.wecom_oauth_url, settings.wecom_login_url
    )


def _oauth_page(back: str, state: str) -> str:
    return _pages().authorize_url(back, state)


def _qr_page(back: str, state: str) -> str:
    return _pages().qr_login_url(back, state)


H5 = Face("h5", "/h5", timedelta(days=7), _oauth_page)
CONSOLE = Face("console", "/console", timedelta(hours=12), _qr_page)
FACES = {face.name: face for face in (H5, CONSOLE)}


def install_sign_in(app: Flask) -> None:
    """Identify the person before each request of a face, and serve both ways back from WeCom and out."""
    app.before_request(identify)
    app.register_error_handler(WeComError, _wecom_down)
    for face in FACES.values():
        app.add_url_rule(face.callback_path, f"{face.name}_login", _login_view(face))
        app.add_url_rule(f"{face.path}/logout", f"{face.name}_logout", _logout_view(face), methods=["POST"])


def current_actor() -> Actor:
    """Who is asking; only in routes whose policy names roles."""
    actor: Actor = g.actor
    return actor


def csrf_token(session_token: str | None = None) -> str:
    """A token every write of this session must carry in `X-CSRF-Token` (or the form field `csrf_token`).

    Of the request's session, or of the one that was just begun. Masked with fresh random bits, so that no two answers
    hold the same text (BREACH).
    """
    mask = secrets.token_bytes(CSRF_BYTES)
    return (mask + _xor(mask, _csrf_code(session_token))).hex()


def identify() -> Response | None:
    """Before each request: find the actor, hold them to the route's policy, check the token of a write."""
    roles = allowed() & {str(role) for role in Role}
    if not roles:
        return None
    face = _face()
    token = request.cookies.get(face.cookie, "")
    with current_database().reading() as session:
        actor = service.find_signed_in(session, face.name, token)
        left = service.find_void_owner(session, token) if actor is None else None
    if left is not None:
        current_database().in_transaction(lambda session: service.drop_void_sessions(session, left))
    if actor is None:
        return _sign_in(face)
    if actor.role not in roles:
        raise Forbidden("not_for_this_role")
    if request.method not in SAFE:
        _check_csrf()
    g.actor = actor
    return None


def _sign_in(face: Face) -> Response:
    """Send a person to WeCom; where they come back to is the page asked for, never something they named."""
    if request.method != "GET" or not wants_page():
        raise Unauthorized
    next_path = request.full_path.rstrip("?")
    return go_to_login(face, next_path if len(next_path) <= 512 else face.path)


def go_to_login(face: Face, next_path: str) -> Response:
    """Begin a sign-in of this browser and go to WeCom's page for it."""
    browser = request.cookies.get(face.login_cookie) or service.new_token()
    state = current_database().in_transaction(
        lambda session: service.begin_login(session, face.name, browser, next_path)
    )
    response = redirect(face.enter(own_origin() + face.callback_path, state))
    _set_cookie(response, face.login_cookie, browser, face.path, LOGIN_LIFE_S)
    return response


def _login_view(face: Face) -> Callable[[], Response]:
    @allow(ANYONE)
    def come_back() -> Response:
        """Back from WeCom: the state is used up first, then the code is exchanged, then a new session begins."""
        came = CALLBACK.load(request.args.to_dict())
        browser = request.cookies.get(face.login_cookie, "")
        database = current_database()
        with database.transaction() as session:
            next_path = service.use_state(session, face.name, browser, came["state"])
        token = begin_session(face, _userid_of(came["code"]))
        response = redirect(next_path)
        set_session_cookie(response, face, token)
        response.delete_cookie(face.login_cookie, path=face.path)
        return response

    return come_back


def begin_session(face: Face, userid: str | None) -> str:
    """Sign in whoever has this account, in place of whom this browser was; returns the session's token.

    Raises `Forbidden` for somebody who is no associate.
    """
    with current_database().transaction() as session:
        actor = find_actor_by_userid(session, userid) if userid else None
        if actor is None:
            raise Forbidden("unknown_person")
        service.end_session(session, request.cookies.get(face.cookie, ""))
        token = service.open_session(session, face.name, actor.associate_id, face.life)
    log.info("signed_in", face=face.name, associate_id=actor.associate_id)
    return token


def set_session_cookie(response: Response, face: Face, token: str) -> None:
    """Give the browser its session, for as long as it lives."""
    _set_cookie(response, face.cookie, token, face.path, int(face.life.total_seconds()))


def _logout_view(face: Face) -> Callable[[], Response]:
    @allow(*Role)
    def sign_out() -> Response:
        with current_database().transaction() as session:
            service.end_session(session, request.cookies.get(face.cookie, ""))
        response = redirect("/")
        response.delete_cookie(face.cookie, path=face.path)
        return response

    return sign_out


def _userid_of(code: str) -> str | None:
    """The account of the corp behind a code; None for somebody from outside. Raises `Forbidden` for a bad code."""
    return exchange(lambda wecom: wecom.login_of(code).wecom_userid)


def exchange(ask: Callable[[WeComPort], T]) -> T:
    """What WeCom says a code is worth. Raises `Forbidden` where it refuses the code."""
    wecom: WeComPort = current_app.extensions["wecom"]
    try:
        return ask(wecom)
    except WeComMisconfigured:
        raise
    except WeComRejected as error:
        log.warning("login_refused", errcode=error.errcode)
        raise Forbidden("login_refused") from error


def _wecom_down(error: WeComError) -> FlaskResponse:
    """WeCom's trouble is not the person's fault: say so, and that patience helps only where it does."""
    log.error("wecom_failed", reason=str(error))
    if isinstance(error, WeComMisconfigured):
        return problem(502, "wecom_misconfigured")
    return problem(503, "wecom_unavailable")


def _check_csrf() -> None:
    given = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    if not CSRF_TOKEN.fullmatch(given):
        raise Forbidden("csrf")
    token = bytes.fromhex(given)
    if not hmac.compare_digest(_xor(token[:CSRF_BYTES], token[CSRF_BYTES:]), _csrf_code()):
        raise Forbidden("csrf")


def _csrf_code(session_token: str | None = None) -> bytes:
    """What the session's cookie and our key make together; nobody has both but us."""
    key = current_app.extensions["settings"].secret_key.encode()
    cookie = request.cookies.get(_face().cookie, "") if session_token is None else session_token
    return hmac.new(key, b"csrf:" + cookie.encode(), hashlib.sha256).digest()


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _set_cookie(response: Response, name: str, value: str, path: str, max_age: int) -> None:
    secure = current_app.extensions["settings"].mode == "production"
    response.set_cookie(name, value, max_age=max_age, path=path, secure=secure, httponly=True, samesite="Lax")


def _face() -> Face:
    """The face of this request, by its path; a route whose policy names roles belongs to one."""
    return next(face for face in FACES.values() if request.path.startswith(face.path + "/"))
