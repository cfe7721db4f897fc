"""What a message may contain, by type: checks and truncation (facts 3.14). Sending is in messages."""

from __future__ import annotations

from collections.abc import Callable

from app.sandbox.answers import WeComError
from app.sandbox.calls import Body, list_of, object_of, text_of
from app.sandbox.cards import check_card, check_url
from app.sandbox.rules import Rules

TEXT_BYTES = 2_048
DEFAULT_BUTTON = "详情"


def content_of(body: Body, rules: Rules) -> Body:
    """The content as the phone will show it: checked, truncated where WeCom truncates.

    Raises 40008 for an unknown msgtype; each type's own codes stand at its function.
    """
    msgtype = body.get("msgtype")
    if msgtype == "template_card":
        card = object_of(body, "template_card")
        check_card(card, rules.callback_url_set)
        return card
    reader = _READERS.get(msgtype) if isinstance(msgtype, str) else None
    if reader is None or not isinstance(msgtype, str):
        raise WeComError(40008)
    return reader(object_of(body, msgtype))


def _text(content: Body) -> Body:
    """Empty is 44004; more than 2048 bytes is cut, not refused."""
    return {"content": _cut_bytes(text_of(content, "content", 44004), TEXT_BYTES)}


def _textcard(content: Body) -> Body:
    """Title and description are cut at 128 and 512 characters; the description is required (41033)."""
    title = text_of(content, "title")
    description = text_of(content, "description", 41033)
    check_url(content.get("url"), 40058)
    button = content.get("btntxt") or DEFAULT_BUTTON
    return {
        "title": title[:128],
        "description": description[:512],
        "url": content["url"],
        "btntxt": str(button)[:4],
    }


def _news(content: Body) -> Body:
    """1 to 8 articles (45008), each with a title and a page."""
    articles = list_of(content, "articles", 8, 45008)
    if not articles:
        raise WeComError(45008)
    shown = []
    for article in articles:
        if not isinstance(article, dict):
            raise WeComError(40058, "articles")
        check_url(article.get("url"), 40058)
        shown.append({**article, "title": text_of(article, "title")[:128]})
    return {"articles": shown}


def _media(content: Body) -> Body:
    """No media can be uploaded yet, so no media_id is good."""
    text_of(content, "media_id")
    raise WeComError(40007)


def _mini_program(content: Body) -> Body:
    """The app is no mini-program app (facts 3.14, miniprogram_notice)."""
    raise WeComError(48002)


def _cut_bytes(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")


_READERS: dict[str, Callable[[Body], Body]] = {
    "text": _text,
    "markdown": _text,
    "textcard": _textcard,
    "news": _news,
    "image": _media,
    "voice": _media,
    "video": _media,
    "file": _media,
    "mpnews": _media,
    "miniprogram_notice": _mini_program,
}
