"""Clock processes that die, anywhere and at any moment, or work side by side: everything is opened and shown once."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from app import clock, failpoints
from app.db import Database
from app.inbound.models import Inbound
from app.lanes import Deadline
from app.messaging.digests import gather_due
from app.messaging.models import MessageState, OutboundMessage
from tests.checker import violations
from tests.faults.chain import DIGEST_WITHIN, Chain, userids, wait_until
from tests.faults.crew import Crew, said, stop_cleanly
from tests.faults.worker import SENDER
from tests.servers.process import ServerProcess
from tests.wecom.local_sandbox import LocalSandbox

SLOW_S = 2.0
PLACES_OF_A_DIGEST = ("gather.rendered", "push.claimed", "push.called", "push.recorded")


@pytest.fixture
def crew(database_url: str, crew_on: Callable[..., Crew], sandbox: LocalSandbox) -> Crew:
    return crew_on(database_url, sandbox.url)


def shown(sandbox: LocalSandbox) -> int:
    """Messages on all phones of the chain's associates."""
    return sum(len(sandbox.messages(userid)) for userid in userids())


def wait_for_opened(chain: Chain, steps: int) -> None:
    wait_until(lambda: chain.opened() >= steps)


def wait_for_shown(chain: Chain, sandbox: LocalSandbox, messages: int) -> None:
    wait_until(lambda: shown(sandbox) >= messages or chain.is_idle())


def final(message: OutboundMessage) -> tuple[object, ...]:
    return (message.id, message.state, message.fence, message.wecom_msgid, message.delivered_at)


def finish(chain: Chain, crew: Crew, clocks: int = 1) -> None:
    """Let healthy clocks do all that is left, digests and pushes included."""
    running = [crew.clock() for _ in range(clocks)]
    chain.end_leases()
    wait_until(lambda: chain.opened() == chain.members)
    chain.jump(DIGEST_WITHIN)
    wait_until(chain.is_idle)
    stop_cleanly(*running)


def assert_each_digest_is_shown_once(chain: Chain, sandbox: LocalSandbox, before: int) -> None:
    messages = chain.messages()
    assert {message.state for message in messages} == {MessageState.DELIVERED}
    assert shown(sandbox) - before == len(messages)
    assert len({message.wecom_msgid for message in messages}) == len(messages)


def test_clocks_that_die_at_one_worst_place_after_the_other_are_made_good_by_the_next(
    database: Database, crew: Crew, sandbox: LocalSandbox
):
    before = shown(sandbox)
    chain = Chain(database, 60)
    chain.fall_due()
    assert crew.clock("fire.opened").wait(60) == failpoints.KILLED
    assert chain.opened() == 0
    chain.world.run_lanes()
    chain.jump(DIGEST_WITHIN)
    for place in PLACES_OF_A_DIGEST:
        assert crew.clock(place).wait(60) == failpoints.KILLED
        assert violations(database) == []
        chain.end_leases()
    finish(chain, crew)
    chain.assert_everything_opened_once()
    assert_each_digest_is_shown_once(chain, sandbox, before)


def test_a_clock_killed_at_random_moments_opens_and_sends_everything_once(
    database: Database, crew: Crew, sandbox: LocalSandbox
):
    dice = random.Random(3369)
    before = shown(sandbox)
    chain = Chain(database, 1_000)
    chain.fall_due()
    for part in (4, 3, 2):
        clock = crew.clock()
        wait_for_opened(chain, chain.opened() + dice.randint(0, (chain.members - chain.opened()) // part))
        clock.kill()
        assert clock.wait(1) == -signal.SIGKILL
    finish(chain, crew)
    chain.assert_everything_opened_once()
    assert_each_digest_is_shown_once(chain, sandbox, before)


def test_a_clock_killed_while_it_sends_sends_each_digest_once(
    database: Database, crew: Crew, sandbox: LocalSandbox
):
    before = shown(sandbox)
    chain = Chain(database, 100)
    chain.fall_due()
    chain.world.run_lanes()
    chain.jump(DIGEST_WITHIN)
    for seen in (1, 4):
        clock = crew.clock()
        wait_for_shown(chain, sandbox, before + seen)
        clock.kill()
        chain.end_leases()
    finish(chain, crew)
    chain.assert_everything_opened_once()
    assert_each_digest_is_shown_once(chain, sandbox, before)


def test_a_clock_that_stalls_beyond_its_lease_is_overtaken_and_its_late_word_ignored(
    database: Database, crew: Crew, sandbox: LocalSandbox
):
    before = shown(sandbox)
    chain = Chain(database, 20)
    chain.fall_due()
    chain.world.run_lanes()
    chain.jump(DIGEST_WITHIN)
    gather_due(database, SENDER, Deadline(60))
    sandbox.plant("message/send", "delay", times=None, value=SLOW_S)
    stalled = crew.clock()
    wait_until(lambda: all(message.fence for message in chain.messages()))
    stop_while_it_holds_nothing(stalled, database)
    sandbox.forget()
    chain.end_leases()
    overtaking = crew.clock()
    wait_until(chain.is_idle)
    recorded = chain.messages()
    os.kill(stalled.pid, signal.SIGCONT)
    stop_cleanly(stalled, overtaking)
    assert {message.fence for message in recorded} == {2}
    assert [final(message) for message in chain.messages()] == [final(message) for message in recorded]
    chain.assert_everything_opened_once()
    assert_each_digest_is_shown_once(chain, sandbox, before)


def stop_while_it_holds_nothing(process: ServerProcess, database: Database) -> None:
    """Whoever stops while it is SQLite's one writer stops everybody: the turn is ours until all its threads stand."""
    with database.transaction() as session:
        clock.now(session)  # or the transaction would begin with its first statement: never
        os.kill(process.pid, signal.SIGSTOP)
        wait_until(lambda: set(states_of_threads(process.pid)) == {"T"})


def states_of_threads(pid: int) -> list[str]:
    """A letter each, as proc(5) tells it; T: stopped."""
    return [
        file.read_text().rpartition(")")[2].split()[0] for file in Path(f"/proc/{pid}/task").glob("*/stat")
    ]


def test_clocks_side_by_side_share_a_backlog_and_open_each_step_once(
    database: Database, crew: Crew, sandbox: LocalSandbox
):
    before = shown(sandbox)
    chain = Chain(database, 2_000)
    running = [crew.clock() for _ in range(3)]
    chain.fall_due()
    wait_until(lambda: chain.opened() == chain.members)
    chain.jump(DIGEST_WITHIN)
    wait_until(chain.is_idle)
    stop_cleanly(*running)
    assert chain.processes_that_opened() > 1
    chain.assert_everything_opened_once()
    assert_each_digest_is_shown_once(chain, sandbox, before)


def test_a_report_that_dies_before_its_commit_left_nothing_and_is_repeated(database: Database, crew: Crew):
    chain = Chain(database, 0)
    assert crew.worker("report", "120", failpoint="intake.recorded").wait(60) == failpoints.KILLED
    with database.reading() as session:
        assert session.query(Inbound).count() == 0
    for _ in range(2):
        again = crew.worker("report", "120")
        assert again.wait(60) == 0, said(again)
    with database.reading() as session:
        assert session.query(Inbound).count() == 120
    chain.members = 120
    chain.fall_due()
    finish(chain, crew)
    chain.assert_everything_opened_once()
