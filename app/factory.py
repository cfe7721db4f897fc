"""The composition root: everything the web process is made of is put together here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog
from flask import Flask
from sqlalchemy.exc import DBAPIError

from app import callbacks, clock, console, h5, partner_api, sandbox_clock, welcome
from app.assets import Assets
from app.db import Database
from app.http.compression import install_compression
from app.http.database_trouble import is_passing
from app.http.headers import PagePolicy, install_headers
from app.http.policy import refuse_undeclared
from app.http.problems import install_problems
from app.pages.setup import install_pages
from app.public_ids import PublicIds
from app.sessions import install_sessions
from app.wecom.app import open_app
from app.wecom.port import Credentials, WeComPort

if TYPE_CHECKING:
    from config.settings import Settings

HERE = Path(__file__).parent
CACHE = HERE.parent / ".local" / "static"
MAX_BODY_BYTES = 8 * 1024 * 1024
STUB = frozenset({"stub"})

log = structlog.get_logger(__name__)


def create_app(settings: Settings, *, wecom: WeComPort | None = None) -> Flask:
    """The web application. `wecom` replaces the real port in tests. Raises `Conflict` for a moved production clock."""
    app = Flask(__name__, static_folder=None)
    is_sandbox = settings.mode == "sandbox"
    database = Database(settings.database_url)
    assets = Assets(HERE / "static", CACHE, without=frozenset() if is_sandbox else STUB)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.extensions.update(
        settings=settings,
        database=database,
        wecom=wecom or _open_wecom(settings),
        public_ids=PublicIds(settings.secret_key),
    )
    install_headers(app, _page_policy(settings))
    install_compression(app)
    app.before_request(refuse_undeclared)
    install_sessions(app)
    install_pages(app, assets)
    for face in (welcome, h5, console, partner_api, callbacks):
        face.register(app)
    if is_sandbox:
        sandbox_clock.register(app)
    else:
        _refuse_moved_clock(database)
    install_problems(app)
    app.wsgi_app = assets.serve(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _refuse_moved_clock(database: Database) -> None:
    """Where the database is away the process starts all the same: callbacks then go to its spool."""
    try:
        with database.reading() as session:
            clock.refuse_offset(session)
    except DBAPIError as error:
        if not is_passing(error):
            raise
        log.warning("clock_not_checked", error=type(error.orig).__name__)


def _open_wecom(settings: Settings) -> WeComPort:
    credentials = Credentials(settings.wecom_corp_id, settings.wecom_agent_id, settings.wecom_secret)
    return open_app(
        credentials, settings.wecom_api_url, settings.redis_url, settings.database_url, settings.secret_key
    )


def _page_policy(settings: Settings) -> PagePolicy:
    """The SDK's origin may bring a script; the sandbox's phones may frame the toolbar and what customers open."""
    scripts = (_origin(settings.wecom_jssdk_url),) if settings.wecom_jssdk_url else ()
    if settings.mode != "sandbox":
        return PagePolicy(scripts, https=settings.public_url.startswith("https:"))
    sandbox: Any = urlsplit(settings.wecom_oauth_url)
    phones = (
        f"http://localhost:{sandbox.port} http://*.localhost:{sandbox.port} http://127.0.0.1:{sandbox.port}"
    )
    return PagePolicy(scripts, framed_by={"/h5/": phones, "/join/": phones})


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
