"""WeCom's error codes and the shape of its answers (facts 2 and 6)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Answer = dict[str, Any]


@dataclass(frozen=True)
class Download:
    """An answer that is a file, not JSON."""

    content: bytes
    content_type: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


TEXTS = {
    -1: "system busy",
    40001: "invalid credential",
    40003: "invalid userid",
    40004: "invalid media type",
    40005: "invalid type",
    40006: "invalid file size",
    40007: "invalid media_id",
    40008: "invalid message type",
    40009: "invalid image size",
    40011: "invalid video size",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40029: "invalid code",
    40031: "invalid useridlist",
    40032: "invalid useridlist size",
    40050: "chatid missing",
    40033: "invalid characters",
    40056: "invalid agentid",
    40057: "callback url check failed",
    40058: "invalid Request Parameter",
    40068: "invalid tagid",
    40071: "tag name already exist",
    40074: "news can not be secret",
    40093: "jsapi ticket signature error",
    40094: "invalid url",
    40096: "invalid external userid",
    40097: "member has not left",
    40098: "user not real name authenticated",
    40099: "customer count limit",
    40100: "customer is already being transferred",
    40123: "invalid image content",
    40126: "corp tag size out of limit",
    40128: "transferred too often",
    40129: "transfer in progress",
    40130: "handover and takeover are the same",
    40131: "handover does not follow this customer",
    41001: "access_token missing",
    41002: "corpid missing",
    41004: "secret missing",
    41006: "media_id missing",
    41008: "code missing",
    41009: "userid missing",
    41011: "agentid missing",
    41016: "title missing",
    41033: "missing description",
    41035: "missing external userid",
    41037: "missing contact way type",
    41038: "missing contact way scene",
    41039: "invalid contact way type",
    41040: "invalid contact way scene",
    41041: "contact way user size out of limit",
    41042: "invalid contact way style",
    41043: "missing config_id",
    41044: "invalid config_id",
    41045: "contact way size out of limit",
    41046: "missing group message id",
    41047: "invalid group message id",
    41048: "no customer to send to",
    41049: "missing welcome_code",
    41050: "invalid welcome_code",
    41051: "customer has started chatting",
    41054: "user not activated",
    41055: "group welcome template size out of limit",
    41058: "group welcome template not created by this app",
    41059: "missing moment_id",
    41060: "invalid moment_id",
    41061: "moment is not of this userid",
    41062: "moment not published by this userid",
    41063: "group message is being dispatched",
    41064: "attachments size out of limit",
    41065: "invalid attachment type",
    41067: "invalid moment type",
    41072: "invalid attachment scene",
    41073: "product description out of standard",
    41074: "product album deleted",
    41075: "invalid product album id",
    41080: "attachment size out of limit",
    41081: "attachment resolution out of limit",
    41082: "attachment duration out of limit",
    41085: "invalid product_sn",
    41086: "invalid price",
    41087: "invalid description",
    41088: "attachments empty",
    41089: "moment has neither text nor attachments",
    41090: "invalid video format",
    41091: "too many chats of a join way",
    41093: "group message cancelled",
    41094: "too many reminders",
    41096: "welcome msg is being distributed",
    42001: "access_token expired",
    42003: "oauth_code expired",
    42012: "invalid jsapi_ticket",
    42014: "invalid taskid",
    42015: "agent of message not match",
    42016: "task_id not exist",
    42017: "button key not exist",
    42020: "button name missing",
    42022: "oauth_code used",
    42027: "template_card horizontal_content_list keyname missing",
    42028: "template_card url missing",
    42029: "template_card media_id missing",
    42030: "template_card appid invalid",
    42031: "template_card card_type invalid",
    42033: "template_card jump_list title missing",
    42035: "template_card horizontal_content_list size out of range",
    42036: "template_card vertical_content_list size out of range",
    42037: "template_card option_list size out of range",
    42038: "template_card button_list text invalid",
    42039: "template_card button_list key invalid",
    42040: "template_card option_list id invalid",
    42041: "template_card option_list text invalid",
    42042: "template_card jump_list size out of range",
    42043: "template_card question_key invalid",
    42044: "template_card card_image invalid",
    42045: "template_card card_action missing",
    42046: "template_card submit_button key invalid",
    42047: "template_card select_list size out of range",
    42049: "template_card submit_button text invalid",
    42050: "template_card horizontal_content_list userid invalid",
    42051: "template_card action_menu key conflict",
    42052: "msgid expired",
    43012: "not set callback url",
    44001: "empty media data",
    44004: "empty content",
    45001: "media size out of limit",
    45002: "content size out of limit",
    45007: "playtime out of limit",
    45008: "article size out of limit",
    45009: "api freq out of limit",
    45033: "api concurrent out of limit",
    45034: "url scheme missing",
    45035: "concurrent write conflict",
    46004: "user not exist",
    48002: "api forbidden for agent",
    48009: "api forbidden for this ip with contacts-sync secret",
    50001: "redirect_uri domain not trusted",
    50002: "member not in scope",
    50003: "app disabled",
    60003: "department not found",
    60011: "no privilege to access/modify contact/party/agent",
    60020: "not allow to access from your ip",
    60111: "userid not found",
    60123: "invalid party id",
    81011: "no permission to operate this tag",
    81013: "user & party & tag all invalid",
    81017: "too many members without a filter",
    82001: "all receivers empty",
    82002: "toparty size out of limit",
    82003: "totag size out of limit",
    84014: "user_ticket expired",
    84015: "invalid user_ticket",
    84061: "not external contact",
    84074: "no external contact permission",
    90200: "mini program appid missing",
    90201: "content_item size out of limit",
    90202: "content_item key invalid",
    90203: "content_item value invalid",
    90207: "invalid mini program appid",
    90500: "owner has not left",
    90501: "not a customer group",
    90502: "owner has left",
    90504: "owner not changed",
    90507: "group is being inherited",
    90508: "group already inherited",
    91040: "invalid ticket type",
    92000: "member out of scope",
    92006: "living has begun or is cancelled",
    92007: "replay cannot be deleted",
    92008: "no permission on this living",
    301002: "not allow operate another agent with this accesstoken",
    301016: "voice out of limit",
    301017: "voice is not amr",
    660003: "out of scope of pay",
    701008: "all userids unlicensed",
    830002: "media too large, use Range",
}


class WeComError(Exception):
    """A refusal in WeCom's manner: an error code, and fields that the answer carries all the same."""

    def __init__(self, code: int, detail: str = "", **fields: Any) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.fields = fields


def ok(**fields: Any) -> Answer:
    """A success; errcode comes first as WeCom writes it."""
    return {"errcode": 0, "errmsg": "ok", **fields}


def refusal(error: WeComError, ip: str, now: int, lists: Iterable[str] = ()) -> Answer:
    """The error body of facts 2: short text, hint, the caller's address, where to read more, and empty `lists`.

    errmsg is for people: facts 2 says never to compare it. HTTP status stays 200.
    """
    text = TEXTS.get(error.code, "error")
    if error.detail:
        text = f"{text}: {error.detail}"
    hint = f"{now // 1_000_000}_{secrets.randbelow(100)}_{secrets.token_hex(16)}"
    page = f"https://open.work.weixin.qq.com/devtool/query?e={error.code}"
    message = f"{text}, hint: [{hint}], from ip: {ip}, more info at {page}"
    return {"errcode": error.code, "errmsg": message, **{name: [] for name in lists}, **error.fields}
