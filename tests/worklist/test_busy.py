"""Balancing beside others at work: where many may write at once nobody waits for a member, and nothing is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from app import clock
from app.members.models import MemberCare
from app.members.service import lock_members
from app.worklist.models import WorkState
from app.worklist.service import close_items
from tests.conftest import FAST
from tests.worklist.shop import Shop, shown

pytestmark = pytest.mark.skipif(FAST, reason="needs MariaDB: left out of scripts/test --fast")
ROUNDS = 12


@pytest.fixture
def database_kind() -> str:
    """SQLite has one writer at a time: nobody is ever busy with a member meanwhile."""
    return "mariadb"


def test_members_somebody_is_busy_with_are_looked_at_again_in_a_moment(shop: Shop):
    shop.budget(daily_capacity=1)
    shop.sleep_until("2026-03-02 10:00")
    _, held, free = shop.give("ann", 30, 20, 10)
    shop.sleep_until("2026-03-02 10:01")
    member_id = shop.item(held).member_id
    with shop.database.transaction() as busy:
        busy.get_one(MemberCare, member_id, with_for_update=True)
        shop.balance()
    assert shop.item(held).postponed_until is None
    assert shown(shop.item(free).postponed_until) == "03-03 10:00"
    shop.live_until("2026-03-02 10:02")
    assert shown(shop.item(held).postponed_until) == "03-03 10:00"


def test_giving_finishing_and_balancing_at_once_leaves_nobody_with_more_than_they_can(shop: Shop):
    shop.budget(daily_capacity=5)
    shop.sleep_until("2026-03-02 10:00")
    members = [shop.member("ann", "ben") for _ in range(3 * ROUNDS)]

    def give(number: int) -> None:
        about = [(member_id, number * 3 + k) for k, member_id in enumerate(members[number * 3 :][:3])]
        shop.give_about("ann" if number % 3 else "ben", about)

    def balance(_number: int) -> None:
        shop.sleep_until(f"2026-03-02 {10 + _number // 2}:30")
        shop.balance()

    with ThreadPoolExecutor(4) as hands:
        for work in (give, balance):
            for done in [hands.submit(work, number) for number in range(ROUNDS)]:
                done.result()
    shop.live_until("2026-03-02 21:00")
    assert len(shop.at_hand("ann")) <= 5
    assert len(shop.at_hand("ben")) <= 5
    assert len(shop.at_hand("ann") | shop.at_hand("ben")) + len(
        {rank for rank, kind, *_ in shop.overflows() if kind != "moved"}
    ) == len(members)


def test_what_is_done_while_it_is_balanced_stays_done(shop: Shop):
    shop.budget(daily_capacity=1)
    shop.sleep_until("2026-03-02 10:00")
    _, low = shop.give("ann", 30, 20)
    shop.sleep_until("2026-03-02 10:01")
    member_id = shop.item(low).member_id
    assert member_id is not None
    with shop.database.transaction() as busy:
        lock_members(busy, [member_id])
        close_items(busy, [low], WorkState.DONE, "done", clock.now(busy))
        shop.balance()
    shop.live_until("2026-03-02 10:05")
    assert shop.item(low).state == WorkState.DONE
    assert shop.overflows() == [(30, "postponed", "", "03-03 10:00")]
