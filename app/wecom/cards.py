"""Template cards (模板卡片消息) of all five kinds (facts 3.14).

Lengths of texts are WeCom's recommendations and not enforced here or there; lists that are too long and keys that
clash are refused there, and are a ValueError here, before anything is sent. `task_id` is unique in the app and
needed wherever a tap comes back to us; a card may be sent without one where it only leads somewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

TASK_ID = re.compile(r"[0-9A-Za-z_\-@]{1,128}")
KEY_BYTES = 1024
VALUES = 6
LINKS = 3
LINES = 4
BUTTONS = 6
MENU_ENTRIES = 3
BUTTON_OPTIONS = 10
VOTE_OPTIONS = 20
SELECTORS = 3

Values = tuple[tuple[str, str], ...]


class Card(Protocol):
    """Any of the five kinds."""

    def as_card(self) -> dict[str, Any]:
        """The object `template_card`."""
        ...


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """An entry of the menu at a card's corner; a tap comes back as template_card_menu_event with `key`."""

    text: str
    key: str


@dataclass(frozen=True, slots=True)
class Button:
    """A button: with `url` it leads there, else a tap comes back with `key`. Styles are 1 to 4, the first is blue."""

    text: str
    key: str = ""
    url: str = ""
    style: int = 1

    def as_dict(self) -> dict[str, Any]:
        """As WeCom wants it."""
        leads = {"type": 1, "url": self.url} if self.url else {"type": 0, "key": self.key}
        return {"text": self.text, "style": self.style, **leads}


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a card's question."""

    id: str
    text: str
    is_checked: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A question with options; what was chosen comes back by `key`."""

    key: str
    title: str
    options: tuple[Option, ...]

    def as_select(self) -> dict[str, Any]:
        """As a drop-down list; the first option that is checked is selected."""
        checked = [option.id for option in self.options if option.is_checked]
        selected = {"selected_id": checked[0]} if checked else {}
        options = [{"id": option.id, "text": option.text} for option in self.options]
        return {"question_key": self.key, "title": self.title, **selected, "option_list": options}


@dataclass(frozen=True, slots=True)
class NoticeCard:
    """text_notice: a title, named values (six at most), one link."""

    title: str
    subtitle: str
    values: Values
    url: str
    task_id: str = ""
    menu: tuple[MenuEntry, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """A message of it."""
        return _message(self)

    def as_card(self) -> dict[str, Any]:
        """The object `template_card`."""
        return {
            "card_type": "text_notice",
            "main_title": {"title": self.title},
            "sub_title_text": self.subtitle,
            "horizontal_content_list": _values(self.values),
            "card_action": {"type": 1, "url": self.url},
            **_identity(self.task_id, self.menu, needed=False),
        }


@dataclass(frozen=True, slots=True)
class PictureCard:
    """news_notice: a picture, up to four lines of title and text, one link."""

    title: str
    subtitle: str
    image_url: str
    lines: Values
    url: str
    task_id: str = ""
    menu: tuple[MenuEntry, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """A message of it."""
        return _message(self)

    def as_card(self) -> dict[str, Any]:
        """The object `template_card`."""
        lines = [{"title": title, "desc": text} for title, text in self.lines[:LINES]]
        return {
            "card_type": "news_notice",
            "main_title": {"title": self.title, "desc": self.subtitle},
            "card_image": {"url": self.image_url},
            "vertical_content_list": lines,
            "card_action": {"type": 1, "url": self.url},
            **_identity(self.task_id, self.menu, needed=False),
        }


@dataclass(frozen=True, slots=True)
class ButtonCard:
    """button_interaction: one to six buttons below named values, optionally a drop-down list beside them.

    With `done` in place of working buttons it is what a card becomes once its matter is settled: one grey text.
    """

    title: str
    subtitle: str
    values: Values
    buttons: tuple[Button, ...]
    task_id: str
    url: str = ""
    question: Question | None = None
    menu: tuple[MenuEntry, ...] = ()
    done: str = ""

    def as_dict(self) -> dict[str, Any]:
        """A message of it."""
        return _message(self)

    def as_card(self) -> dict[str, Any]:
        """The object `template_card`."""
        _check_count(self.buttons, BUTTONS)
        _check_keys([button.key for button in self.buttons if not button.url])
        card: dict[str, Any] = {
            "card_type": "button_interaction",
            "main_title": {"title": self.title},
            "sub_title_text": self.subtitle,
            "horizontal_content_list": _values(self.values),
            "button_list": [button.as_dict() for button in self.buttons],
            **_identity(self.task_id, self.menu),
        }
        if self.url:
            card["card_action"] = {"type": 1, "url": self.url}
        if self.question:
            _check_count(self.question.options, BUTTON_OPTIONS)
            card["button_selection"] = self.question.as_select()
        if self.done:
            card["replace_text"] = self.done
        return card


@dataclass(frozen=True, slots=True)
class VoteCard:
    """vote_interaction: one question with up to 20 options, and a button that submits the choice with `submit_key`."""

    title: str
    subtitle: str
    question: Question
    submit: str
    submit_key: str
    task_id: str
    many: bool = False
    menu: tuple[MenuEntry, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """A message of it."""
        return _message(self)

    def as_card(self) -> dict[str, Any]:
        """The object `template_card`."""
        _check_count(self.question.options, VOTE_OPTIONS)
        options = [{"id": o.id, "text": o.text, "is_checked": o.is_checked} for o in self.question.options]
        return {
            "card_type": "vote_interaction",
            "main_title": {"title": self.title, "desc": self.subtitle},
            "checkbox": {
                "question_key": self.question.key,
                "option_list": options,
                "mode": 1 if self.many else 0,
            },
            "submit_button": {"text": self.submit, "key": self.submit_key},
            **_identity(self.task_id, self.menu),
        }


@dataclass(frozen=True, slots=True)
class SelectCard:
    """multiple_interaction: up to three drop-down lists, and a button that submits the choices with `submit_key`."""

    title: str
    subtitle: str
    questions: tuple[Question, ...]
    submit: str
    submit_key: str
    task_id: str
    menu: tuple[MenuEntry, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """A message of it."""
        return _message(self)

    def as_card(self) -> dict[str, Any]:
        """The object `template_card`."""
        _check_count(self.questions, SELECTORS)
        _check_keys([question.key for question in self.questions])
        for question in self.questions:
            _check_count(question.options, BUTTON_OPTIONS)
        return {
            "card_type": "multiple_interaction",
            "main_title": {"title": self.title, "desc": self.subtitle},
            "select_list": [question.as_select() for question in self.questions],
            "submit_button": {"text": self.submit, "key": self.submit_key},
            **_identity(self.task_id, self.menu),
        }


def _message(card: Card) -> dict[str, Any]:
    return {"msgtype": "template_card", "template_card": card.as_card()}


def _values(values: Values) -> list[dict[str, str]]:
    return [{"keyname": name, "value": value} for name, value in values[:VALUES]]


def _identity(task_id: str, menu: Sequence[MenuEntry], *, needed: bool = True) -> dict[str, Any]:
    """task_id and action_menu, where there are any; raises ValueError for a task_id that is none."""
    if (needed or menu or task_id) and not TASK_ID.fullmatch(task_id):
        raise ValueError("task_id: 1 to 128 of 0-9 a-z A-Z _ - @")
    known: dict[str, Any] = {"task_id": task_id} if task_id else {}
    if menu:
        _check_count(menu, MENU_ENTRIES)
        _check_keys([entry.key for entry in menu])
        known["action_menu"] = {
            "desc": "",
            "action_list": [{"text": entry.text, "key": entry.key} for entry in menu],
        }
    return known


def _check_count(items: Sequence[object], most: int) -> None:
    if not 0 < len(items) <= most:
        raise ValueError(f"1 to {most}, not {len(items)}")


def _check_keys(keys: Sequence[str]) -> None:
    if len(set(keys)) != len(keys) or any(not 0 < len(key.encode()) <= KEY_BYTES for key in keys):
        raise ValueError("keys differ from each other and have 1 to 1024 bytes")
