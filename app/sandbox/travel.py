"""Fast-forward: asking the app to move time, and following it with the sandbox's own clock.

The app decides when it has arrived: it drains what falls due on the way. The sandbox only relays.
"""

from __future__ import annotations

import json
from datetime import datetime
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from app.sandbox import handovers
from app.sandbox.calls import World
from app.sandbox.clock import SECOND, iso

TIMEOUT_S = 10
NEXT_DUE = "next_due"

# Never through a proxy: the app is on this machine.
_opener = build_opener(ProxyHandler({}))


class TravelRefused(Exception):
    """The journey did not begin or could not be followed; the message is for people, in Chinese."""


def start(world: World, wish: dict[str, Any]) -> dict[str, Any]:
    """Begin a journey: {"seconds": n} or {"to": "next_due"}; answers like `where`.

    Without an app to ask (no travel_url) seconds move the sandbox's clock alone. Raises TravelRefused.
    """
    asked = _checked(wish)
    if not world.settings.travel_url:
        return _move_alone(world, asked)
    _ask_app(world, asked)
    return where(world)


def where(world: World) -> dict[str, Any]:
    """The app's present time, adopted as our own: {now, target_at, arrived}; raises TravelRefused."""
    if not world.settings.travel_url:
        return _here(world)
    before = world.clock.offset
    answer = _ask_app(world, None)
    try:
        if world.clock.offset == before:  # else the app has told us a later one meanwhile
            world.clock.adopt(int(answer["offset_us"]))
            handovers.catch_up(world)
        target, arrived = answer.get("target_at"), bool(answer.get("arrived", True))
        target_ms = _milliseconds(target) if target else None
    except (KeyError, TypeError, ValueError):
        raise TravelRefused("店伴的回答看不懂：没有 offset_us 或时间不对") from None
    return {**_here(world), "target_ms": target_ms, "arrived": arrived}


def _checked(wish: dict[str, Any]) -> dict[str, Any]:
    if wish.get("to") == NEXT_DUE:
        return {"to": NEXT_DUE}
    seconds = wish.get("seconds")
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 < seconds <= 366 * 86_400:
        raise TravelRefused("只能快进 1 秒到 366 天")
    return {"seconds": seconds}


def _move_alone(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    if "seconds" not in asked:
        raise TravelRefused("沙箱没有连接店伴（SANDBOX_TRAVEL_URL 为空），不知道下一件是什么时候")
    world.clock.adopt(world.clock.offset + asked["seconds"] * SECOND)
    handovers.catch_up(world)
    return _here(world)


def _here(world: World) -> dict[str, Any]:
    now = world.clock.now()
    return {"now": iso(now), "now_ms": now // 1_000, "target_ms": None, "arrived": True}


def _ask_app(world: World, body: dict[str, Any] | None) -> dict[str, Any]:
    """POST the wish, or GET where it stands; its JSON object."""
    headers = {"X-Travel-Key": world.settings.travel_key, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = Request(world.settings.travel_url, data=data, headers=headers)  # noqa: S310  from the settings
    try:
        with _opener.open(request, timeout=TIMEOUT_S) as response:
            answer = json.load(response)
    except HTTPError as error:
        raise TravelRefused(_explained(error)) from None
    except (URLError, OSError, HTTPException):
        raise TravelRefused("店伴没有响应：请确认网站进程正在运行") from None
    except ValueError:
        raise TravelRefused("店伴的回答看不懂：不是 JSON") from None
    if not isinstance(answer, dict):
        raise TravelRefused("店伴的回答看不懂：不是 JSON 对象")
    return answer


def _explained(error: HTTPError) -> str:
    known = {
        401: "店伴拒绝了快进：钥匙不对（SANDBOX_TRAVEL_KEY）",
        403: "店伴拒绝了快进：钥匙不对（SANDBOX_TRAVEL_KEY），或不在沙箱模式",
        404: "店伴没有快进的入口：它不在沙箱模式，或 SANDBOX_TRAVEL_URL 不对",
    }
    if error.code in known:
        return known[error.code]
    detail = _detail_of(error)
    if error.code == 409:
        return detail or "现在不能快进：没有下一件，或还在路上"
    return f"店伴出错了（{error.code}）" + (f"：{detail}" if detail else "")


def _detail_of(error: HTTPError) -> str:
    """What a problem+json answer says, when it is one."""
    try:
        problem = json.load(error)
    except (ValueError, OSError):
        return ""
    said = problem.get("detail") or problem.get("title") if isinstance(problem, dict) else ""
    return str(said or "")[:200]


def _milliseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000)
