"""Hard checks on template cards (facts 3.14). Recommended text lengths are not enforced: WeCom does not either.

The codes are those of WeCom's table of error codes; where it has none, 40058.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.sandbox import callbacks, media, rules
from app.sandbox.answers import WeComError
from app.sandbox.calls import Body, list_of, object_of, whole_number

NOTICE_CARDS = {"text_notice", "news_notice"}
CALLBACK_CARDS = {"button_interaction", "vote_interaction", "multiple_interaction"}
KEY_BYTES = 1_024
OPTION_ID_BYTES = 128
CALLBACK, PAGE, MINI_PROGRAM = 0, 1, 2

_TASK_ID = re.compile(r"[0-9A-Za-z_\-@]{1,128}")


@dataclass(frozen=True)
class Sender:
    """What a check needs to know beside the message: the state file, the time, the app's rules."""

    connection: sqlite3.Connection
    now: int
    rules: rules.Rules

    @property
    def has_callback_url(self) -> bool:
        """Whether the app can be told of a tap: by rule, or because an address was configured."""
        address = callbacks.address_of(self.connection)
        return self.rules.callback_url_set or (address is not None and address.verified)

    def check_media(self, media_id: str, kind: str) -> None:
        """Raises 40007 for no media of this kind."""
        media.check(self.connection, self.now, media_id, media.MEDIA, kind)

    def knows(self, userid: object) -> bool:
        """Whether there is such a member."""
        query = "SELECT 1 FROM person WHERE userid = ?"
        return self.connection.execute(query, (str(userid),)).fetchone() is not None


def check_card(card: Body, sender: Sender, *, is_update: bool = False) -> None:
    """Refuse a card as WeCom would.

    The three interactive types, and a card with action_menu, need a callback URL (43012) and a task_id (42014),
    which a card that replaces another one may leave out.
    """
    kind = card.get("card_type")
    if not isinstance(kind, str) or kind not in NOTICE_CARDS | CALLBACK_CARDS:
        raise WeComError(42031)
    if kind in CALLBACK_CARDS or card.get("action_menu"):
        if not sender.has_callback_url:
            raise WeComError(43012)
        if not card.get("task_id") and not is_update:
            raise WeComError(42014)
    _check_task_id(card)
    _check_lists(card, sender)
    _OF_KIND[kind](card)
    if "card_action" in card or kind in NOTICE_CARDS:
        _check_card_action(card, sender, optional=kind not in NOTICE_CARDS)


def actions_of(card: Mapping[str, Any]) -> list[str]:
    """The keys a tap on the card itself may have; none once its button is a grey text."""
    if card.get("replace_text"):
        return []
    if card.get("card_type") == "button_interaction":
        buttons = card.get("button_list") or []
        return [button["key"] for button in buttons if button.get("type", CALLBACK) == CALLBACK]
    return [card["submit_button"]["key"]] if card.get("card_type") in CALLBACK_CARDS else []


def menu_keys_of(card: Mapping[str, Any]) -> list[str]:
    """The keys of the menu at the card's corner."""
    menu = card.get("action_menu") or {}
    return [action["key"] for action in menu.get("action_list") or []]


def check_url(url: object, missing: int) -> None:
    """A url must be there (`missing`), name http or https (45034) and have at most 2048 bytes (40094)."""
    if not isinstance(url, str) or not url:
        raise WeComError(missing)
    if not url.startswith(("http://", "https://")):
        raise WeComError(45034)
    if len(url.encode()) > 2048:
        raise WeComError(40094)


def _check_task_id(card: Body) -> None:
    task_id = card.get("task_id")
    if task_id is not None and (not isinstance(task_id, str) or not _TASK_ID.fullmatch(task_id)):
        raise WeComError(42014)


def _check_lists(card: Body, sender: Sender) -> None:
    for item in list_of(card, "horizontal_content_list", 6, 42035):
        _check_row(_as_object(item), sender)
    for item in list_of(card, "jump_list", 3, 42042):
        jump = _as_object(item)
        if not jump.get("title"):
            raise WeComError(42033)
        _check_target(jump, sender)
    for item in list_of(card, "vertical_content_list", 4, 42036):
        if not _as_object(item).get("title"):
            raise WeComError(42033)
    if card.get("quote_area") is not None:
        _check_target(object_of(card, "quote_area"), sender)
    menu = card.get("action_menu")
    if menu is not None:
        _check_menu(list_of(_as_object(menu), "action_list", 3, 40058))


def _check_row(row: Body, sender: Sender) -> None:
    if not row.get("keyname"):
        raise WeComError(42027)
    kind = whole_number(row, "type", 0)
    if kind == 1:
        check_url(row.get("url"), 42028)
    elif kind == 2:
        if not row.get("media_id"):
            raise WeComError(42029)
        sender.check_media(str(row["media_id"]), "file")
    elif kind == 3 and not (row.get("userid") and sender.knows(row["userid"])):
        raise WeComError(42050)


def _check_text_notice(card: Body) -> None:
    title = card.get("main_title")
    if not (isinstance(title, dict) and title.get("title")) and not card.get("sub_title_text"):
        raise WeComError(40058, "main_title.title or sub_title_text")


def _check_news_notice(card: Body) -> None:
    image = card.get("card_image")
    if image is None:
        object_of(card, "image_text_area")
        return
    ratio = image.get("aspect_ratio", 1.3) if isinstance(image, dict) else 0
    if not isinstance(image, dict) or not image.get("url") or not isinstance(ratio, int | float):
        raise WeComError(42044)
    if not 1.3 <= ratio <= 2.25:
        raise WeComError(42044)


def _check_buttons(card: Body) -> None:
    """1 to 6 buttons with a text each; one that calls back has a key of its own, one that leads has a url."""
    buttons = [_as_object(button) for button in list_of(card, "button_list", 6, 40058)]
    if not buttons:
        raise WeComError(40058, "button_list")
    for button in buttons:
        _check_text(button, 42038)
        if whole_number(button, "type", CALLBACK) == PAGE:
            check_url(button.get("url"), 42028)
    back = [button for button in buttons if button.get("type", CALLBACK) == CALLBACK]
    _check_keys(back, "key", KEY_BYTES, 42039)
    selection = card.get("button_selection")
    if selection is not None:
        _check_question(_as_object(selection), 10)


def _check_vote(card: Body) -> None:
    checkbox = object_of(card, "checkbox")
    if whole_number(checkbox, "mode", 0) not in (0, 1):
        raise WeComError(40058, "checkbox.mode")
    _check_question(checkbox, 20)
    _check_submit(card)


def _check_multiple(card: Body) -> None:
    selectors = [_as_object(item) for item in list_of(card, "select_list", 3, 42047)]
    if not selectors:
        raise WeComError(42047)
    _check_keys(selectors, "question_key", KEY_BYTES, 42043)
    for selector in selectors:
        _check_question(selector, 10)
    _check_submit(card)


def _check_question(question: Body, most: int) -> None:
    """A question has a key, and 1 to `most` options with ids of their own and a text each."""
    _check_keys([question], "question_key", KEY_BYTES, 42043)
    options = [_as_object(option) for option in list_of(question, "option_list", most, 42037)]
    if not options:
        raise WeComError(42037)
    _check_keys(options, "id", OPTION_ID_BYTES, 42040)
    for option in options:
        _check_text(option, 42041)


def _check_submit(card: Body) -> None:
    button = object_of(card, "submit_button", 42046)
    if not isinstance(button.get("text", ""), str):
        raise WeComError(42049)
    _check_keys([button], "key", KEY_BYTES, 42046)


def _check_menu(actions: list[Any]) -> None:
    if not actions:
        raise WeComError(42051)
    _check_keys([_as_object(action) for action in actions], "key", KEY_BYTES, 42051)


def _check_keys(items: list[Body], name: str, most: int, code: int) -> None:
    """Every item has this key, a string of at most `most` bytes, and no two have the same one."""
    keys = [item.get(name) for item in items]
    if any(not isinstance(key, str) or not 0 < len(key.encode()) <= most for key in keys):
        raise WeComError(code)
    if len(set(keys)) != len(keys):
        raise WeComError(code)


def _check_text(item: Body, code: int) -> None:
    if not isinstance(item.get("text"), str) or not item["text"]:
        raise WeComError(code)


def _check_card_action(card: Body, sender: Sender, *, optional: bool) -> None:
    action = object_of(card, "card_action", 42045)
    allowed = (0, PAGE, MINI_PROGRAM) if optional else (PAGE, MINI_PROGRAM)
    if whole_number(action, "type", 0) not in allowed:
        raise WeComError(42045)
    _check_target(action, sender)


def _check_target(target: Body, sender: Sender) -> None:
    """Where a tap leads: nowhere (0), a page (1, http or https), a mini program linked to the app (2)."""
    kind = whole_number(target, "type", 0)
    if kind == PAGE:
        check_url(target.get("url"), 42028)
    elif kind == MINI_PROGRAM and (
        not sender.rules.mini_program or target.get("appid") != sender.rules.mini_program
    ):
        raise WeComError(42030)


def _as_object(item: object) -> Body:
    if not isinstance(item, dict):
        raise WeComError(40058, "not an object")
    return item


_OF_KIND: dict[str, Callable[[Body], None]] = {
    "text_notice": _check_text_notice,
    "news_notice": _check_news_notice,
    "button_interaction": _check_buttons,
    "vote_interaction": _check_vote,
    "multiple_interaction": _check_multiple,
}
