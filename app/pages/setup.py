"""Languages and the Jinja environment of every page."""

from __future__ import annotations

from flask import Flask, has_request_context, request
from flask.json.provider import DefaultJSONProvider
from flask_babel import Babel, get_locale

from app.assets import Assets
from app.pages import formats, words
from app.sessions import csrf_token

CHINESE = "zh_Hans_CN"
ENGLISH = "en"


def install_pages(app: Flask, assets: Assets) -> None:
    """Chinese first, English for a browser that asks for it; formats and addresses for templates."""
    assert isinstance(app.json, DefaultJSONProvider)
    app.json.ensure_ascii = False  # Chinese as it is: six times shorter
    Babel(app, default_locale=CHINESE, default_timezone="UTC", locale_selector=_choose_locale)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(asset=assets.url, csrf_token=csrf_token, language=_language, words=words)
    app.jinja_env.filters.update(
        money=formats.money,
        day=formats.day,
        clock=formats.clock,
        days_ago=formats.days_ago,
        until=formats.until,
        percent=formats.percent,
        initial=formats.initial,
    )


def _choose_locale() -> str:
    if not has_request_context():
        return CHINESE
    wanted = request.accept_languages.best_match(["zh-CN", "zh", ENGLISH])
    return ENGLISH if wanted == ENGLISH else CHINESE


def _language() -> str:
    return "en" if str(get_locale()) == ENGLISH else "zh-CN"
