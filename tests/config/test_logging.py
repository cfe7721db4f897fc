"""What is logged: one JSON object per line, without secrets and without anybody's number."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from config.logging import configure_logging

MOBILE = "13800138000"


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """What was logged during the test; logging is put back as it was."""
    root = logging.getLogger()
    before, level, sink = list(root.handlers), root.level, io.StringIO()
    configure_logging("INFO")
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(sink)
    found: list[dict[str, Any]] = []
    yield found
    found.extend(json.loads(line) for line in sink.getvalue().splitlines())
    root.handlers[:], root.level = before, level
    structlog.reset_defaults()


def logged(log: Any) -> list[dict[str, Any]]:
    """Everything the handler wrote so far."""
    stream = logging.getLogger().handlers[0].stream  # type: ignore[attr-defined]
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_own_and_a_librarys_lines_look_alike(lines: list[dict[str, Any]]):
    structlog.get_logger().info("fired", done=3)
    logging.getLogger("some.library").warning("slow %s", "query")
    first, second = logged(lines)
    assert (first["event"], first["done"], first["level"]) == ("fired", 3, "info")
    assert (second["event"], second["level"]) == ("slow query", "warning")


@pytest.mark.parametrize("name", ["secret", "access_token", "phone", "code", "authorization", "csrf"])
def test_values_with_such_a_name_are_blanked(lines: list[dict[str, Any]], name: str):
    structlog.get_logger().info("event_of_theirs", **{name: "canary-77"}, inner={name: "canary-77"})
    assert "canary-77" not in json.dumps(logged(lines))


@pytest.mark.parametrize(
    "text",
    [
        f"called {MOBILE} twice",
        f"https://a.example/cgi-bin/gettoken?corpid=ww1&corpsecret={MOBILE}s",
        f"redirected to /h5/login/callback?code=x{MOBILE}&state=y{MOBILE}",
    ],
)
def test_numbers_and_secrets_inside_texts_are_blanked(lines: list[dict[str, Any]], text: str):
    structlog.get_logger().info(text, also=[text])
    logging.getLogger("urllib3").warning("%s", text)
    assert MOBILE not in json.dumps(logged(lines))


def test_a_traceback_is_blanked_too(lines: list[dict[str, Any]]):
    try:
        raise ValueError(f"cannot reach {MOBILE}")
    except ValueError:
        structlog.get_logger().exception("failed")
    written = json.dumps(logged(lines))
    assert "cannot reach" in written
    assert MOBILE not in written


def test_ids_are_not_taken_for_numbers(lines: list[dict[str, Any]]):
    structlog.get_logger().info("opened", task_id=117745987765665792, text="order 11774598776566579")
    assert logged(lines)[0]["text"] == "order 11774598776566579"
