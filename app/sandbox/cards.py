"""Hard checks on template cards (facts 3.14). Recommended text lengths are not enforced: WeCom does not either."""

from __future__ import annotations

import re
from typing import Any

from app.sandbox.answers import WeComError
from app.sandbox.calls import Body, list_of, object_of, whole_number

NOTICE_CARDS = {"text_notice", "news_notice"}
CALLBACK_CARDS = {"button_interaction", "vote_interaction", "multiple_interaction"}

_TASK_ID = re.compile(r"[0-9A-Za-z_\-@]{1,128}")


def check_card(card: Body, callback_url_set: bool) -> None:
    """Refuse a card as WeCom would.

    The three interactive types, and a card with action_menu, need a callback URL (43012); this
    sandbox sends no card callbacks yet, so interactive types stop there.
    """
    kind = card.get("card_type")
    if kind not in NOTICE_CARDS | CALLBACK_CARDS:
        raise WeComError(42031)
    if kind in CALLBACK_CARDS or card.get("action_menu"):
        if not callback_url_set:
            raise WeComError(43012)
        if not card.get("task_id"):
            raise WeComError(42014)
    _check_task_id(card)
    _check_lists(card)
    if kind in NOTICE_CARDS:
        _check_notice(card, kind)


def _check_task_id(card: Body) -> None:
    task_id = card.get("task_id")
    if task_id is not None and (not isinstance(task_id, str) or not _TASK_ID.fullmatch(task_id)):
        raise WeComError(42014)


def _check_lists(card: Body) -> None:
    for item in list_of(card, "horizontal_content_list", 6, 42035):
        _check_row(_as_object(item))
    for item in list_of(card, "jump_list", 3, 42042):
        jump = _as_object(item)
        if not jump.get("title"):
            raise WeComError(42033)
        _check_target(jump)
    list_of(card, "vertical_content_list", 4, 42036)
    menu = card.get("action_menu")
    if isinstance(menu, dict):
        _check_action_keys(list_of(menu, "action_list", 3, 40058))


def _check_row(row: Body) -> None:
    if not row.get("keyname"):
        raise WeComError(42027)
    kind = whole_number(row, "type", 0)
    if kind == 1:
        check_url(row.get("url"), 42028)
    elif kind == 2 and not row.get("media_id"):
        raise WeComError(42029)
    elif kind == 3 and not row.get("userid"):
        raise WeComError(42050)


def _check_notice(card: Body, kind: str) -> None:
    if kind == "text_notice":
        title = card.get("main_title")
        if not (isinstance(title, dict) and title.get("title")) and not card.get("sub_title_text"):
            raise WeComError(40058, "main_title.title or sub_title_text")
    else:
        _check_picture(card)
    action = object_of(card, "card_action", 42045)
    if whole_number(action, "type", 0) not in (1, 2):
        raise WeComError(42045)
    _check_target(action)


def _check_picture(card: Body) -> None:
    image = card.get("card_image")
    if image is None:
        object_of(card, "image_text_area")
        return
    ratio = image.get("aspect_ratio", 1.3) if isinstance(image, dict) else 0
    if not isinstance(image, dict) or not image.get("url") or not 1.3 <= float(ratio) <= 2.25:
        raise WeComError(42044)


def _check_target(target: Body) -> None:
    """Where a tap leads: nowhere (0), a page (1, http or https), a linked mini program (2: none here)."""
    kind = whole_number(target, "type", 0)
    if kind == 1:
        check_url(target.get("url"), 42028)
    elif kind == 2:
        raise WeComError(42030)


def _check_action_keys(actions: list[Any]) -> None:
    keys = [_as_object(action).get("key") for action in actions]
    if not keys or len(set(keys)) != len(keys):
        raise WeComError(42051)


def check_url(url: object, missing: int) -> None:
    """A url must be there (`missing`), name http or https (45034) and have at most 2048 bytes (40094)."""
    if not isinstance(url, str) or not url:
        raise WeComError(missing)
    if not url.startswith(("http://", "https://")):
        raise WeComError(45034)
    if len(url.encode()) > 2048:
        raise WeComError(40094)


def _as_object(item: object) -> Body:
    if not isinstance(item, dict):
        raise WeComError(40058, "not an object")
    return item
