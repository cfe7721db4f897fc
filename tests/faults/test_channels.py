"""Clock processes that die while a group send is made or taken back: never a second one, none lost without a reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app import failpoints
from app.db import Database
from app.follow_ups.channels.models import OrderState
from tests.faults.chain import wait_until
from tests.faults.crew import Crew, stop_cleanly
from tests.follow_ups.shop_floor import DUE, WORDS, ShopFloor
from tests.wecom.local_sandbox import Counted, LocalSandbox

ORDERING = "externalcontact/add_msg_template"


@pytest.fixture
def floor(database: Database, sandbox: LocalSandbox) -> ShopFloor:
    return ShopFloor(database, sandbox)


@pytest.fixture
def crew(database_url: str, crew_on: Callable[..., Crew], sandbox: LocalSandbox) -> Crew:
    return crew_on(database_url, sandbox.url)


def gather(floor: ShopFloor, *codes: str) -> None:
    """The step has fallen due and the minute of gathering is over: the next clock that looks orders it."""
    floor.members(*codes)
    floor.live_until(DUE)
    floor.pass_minute()


def settled(floor: ShopFloor) -> bool:
    """Whether it is known of every order whether it was made, as if no wait took any time."""
    floor.end_waits()
    return {row.state for row in floor.orders()} <= {OrderState.ORDERED, OrderState.UNKNOWN, OrderState.OVER}


@pytest.mark.parametrize(
    ("place", "made", "became"),
    [("order.claimed", 0, OrderState.UNKNOWN), ("order.called", 1, OrderState.ORDERED)],
)
def test_a_clock_that_dies_while_ordering_leaves_no_second_group_send(
    floor: ShopFloor, crew: Crew, place: str, made: int, became: OrderState
):
    calls = Counted(floor.sandbox)
    gather(floor, "c1", "c2")
    dying = crew.clock(place)
    assert dying.wait(60) == failpoints.KILLED
    assert floor.states() == [OrderState.CLAIMED]
    running = [crew.clock(), crew.clock()]
    wait_until(lambda: settled(floor))
    stop_cleanly(*running)
    assert floor.states() == [became]
    assert (calls[ORDERING], len(floor.on_phone())) == (made, made)
    floor.confirm_on_phone()
    floor.live(minutes=2)
    ended = [("done", "done")] if made else [("cancelled", "send_unknown")]
    assert [floor.items(code) for code in ("c1", "c2")] == [ended, ended]
    assert [floor.heard(code) for code in ("c1", "c2")] == [[WORDS] * made] * 2
    floor.check()


@pytest.mark.parametrize("place", ["confirm.seen", "confirm.taken_back"])
def test_a_clock_that_dies_while_taking_back_is_overtaken(floor: ShopFloor, crew: Crew, place: str):
    floor.members("c1", "c2")
    floor.fall_due()
    floor.opt_out("c1")
    floor.pass_minute()
    floor.pass_minute()
    dying = crew.clock(place)
    assert dying.wait(60) == failpoints.KILLED
    floor.live(minutes=2)
    floor.live(minutes=2)
    (send,) = floor.on_phone()
    assert [one["id"] for one in send["targets"]] == ["wm-c2"]
    floor.confirm_on_phone()
    floor.live(minutes=2)
    assert (floor.heard("c1"), floor.heard("c2")) == ([], [WORDS])
    floor.check()


def test_two_clocks_order_everything_once(floor: ShopFloor, crew: Crew):
    calls = Counted(floor.sandbox)
    floor.words("{member}您好，新款到店")
    codes = [f"c{number}" for number in range(12)]
    gather(floor, *codes)
    running = [crew.clock(), crew.clock()]
    wait_until(lambda: len(floor.orders()) == len(codes) and set(floor.states()) == {OrderState.ORDERED})
    stop_cleanly(*running)
    assert calls[ORDERING] == len(codes)
    floor.confirm_on_phone()
    floor.live(minutes=2)
    assert [floor.heard(code) for code in codes] == [[f"顾客{code}您好，新款到店"] for code in codes]
    floor.check()
