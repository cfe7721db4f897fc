"""A client nobody here wrote or changed, wecomkit, against a live sandbox: other HTTP library, other habits.

It is asynchronous (httpx), and pointed at the sandbox by its own setting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from wecomkit import AsyncWeComClient, WeComAPIError, WeComConfig

from tests.sandbox.corp import AGENT, CORP, SECRET

Work = Callable[[AsyncWeComClient], Awaitable[Any]]
Run = Callable[..., Any]


@pytest.fixture
def run(live_url: str) -> Run:
    """Do this with a client of its own; what it came to."""

    def run(work: Work, secret: str = SECRET) -> Any:
        async def with_client() -> Any:
            config = WeComConfig(corp_id=CORP, corp_secret=secret, base_url=live_url, timeout=60)
            async with AsyncWeComClient(config) as client:
                return await work(client)

        # In a thread of its own: a browser test of this process may have left its loop running in this one.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, with_client()).result()

    return run


def received(seeded: FlaskClient, userid: str) -> list[dict[str, Any]]:
    answer = seeded.get(f"/sandbox/messages?userid={userid}").json
    assert isinstance(answer, dict)
    return list(answer["messages"])


def test_it_buys_one_token_for_all_its_calls(run: Run, seeded: FlaskClient):
    async def work(client: AsyncWeComClient) -> list[str]:
        found = await asyncio.gather(*(client.users.get("lina") for _ in range(10)))
        return [account["name"] for account in found]

    assert run(work) == ["李娜"] * 10
    state = seeded.get("/sandbox/state").json
    assert state is not None
    assert (state["calls"]["gettoken"], state["calls"]["user/get"]) == (1, 10)


def test_its_messages_arrive(run: Run, seeded: FlaskClient):
    async def work(client: AsyncWeComClient) -> Any:
        await client.messages.send_text(AGENT, "您好，新品到店", to_user="LiNa|wangwei")
        return await client.messages.send_textcard(
            AGENT, "2 位会员等您联系", "林晓雯", "https://shop.example/h5/", to_user="lina|nobody"
        )

    assert run(work)["invaliduser"] == "nobody"
    assert [message["msgtype"] for message in received(seeded, "lina")] == ["text", "textcard"]
    [message] = received(seeded, "wangwei")
    assert message["body"] == {"content": "您好，新品到店"}


def test_its_cards_are_sent_and_changed_once(run: Run, seeded: FlaskClient):
    card = {
        "card_type": "button_interaction",
        "main_title": {"title": "30 分钟回访"},
        "task_id": "task-1",
        "button_list": [{"text": "已联系", "style": 1, "key": "done"}],
    }

    async def work(client: AsyncWeComClient) -> int:
        sent = await client.messages.send_template_card(AGENT, card, to_user="lina")
        done = {"replace_name": "已完成"}
        code = sent["response_code"]
        await client.messages.update_template_card(AGENT, code, userids=["lina"], button=done)
        with pytest.raises(WeComAPIError) as again:
            await client.messages.update_template_card(AGENT, code, userids=["lina"], button=done)
        return int(again.value.errcode)

    seeded.put("/sandbox/rules", json={"callback_url_set": True})
    assert run(work) != 0


def test_it_reads_departments_and_their_members(run: Run):
    async def work(client: AsyncWeComClient) -> set[str]:
        listed = (await client.departments.list())["department"]
        (shop,) = [department["id"] for department in listed if department["name"] == "万象城店"]
        members = await client.users.simple_list_by_department(shop)
        return {member["userid"].lower() for member in members["userlist"]}

    assert run(work) == {"lina", "wangwei"}


def test_its_files_come_back_as_they_went(run: Run, tmp_path: Path):
    async def work(client: AsyncWeComClient) -> bytes:
        kept = await client.media.upload_bytes(b"price list", "file", "价目表.txt")
        path = await client.media.download(kept["media_id"], tmp_path / "back.txt")
        content: bytes = path.read_bytes()
        return content

    assert run(work) == b"price list"


@pytest.mark.parametrize(
    ("errcode", "secret", "work"),
    [
        (40001, "not-the-secret", lambda client: client.users.get("lina")),
        (60111, SECRET, lambda client: client.users.get("nobody")),
        (81013, SECRET, lambda client: client.messages.send_text(AGENT, "您好", to_user="nobody")),
        (40029, SECRET, lambda client: client.auth.get_user_info_by_code("made-up")),
        (40007, SECRET, lambda client: client.media.get("made-up")),
    ],
)
def test_refusals_are_its_own_exceptions(run: Run, errcode: int, secret: str, work: Work):
    with pytest.raises(WeComAPIError) as refused:
        run(work, secret)
    assert refused.value.errcode == errcode
