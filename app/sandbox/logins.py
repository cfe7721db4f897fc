"""The pages a login passes: OAuth inside WeCom and QR login in a browser (facts 3.2)."""

from __future__ import annotations

import re
import sqlite3
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from app.sandbox import codes, hosts, scope
from app.sandbox.answers import TEXTS
from app.sandbox.api import world_of
from app.sandbox.calls import World
from app.sandbox.codes import BASE, PRIVATE
from app.sandbox.people import find_person
from app.sandbox.roster import people_of

logins = Blueprint("logins", __name__)

_STATE = re.compile(r"[a-zA-Z0-9]{0,128}")

# What the consent page asks for; the rest of getuserdetail goes with it in WeCom's client too.
ASKED_FOR = ("mobile", "email", "biz_mail", "avatar", "gender", "qr_code", "address")

REASONS = {
    40013: "appid 不是这家企业的 CorpID",
    40056: "agentid 不是这家企业的应用",
    40058: "请求参数不符合文档",
    50001: "redirect_uri 的域名不是应用的可信域名",
    50002: "这个成员不在应用的可见范围内",
}


@logins.get("/connect/oauth2/authorize")
def authorize() -> AnyResponse:
    """OAuth web login: sends the phone's member back with a code, without a question (snsapi_base) or after
    asking once what the app may know (snsapi_privateinfo).

    The phone is known by its host label, of this request or of the redirect address; on a bare host a
    page asks whose phone it is. `as` names a member, or a customer who opened the page in WeChat.
    Wrong requests get a page that names the error code, with status 400.
    """
    wrong = _wrong_request(world_of(), (BASE, PRIVATE))
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
    wanted = request.args.get("scope")
    if wanted not in scopes or (wanted == PRIVATE and not agent_id):
        return 40058, "scope"
    return None


def _send_back_or_ask(question: str, by_host: bool = True) -> AnyResponse:
    world = world_of()
    name = request.args.get("as")
    if name is None and by_host:
        name = hosts.userid_of(request.host) or hosts.userid_of(urlsplit(request.args["redirect_uri"]).netloc)
    with world.store.reading() as connection:
        if name and by_host and _is_customer(connection, name):
            return _send_back(codes.make_outside_code(world, name, _agent_id()))
        person = find_person(connection, name) if name else None
        if person is None:
            return _ask(question, people_of(connection, request.args.get("q", "")))
        if not scope.sees(connection, person["userid"]):
            return _refuse(50002, person["userid"])
    return _send_member_back(world, person["userid"])


def _send_member_back(world: World, userid: str) -> AnyResponse:
    """With a code; before the first one of scope privateinfo the member is asked."""
    agent_id, wanted = _agent_id(), request.args.get("scope", BASE)
    if wanted == PRIVATE and agent_id is not None:
        with world.store.writing() as connection:
            if "agreed" in request.args:
                agreed = request.args["agreed"].split(",")
                codes.consent(connection, agent_id, userid, agreed, world.clock.now())
            if codes.consented(connection, agent_id, userid) is None:
                return _ask_consent(userid)
    return _send_back(codes.make_code(world, userid, agent_id, wanted))


def _send_back(code: str) -> AnyResponse:
    return redirect(_with_code(request.args["redirect_uri"], code, request.args.get("state", "")))


def _agent_id() -> int | None:
    agent_id = request.args.get("agentid")
    return int(agent_id) if agent_id else None


def _is_customer(connection: sqlite3.Connection, name: str) -> bool:
    row = connection.execute("SELECT 1 FROM contact WHERE external_userid = ?", (name,)).fetchone()
    return row is not None


def _ask_consent(userid: str) -> Response:
    asked = urlencode([(name, value) for name, value in request.args.items() if name not in ("as", "agreed")])
    return make_response(
        render_template("consent.html", userid=userid, query=asked, everything=",".join(ASKED_FOR))
    )


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
