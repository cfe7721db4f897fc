"""The pages a login passes: OAuth inside WeCom and QR login in a browser (facts 3.2)."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from app.sandbox import hosts
from app.sandbox.answers import TEXTS
from app.sandbox.api import world_of
from app.sandbox.calls import World
from app.sandbox.codes import make_code
from app.sandbox.people import find_person
from app.sandbox.roster import people_of

logins = Blueprint("logins", __name__)

_STATE = re.compile(r"[a-zA-Z0-9]{0,128}")

REASONS = {
    40013: "appid 不是这家企业的 CorpID",
    40056: "agentid 不是这家企业的应用",
    40058: "请求参数不符合文档",
    50001: "redirect_uri 的域名不是应用的可信域名",
}


@logins.get("/connect/oauth2/authorize")
def authorize() -> AnyResponse:
    """OAuth web login: sends the phone's member back with a code, without a question.

    The phone is known by its host label, of this request or of the redirect address; on a bare host a
    page asks whose phone it is. Wrong requests get a page that names the error code, with status 400.
    """
    wrong = _wrong_request(world_of(), ("snsapi_base", "snsapi_privateinfo"))
    if wrong is not None:
        return _refuse(*wrong)
    return _send_back_or_ask("这是谁的手机？")


@logins.get("/wwlogin/sso/login")
def qr_login() -> AnyResponse:
    """QR login for a browser: instead of scanning, one picks who scans."""
    wrong = _wrong_request(world_of(), None)
    if wrong is not None:
        return _refuse(*wrong)
    return _send_back_or_ask("谁来扫码登录？", by_host=False)


def _wrong_request(world: World, scopes: tuple[str, ...] | None) -> tuple[int, str] | None:
    """The error code and the field at fault; None for a proper request. `scopes` None is a QR login."""
    args = request.args
    agent_id = args.get("agentid", "")
    if args.get("appid") != world.settings.corp_id:
        return 40013, "appid"
    if agent_id and (not agent_id.isdigit() or world.settings.app_of_agent(int(agent_id)) is None):
        return 40056, "agentid"
    if not hosts.is_trusted(world.settings, args.get("redirect_uri", "")):
        return 50001, "redirect_uri"
    if not _STATE.fullmatch(args.get("state", "")):
        return 40058, "state：只能是 a-zA-Z0-9，最长 128 字节"
    if scopes is None:
        return None if args.get("login_type") == "CorpApp" and agent_id else (40058, "login_type、agentid")
    return _wrong_oauth(scopes, agent_id)


def _wrong_oauth(scopes: tuple[str, ...], agent_id: str) -> tuple[int, str] | None:
    if request.args.get("response_type") != "code":
        return 40058, "response_type"
    scope = request.args.get("scope")
    if scope not in scopes or (scope == "snsapi_privateinfo" and not agent_id):
        return 40058, "scope"
    return None


def _send_back_or_ask(question: str, by_host: bool = True) -> AnyResponse:
    world = world_of()
    redirect_uri = request.args["redirect_uri"]
    userid = request.args.get("as")
    if userid is None and by_host:
        userid = hosts.userid_of(request.host) or hosts.userid_of(urlsplit(redirect_uri).netloc)
    with world.store.reading() as connection:
        person = find_person(connection, userid) if userid else None
        if person is None:
            return _ask(question, people_of(connection, request.args.get("q", "")))
    agent_id = request.args.get("agentid")
    code = make_code(world, person["userid"], int(agent_id) if agent_id else None)
    return redirect(_with_code(redirect_uri, code, request.args.get("state", "")))


def _ask(question: str, people: list[dict[str, object]]) -> Response:
    asked = [(name, value) for name, value in request.args.items() if name not in ("as", "q")]
    return make_response(
        render_template("login.html", question=question, people=people, asked=asked, query=urlencode(asked))
    )


def _refuse(code: int, place: str) -> Response:
    page = render_template(
        "refused.html", code=code, text=TEXTS.get(code, ""), reason=REASONS[code], place=place
    )
    return make_response(page, 400)


def _with_code(redirect_uri: str, code: str, state: str) -> str:
    """The redirect address with code and state added to whatever query it had."""
    parts = urlsplit(redirect_uri)
    query = [*parse_qsl(parts.query, keep_blank_values=True), ("code", code), ("state", state)]
    return urlunsplit(parts._replace(query=urlencode(query)))
