"""Processes that die at the worst places, with the running sandbox: nothing lost, nothing seen twice."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from app import failpoints
from app.lanes import Deadline
from app.messaging.delivery import deliver_due
from app.messaging.models import MessageState
from tests.house.source import ROOT
from tests.messaging.conftest import Office
from tests.wecom.local_sandbox import OURS, LocalSandbox

pytestmark = pytest.mark.process
WORKER = """
import sys
from app.db import Database
from app.failpoints import arm
from app.lanes import Deadline
from app.messaging.delivery import deliver_due
from app.messaging.digests import DigestSender, OpenItem, gather_due
from app.wecom.app import open_app
from app.wecom.port import Credentials

database_url, api_url, corp, agent, secret, place = sys.argv[1:]
arm([place], is_sandbox=True)
database = Database(database_url)
open_items = lambda session, ids: {i: OpenItem(i) for i in ids}
sender = DigestSender(int(agent), "http://localhost:8000/h5/worklist", open_items)
gather_due(database, sender, Deadline(10))
deliver_due(database, open_app(Credentials(corp, int(agent), secret), api_url), Deadline(10))
"""


def work_and_die(database_url: str, sandbox: LocalSandbox, place: str) -> int:
    """A worker process gathers and delivers, and dies at this place; its exit code."""
    given = [database_url, sandbox.url, OURS.corp_id, str(OURS.agent_id), OURS.secret, place]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", WORKER, *given], env=environment, timeout=60, check=False
    ).returncode


@pytest.mark.parametrize(
    ("place", "shown_at_once"),
    [("gather.rendered", 0), ("push.claimed", 0), ("push.called", 1), ("push.recorded", 1), ("nowhere", 1)],
)
def test_a_crash_is_made_good_and_the_associate_sees_one_message(
    office: Office, sandbox: LocalSandbox, database_url: str, place: str, shown_at_once: int
):
    before = len(sandbox.messages("lina"))
    office.write((1, 11))
    office.travel(120)
    died = work_and_die(database_url, sandbox, place)
    assert died == (0 if place == "nowhere" else failpoints.KILLED)
    assert len(sandbox.messages("lina")) - before == shown_at_once
    office.check()
    office.make_due()
    office.gather()
    deliver_due(office.database, sandbox.app(), Deadline(10))
    (shown,) = sandbox.messages("lina")[before:]
    message = office.message()
    assert (message.state, message.wecom_msgid) == (MessageState.DELIVERED, shown["msgid"])
    assert office.notices()[0].message_id == message.id


def test_a_lost_answer_is_sent_again_and_seen_once(office: Office, sandbox: LocalSandbox):
    before = len(sandbox.messages("wangwei"))
    office.digest((2, 21))
    sandbox.plant("message/send", "drop_answer")
    deliver_due(office.database, sandbox.app(), Deadline(10))
    assert office.message().state == MessageState.ENQUEUED
    office.make_due()
    deliver_due(office.database, sandbox.app(), Deadline(10))
    assert office.message().state == MessageState.DELIVERED
    assert len(sandbox.messages("wangwei")) - before == 1


def test_failpoints_are_refused_outside_the_sandbox():
    with pytest.raises(ValueError, match="sandbox"):
        failpoints.arm(["push.called"], is_sandbox=False)
    failpoints.arm(["", ""], is_sandbox=False)
    failpoints.failpoint("push.called")
