"""Where WeCom calls us (接收消息服务器): verify, keep, answer, within a second whatever the database does.

An event goes to the inbox, or, when the database is away, to a spool on this machine's disk that every web process
drains. What an event means is not known here.
"""

from __future__ import annotations

from app.callbacks.routes import register, start_draining

__all__ = ["register", "start_draining"]
