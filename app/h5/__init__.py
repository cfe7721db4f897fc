"""The toolbar (聊天工具栏) and the worklist (我的任务) of associates, inside WeCom.

The server cannot know which chat is open: the first page asks the client, then fetches the part about that member.
"""

from __future__ import annotations

from flask import Flask

from app.h5.acts import acts
from app.h5.api import api
from app.h5.links import links
from app.h5.pages import pages


def register(app: Flask) -> None:
    """Add these routes."""
    app.register_blueprint(pages)
    app.register_blueprint(api)
    app.register_blueprint(acts)
    app.register_blueprint(links)
