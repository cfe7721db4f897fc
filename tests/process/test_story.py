"""The main job, end to end, as a newcomer meets it: a fresh copy, one command, a phone, a purchase, a message sent.

Nothing is prepared: the copy has no virtualenv, no database and no sandbox. Real processes, real HTTP, a real browser.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.servers.process import free_port

ROOT = Path(__file__).resolve().parents[2]
START_S = 240
TABLES = ("inbound", "orders", "order_lines", "refunds", "members", "enrollments", "purchase_imports")


@dataclass
class Installation:
    """A copy of this tree in a folder of its own, with ports of its own."""

    folder: Path
    web_port: int
    sandbox_port: int
    process: subprocess.Popen[str] | None = None

    @property
    def database(self) -> Path:
        return self.folder / ".local" / "dianban.sqlite3"

    def start(self) -> str:
        """Run scripts/run until it has printed its addresses; returns what it printed."""
        environment = {**os.environ, "WEB_PORT": str(self.web_port), "SANDBOX_PORT": str(self.sandbox_port)}
        for name in ("DATABASE_URL", "REDIS_URL"):
            environment.pop(name, None)
        out = self.folder / "out.txt"
        with out.open("w") as file:
            process = self.process = subprocess.Popen(
                [str(self.folder / "scripts" / "run")],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                preexec_fn=_hears_ctrl_c,
                text=True,
            )
        wait_until(lambda: "/partner/v1/docs" in out.read_text() or process.poll() is not None, START_S)
        assert process.poll() is None, out.read_text()
        return out.read_text()

    def press_ctrl_c(self) -> int:
        """What a terminal does: SIGINT to the foreground group. Returns the exit code."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()

    def counts(self) -> dict[str, object]:
        return {table: self.query(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)

    def travel(self, **wish: object) -> None:
        """Fast-forward as the sandbox's buttons do, and wait for the arrival."""
        url, key = f"http://127.0.0.1:{self.web_port}/sandbox-clock", {"X-Travel-Key": "sandbox-travel"}
        assert requests.post(url, json=wish, headers=key, timeout=30).status_code == 202
        wait_until(lambda: requests.get(url, headers=key, timeout=30).json()["arrived"], 120)


def _hears_ctrl_c() -> None:
    """As under a terminal: tests run in the background have it ignored, and bash cannot trap what is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends_at, "did not happen in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    made = Installation(folder, free_port(), free_port())
    yield made
    if made.process is not None and made.process.poll() is None:
        os.killpg(made.process.pid, signal.SIGTERM)
        made.process.wait(30)


@pytest.fixture(scope="session")
def base_url() -> str:
    """None of ours: every address here is whole."""
    return ""


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, object]) -> dict[str, object]:
    return {**browser_context_args, "viewport": {"width": 1280, "height": 860}, "locale": "zh-CN"}


def test_the_main_job_lived_from_a_fresh_copy(installation: Installation, page: Page, tmp_path: Path) -> None:
    printed = installation.start()
    assert re.findall(r"http://\S+", printed)[-3:] == [
        f"http://localhost:{installation.sandbox_port}/",
        f"http://localhost:{installation.web_port}/console/",
        f"http://localhost:{installation.web_port}/partner/v1/docs",
    ]
    userid, customer = somebody_soon_to_be_asked(installation)
    open_the_phone(installation, page, userid)
    the_notice_arrives_in_time(page)
    the_task_is_done_with_one_tap(installation, page, customer)
    what_was_over_before_the_start_was_never_opened(installation)
    installation.travel(seconds=95 * 86_400)
    balance = installation.run("scripts/reconcile")
    assert balance.returncode == 0, balance.stdout + balance.stderr
    assert "missing: 0" in balance.stdout
    assert "task done 1" in balance.stdout
    stopping_and_starting_again_loads_nothing_twice(installation)


def somebody_soon_to_be_asked(installation: Installation) -> tuple[str, str]:
    """An associate whose WeCom contact bought today, and that customer's name."""
    rows = installation.query(
        """SELECT a.wecom_userid, m.name FROM enrollments e
           JOIN members m ON m.id = e.member_id JOIN associates a ON a.id = m.owner_id
           JOIN external_contacts c ON c.member_id = m.id
           WHERE e.next_lane = 'minutes' ORDER BY e.next_due_at"""
    )
    assert rows, "the excerpt has nobody who bought on its last day and is in WeCom"
    return str(rows[0][0]), str(rows[0][1])


def open_the_phone(installation: Installation, page: Page, userid: str) -> None:
    """From the sandbox's front page, by name."""
    (name,) = installation.query(f"SELECT name FROM associates WHERE wecom_userid = '{userid}'")[0]
    page.goto(f"http://localhost:{installation.sandbox_port}/")
    page.locator(f"[data-userid={userid}]").filter(has_text=str(name)).click()
    expect(page).to_have_url(re.compile(rf"//{userid}\.localhost:"))


def the_notice_arrives_in_time(page: Page) -> None:
    """Fast-forward to the next thing due until the digest is on the phone."""
    notice = page.get_by_text(re.compile("位会员等你联系"))
    for _ in range(12):
        page.get_by_role("button", name="到下一件").click()
        expect(page.get_by_text(re.compile("^已到"))).to_be_visible(timeout=30_000)
        if notice.first.is_visible():
            break
        page.wait_for_timeout(1_500)
    expect(notice.first).to_be_visible()


def the_task_is_done_with_one_tap(installation: Installation, page: Page, customer: str) -> None:
    """From the push to the worklist, into the chat, one tap; the words are in the chat, the task has evidence."""
    page.get_by_text("店伴", exact=True).first.click()
    page.get_by_role("button", name="打开", exact=True).last.click()
    toolbar = page.frame_locator("iframe")
    item = toolbar.locator("[data-task]").filter(has_text=customer)
    expect(item.get_by_text("趁热道个谢")).to_be_visible(timeout=20_000)
    item.get_by_role("button", name="去聊天").click()
    expect(toolbar.get_by_role("heading", name=customer)).to_be_visible(timeout=20_000)
    words = toolbar.locator("[data-say]").first.text_content() or ""
    assert len(words) > 20
    toolbar.get_by_role("button", name="发送").first.click()
    expect(toolbar.get_by_role("button", name="已发送")).to_be_visible(timeout=15_000)
    expect(page.get_by_text(words[:20]).first).to_be_visible()
    done = "SELECT t.evidence, t.sent_text, w.state FROM follow_up_tasks t JOIN work_items w ON w.id = t.work_item_id"
    wait_until(lambda: ("client_reported", words, "done") in installation.query(done), 15)


def what_was_over_before_the_start_was_never_opened(installation: Installation) -> None:
    """Thanks for purchases of earlier days: recorded with the reason, without a task."""
    rows = installation.query(
        "SELECT DISTINCT outcome, task_id FROM step_records WHERE reason = 'before_start'"
    )
    assert rows == [("expired", None)]


def stopping_and_starting_again_loads_nothing_twice(installation: Installation) -> None:
    before = installation.counts()
    assert installation.press_ctrl_c() == 0
    for port in (installation.web_port, installation.sandbox_port):
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/", timeout=2)
    installation.start()
    assert installation.counts() == before
    assert installation.press_ctrl_c() == 0
