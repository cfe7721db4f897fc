"""What a message may contain, by type: checks and truncation (facts 3.14). Sending is in messages."""

from __future__ import annotations

from collections.abc import Callable

from app.sandbox.answers import WeComError
from app.sandbox.calls import Body, list_of, object_of, optional_text, text_of, whole_number
from app.sandbox.cards import Sender, check_card, check_url
from app.sandbox.id_translation import translated

TEXT_BYTES = 2_048
ARTICLE_BYTES = 666 * 1024  # error code 45002
DEFAULT_BUTTON = "详情"
ITEMS_MOST = 10


def content_of(body: Body, sender: Sender) -> Body:
    """The content as the phone will show it: checked, truncated where WeCom truncates, ids replaced where wanted.

    Raises 40008 for an unknown msgtype, 40074 for secret news, 40058 for a `safe` there is not; each type's own
    codes stand at its function.
    """
    msgtype = body.get("msgtype")
    reader = _READERS.get(msgtype) if isinstance(msgtype, str) else None
    if reader is None or not isinstance(msgtype, str):
        raise WeComError(40008)
    _check_safe(msgtype, whole_number(body, "safe", 0))
    if msgtype == "miniprogram_notice" and body.get("touser") == "@all":
        raise WeComError(40031)
    content = reader(object_of(body, msgtype), sender)
    if whole_number(body, "enable_id_trans", 0) == 1:
        return {**translated(sender.connection, content)}
    return content


def _check_safe(msgtype: str, safe: int) -> None:
    """0 or 1 (secret, not for news); 2 is for mpnews alone."""
    if safe not in (0, 1, 2) or (safe == 2 and msgtype != "mpnews"):
        raise WeComError(40058, "safe")
    if safe == 1 and msgtype == "news":
        raise WeComError(40074)


def _template_card(card: Body, sender: Sender) -> Body:
    check_card(card, sender)
    return card


def _text(content: Body, _: Sender) -> Body:
    """Empty is 44004; more than 2048 bytes is cut, not refused."""
    return {"content": _cut_bytes(text_of(content, "content", 44004), TEXT_BYTES)}


def _textcard(content: Body, _: Sender) -> Body:
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


def _news(content: Body, sender: Sender) -> Body:
    """1 to 8 articles (45008), each with a title (41016) and a page or a page of the linked mini program."""
    shown = []
    for article in _articles(content):
        if article.get("appid") and article.get("pagepath"):
            _check_mini_program(str(article["appid"]), sender)
        else:
            check_url(article.get("url"), 40058)
        shown.append({**article, "title": text_of(article, "title", 41016)[:128]})
    return {"articles": shown}


def _mpnews(content: Body, sender: Sender) -> Body:
    """1 to 8 articles (45008), each with a title, a picture of the media store and a text up to 666 kB (45002)."""
    shown = []
    for article in _articles(content):
        sender.check_media(text_of(article, "thumb_media_id", 40007), "image")
        if len(text_of(article, "content", 44004).encode()) > ARTICLE_BYTES:
            raise WeComError(45002)
        shown.append({**article, "title": text_of(article, "title", 41016)[:128]})
    return {"articles": shown}


def _articles(content: Body) -> list[Body]:
    articles = list_of(content, "articles", 8, 45008)
    if not articles:
        raise WeComError(45008)
    if not all(isinstance(article, dict) for article in articles):
        raise WeComError(40058, "articles")
    return articles


def _media(kind: str) -> Callable[[Body, Sender], Body]:
    """A file of this kind that is in the store and has not expired (40007)."""

    def read(content: Body, sender: Sender) -> Body:
        sender.check_media(text_of(content, "media_id", 40007), kind)
        return {"media_id": content["media_id"]}

    return read


def _video(content: Body, sender: Sender) -> Body:
    """Like other media; title and description are cut at 128 and 512 bytes."""
    shown = _media("video")(content, sender)
    for name, most in (("title", 128), ("description", 512)):
        shown[name] = _cut_bytes(optional_text(content, name) or "", most)
    return shown


def _mini_program(content: Body, sender: Sender) -> Body:
    """For an app with a linked mini program (48002): 90200 without appid, 90207 another one's, 90201 more than ten
    items, 90202 a key or 90203 a value wrong or too long, 40058 a title out of 4 to 12 characters."""
    if not sender.rules.mini_program:
        raise WeComError(48002)
    _check_mini_program(text_of(content, "appid", 90200), sender)
    title, description = text_of(content, "title"), optional_text(content, "description")
    for text in (title, *([description] if description else [])):
        if not 4 <= len(text) <= 12:
            raise WeComError(40058, "4 to 12 characters")
    for item in list_of(content, "content_item", ITEMS_MOST, 90201):
        for name, most, code in (("key", 10, 90202), ("value", 30, 90203)):
            value = item.get(name) if isinstance(item, dict) else None
            if not isinstance(value, str) or not 0 < len(value) <= most:
                raise WeComError(code)
    return content


def _check_mini_program(appid: str, sender: Sender) -> None:
    if appid != sender.rules.mini_program:
        raise WeComError(90207)


def _cut_bytes(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")


_READERS: dict[str, Callable[[Body, Sender], Body]] = {
    "text": _text,
    "markdown": _text,
    "textcard": _textcard,
    "news": _news,
    "mpnews": _mpnews,
    "image": _media("image"),
    "voice": _media("voice"),
    "video": _video,
    "file": _media("file"),
    "miniprogram_notice": _mini_program,
    "template_card": _template_card,
}
