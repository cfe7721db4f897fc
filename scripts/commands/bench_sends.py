"""What sending an app message costs the sender's processor: the port beside wechatpy's bare client.

Both send the same card to the same server process on this machine, in turns, each over the connection it keeps.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.wecom.app import open_app
from app.wecom.bodies import DUPLICATE_CHECK_S, TextCard, render
from app.wecom.port import Credentials
from tests.wecom.bare_wechatpy import bare_client

AGENT = 1000002
CARD = TextCard(
    "6 位会员等您联系",
    tuple(f"林晓雯 · 30 分钟回访 · 第 {number} 次" for number in range(1, 7)),
    "http://localhost:8000/h5/worklist",
    "去联系",
)
WARM_UP = 20


@dataclass(frozen=True, slots=True)
class SendCost:
    """Seconds of processor time for all `sends` of either side."""

    ours_s: float
    bare_s: float
    sends: int

    @property
    def ratio(self) -> float:
        """Ours to wechatpy's."""
        return self.ours_s / self.bare_s


def bench_sends(blocks: int, sends_a_block: int) -> SendCost:
    """Alternate blocks of sends; whoever goes first changes with each."""
    with _loopback() as url:
        sides = [_ours(url), _bare(url)]
        for send in sides:
            _cost(send, WARM_UP)
        spent = [0.0, 0.0]
        for block in range(blocks):
            for side in (0, 1) if block % 2 else (1, 0):
                spent[side] += _cost(sides[side], sends_a_block)
    return SendCost(spent[0], spent[1], blocks * sends_a_block)


def _cost(send: Callable[[], None], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        send()
    return time.process_time() - began


def _ours(url: str) -> Callable[[], None]:
    app = open_app(Credentials("ww0123456789", AGENT, "secret"), url)

    def send() -> None:
        app.send_app_message(render(AGENT, ("lina",), CARD))

    return send


def _bare(url: str) -> Callable[[], None]:
    client = bare_client(url)

    def send() -> None:
        check = {"enable_duplicate_check": 1, "duplicate_check_interval": DUPLICATE_CHECK_S}
        client.message.send(AGENT, ["lina"], msg={**CARD.as_dict(), **check})

    return send


@contextmanager
def _loopback() -> Iterator[str]:
    command = [sys.executable, "-m", "scripts.commands.loopback_wecom"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.communicate()  # its input ends, and so does it
