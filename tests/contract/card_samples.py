"""Cards to send in a test, the fixtures that send them, and a look at the phone they arrive on."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from app.wecom.cards import Button, ButtonCard, MenuEntry, Option, Question, SelectCard, VoteCard
from tests.wecom.local_sandbox import LocalSandbox

URL = "http://localhost:8000/h5/worklist"
SIZES = Question("size", "尺码", (Option("s", "小"), Option("l", "大", is_checked=True)))
MENU = (MenuEntry("不再提醒", "mute"),)
_tasks = count(1)


def task_id() -> str:
    return f"contract-{next(_tasks)}"


def buttons(**changes: Any) -> ButtonCard:
    card = ButtonCard(
        title="林晓雯 要跟进",
        subtitle="第 3 步",
        values=(("门店", "万象城店"),),
        buttons=(Button("已联系", "done"), Button("换一天", "later", style=2)),
        task_id=task_id(),
    )
    return replace(card, **changes)


def vote(**changes: Any) -> VoteCard:
    return replace(VoteCard("选一个", "", SIZES, "提交", "send", task_id()), **changes)


def select(**changes: Any) -> SelectCard:
    return replace(SelectCard("选几个", "", (SIZES,), "提交", "send", task_id()), **changes)


def shown(corp: LocalSandbox, userid: str) -> dict[str, Any]:
    """The card on this member's phone as it looks now."""
    [message] = corp.messages(userid)
    card: dict[str, Any] = message["body"]
    return card


def press(
    corp: LocalSandbox, userid: str, key: str, selected: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    """Tap the only card on this phone; the event that WeCom is going to tell us."""
    [message] = corp.messages(userid)
    sent = {"userid": userid, "event_key": key, "selected": selected}
    corp.control("POST", f"cards/{message['id']}/press", sent)
    event: dict[str, Any] = corp.control("GET", "callbacks?limit=1000000")["callbacks"][-1]["fields"]
    return event
