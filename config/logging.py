"""Logging: one JSON object per line on standard error, for our own code and for every library.

Nothing that identifies a person or opens a door is written: names below are blanked, and inside any text
mobile numbers and secrets in a query string are.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

SECRET_NAMES = frozenset(
    {
        *("access_token", "api_key", "authorization", "code", "cookie", "corpsecret", "csrf", "key"),
        *("password", "phone", "secret", "state", "ticket", "token"),
    }
)
MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
SECRET_IN_QUERY = re.compile(r"\b(access_token|corpsecret|code|secret|state|ticket)=([^&\s\"']+)")
BLANK = "***"


def configure_logging(level: str) -> None:
    """Route structlog and the standard library's logging through the same chain. May be called again."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        blank_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _as_json()],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def blank_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Blank values by their name, and mobile numbers and secrets wherever they stand in a text."""
    return {name: BLANK if name in SECRET_NAMES else _clean(value) for name, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return SECRET_IN_QUERY.sub(rf"\1={BLANK}", MOBILE.sub(BLANK, value))
    if isinstance(value, dict):
        return {name: BLANK if name in SECRET_NAMES else _clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value


def _as_json() -> Processor:
    return structlog.processors.JSONRenderer(ensure_ascii=False)
