"""Refunds meet their purchases: whichever comes first, whoever brings them, and though both come at once."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import permutations

import msgspec
import pytest
from sqlalchemy import select

from app.db import Database
from app.inbound.events import Event, Line, LineKind, PurchaseReported, RefundReported
from app.intake import service as intake
from app.members.service import lock_members, members_by_code
from app.orders.models import MemberPurchases, Order, OrderLine, RefundLine
from tests.checker import violations
from tests.world import World, at, purchase, refund

MORNING = at("2026-03-01 08:00")
# Long enough for a thread to come to a lock, short enough for a test.
A_MOMENT_S = 0.7


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def order(world: World, ref: str) -> Order:
    with world.database.reading() as session:
        return session.scalars(select(Order).where(Order.ref == ref)).one()


def came_back(world: World, ref: str) -> list[tuple[str, int]]:
    """(article, pieces that came back) of each line of a purchase."""
    query = select(OrderLine.sku, OrderLine.refunded_quantity).where(
        OrderLine.order_id == order(world, ref).id
    )
    with world.database.reading() as session:
        return [(sku, quantity) for sku, quantity in session.execute(query.order_by(OrderLine.line_no))]


def receipt(ref: str, *lines: Line) -> PurchaseReported:
    total = sum(line.amount_fen for line in lines)
    return PurchaseReported(ref, "S1", "c1", "", MORNING, True, "CNY", total, lines)


def returned(ref: str, cancels: str, *lines: Line, amount: int = 0) -> RefundReported:
    total = sum(line.amount_fen for line in lines) or amount
    return RefundReported(ref, "S1", "c1", "", MORNING, True, "CNY", total, lines, cancels)


SUIT = Line("SUIT", "西装", 1, "100.00", 10_000)
SHIRTS = Line("SHIRT", "衬衫", 3, "20.00", 6_000)
SHIRT = Line("SHIRT", "衬衫", 1, "20.00", 2_000)
POSTAGE = Line("POST", "邮费", 1, "10.00", 1_000, LineKind.POSTAGE)


def test_everything_but_the_postage_brought_back_is_a_whole_refund(world: World):
    world.report(receipt("r1", SUIT, SHIRTS, POSTAGE))
    world.report(returned("C1", "r1", SHIRTS))
    assert (order(world, "r1").refunded_fen, order(world, "r1").wholly_refunded) == (6_000, False)
    world.report(returned("C2", "r1", SUIT))
    assert (order(world, "r1").refunded_fen, order(world, "r1").wholly_refunded) == (16_000, True)
    assert violations(world.database) == []


def test_all_the_money_back_is_a_whole_refund_though_no_article_was_named(world: World):
    world.report(receipt("r1", SUIT, SHIRTS))
    world.report(returned("C1", "r1", amount=15_999))
    assert not order(world, "r1").wholly_refunded
    world.report(returned("C2", "r1", amount=1))
    assert order(world, "r1").wholly_refunded
    assert set(world.steps("c1").values()) == {"cancelled refunded"}
    assert violations(world.database) == []


def test_what_is_brought_back_twice_counts_once_for_the_purchase(world: World):
    world.report(receipt("r1", SUIT, SHIRTS))
    world.report(returned("C1", "r1", SUIT), returned("C2", "r1", SUIT))
    assert came_back(world, "r1") == [("SUIT", 1), ("SHIRT", 0)]
    assert order(world, "r1").refunded_fen == 10_000
    assert violations(world.database) == []


def test_more_money_than_was_paid_is_kept_without_the_purchase(world: World):
    world.report(receipt("r1", SUIT))
    assert [
        result.status for result in world.report(refund("C1", "c1", MORNING, price=99_900, cancels="r1"))
    ] == ["applied"]
    found = order(world, "r1")
    assert found.refunded_fen <= found.amount_fen
    assert violations(world.database) == []


def test_a_refund_counts_for_the_buyer_whoever_brings_it(world: World):
    """Told by the friend's card: the buyer's totals and series change, the friend's do not."""
    world.report(purchase("r1", "buyer", MORNING - timedelta(days=1)))
    world.report(refund("C1", "friend", MORNING, cancels="r1"))
    with world.database.reading() as session:
        ids = members_by_code(session, ["buyer", "friend"])
        rows = {row.member_id: row.refunded_fen for row in session.scalars(select(MemberPurchases))}
    assert rows == {ids["buyer"]: 10_000}
    assert set(world.steps("buyer").values()) >= {"cancelled refunded"}
    assert violations(world.database) == []


def test_without_a_receipt_the_latest_earlier_purchase_of_the_article_is_meant(world: World):
    for number in range(3):
        world.report(purchase(f"r{number}", "c1", MORNING - timedelta(days=9 - 3 * number), quantity=2))
    world.report(refund("C1", "c1", MORNING - timedelta(days=5), quantity=3))
    assert [came_back(world, f"r{number}") for number in range(3)] == [
        [("SKU1", 1)],
        [("SKU1", 2)],
        [("SKU1", 0)],
    ]
    assert order(world, "r1").wholly_refunded
    assert violations(world.database) == []


def test_what_was_never_bought_is_kept_as_money_that_went_back(world: World):
    world.report(
        refund("C1", "c1", MORNING), refund("C2", "", MORNING), refund("C3", "c1", MORNING, cancels="no")
    )
    with world.database.reading() as session:
        assert [line.order_id for line in session.scalars(select(RefundLine))] == [None] * 3
        totals = session.scalars(select(MemberPurchases)).one()
    assert (totals.orders, totals.amount_fen, totals.refunded_fen) == (0, 0, 20_000)
    assert violations(world.database) == []


@pytest.mark.parametrize("told", ["before", "with", "after"])
def test_a_refund_brought_without_a_card_counts_for_the_buyer(world: World, told: str):
    bought, back = purchase("r1", "c1", MORNING, quantity=2), refund("C1", "", MORNING, cancels="r1")
    batches: dict[str, list[list[Event]]] = {
        "before": [[back], [bought]],
        "with": [[bought, back]],
        "after": [[bought], [back]],
    }
    for batch in batches[told]:
        world.report(*batch)
    with world.database.reading() as session:
        totals = session.scalars(select(MemberPurchases)).one()
    assert (totals.orders, totals.amount_fen, totals.refunded_fen) == (1, 20_000, 10_000)
    assert violations(world.database) == []


def test_named_refunds_and_purchases_end_the_same_in_any_order(world: World):
    ends = set()
    for number, order_told in enumerate(list(permutations(range(5)))[::11]):
        tag = f"t{number}-"
        bought = [
            msgspec.structs.replace(receipt(f"{tag}r{n}", SUIT, SHIRTS), customer=f"{tag}c") for n in (1, 2)
        ]
        back = [
            returned(f"{tag}C1", f"{tag}r1", SUIT, SHIRT),
            returned(f"{tag}C2", f"{tag}r2", SHIRT),
            returned(f"{tag}C3", f"{tag}r1", SHIRTS),
        ]
        events: list[Event] = [*bought, *(msgspec.structs.replace(one, customer=f"{tag}c") for one in back)]
        for position in order_told:
            world.report(events[position])
        ends.add(tuple(_end(world, f"{tag}r{n}") for n in (1, 2)))
    assert ends == {((16_000, True, 1, 3), (2_000, False, 0, 1))}
    assert violations(world.database) == []


def _end(world: World, ref: str) -> tuple[object, ...]:
    found = order(world, ref)
    return (found.refunded_fen, found.wholly_refunded, *(pieces for _, pieces in came_back(world, ref)))


class AtOnce:
    """Reports in a thread of its own that stops, on request, when everything is stored and nothing committed."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self._world = world
        self._held: set[int | None] = set()
        self.go_on, self.stored = threading.Event(), threading.Event()
        monkeypatch.setattr(intake, "failpoint", self._stop)

    def _stop(self, _name: str) -> None:
        if threading.get_ident() in self._held:
            self.stored.set()
            assert self.go_on.wait(60)

    def report(self, event: Event, *, hold: bool = False) -> threading.Thread:
        def work() -> None:
            if hold:
                self._held.add(threading.get_ident())
            self._world.report(event)

        thread = threading.Thread(target=work)
        thread.start()
        return thread


@pytest.mark.parametrize("customer", ["c1", ""])
@pytest.mark.parametrize("first", ["purchase", "refund"])
def test_a_refund_and_its_purchase_told_at_the_same_moment_do_not_miss_each_other(
    world: World, monkeypatch: pytest.MonkeyPatch, customer: str, first: str
):
    """Neither sees the other's uncommitted rows; somebody else's card, or none, was shown, so no member is locked."""
    events: dict[str, Event] = {
        "purchase": purchase("r1", customer, MORNING),
        "refund": refund("C1", "", MORNING, cancels="r1"),
    }
    at_once = AtOnce(world, monkeypatch)
    one = at_once.report(events.pop(first), hold=True)
    assert at_once.stored.wait(60)
    (other_event,) = events.values()
    other = at_once.report(other_event)
    other.join(A_MOMENT_S)
    at_once.go_on.set()
    one.join()
    other.join()
    assert order(world, "r1").wholly_refunded
    assert violations(world.database) == []


def test_two_refunds_of_one_anonymous_purchase_at_the_same_moment_are_both_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    world.report(purchase("r1", "", MORNING, quantity=2))
    at_once = AtOnce(world, monkeypatch)
    one = at_once.report(refund("C1", "", MORNING, cancels="r1"), hold=True)
    assert at_once.stored.wait(60)
    other = at_once.report(refund("C2", "", MORNING, cancels="r1"))
    other.join(A_MOMENT_S)
    at_once.go_on.set()
    one.join()
    other.join()
    assert came_back(world, "r1") == [("SKU1", 2)]
    assert order(world, "r1").wholly_refunded
    assert violations(world.database) == []


@pytest.mark.parametrize("customer", ["", "c2"])
def test_whoever_cancels_a_purchase_waits_for_who_is_busy_with_its_buyer(world: World, customer: str):
    buyer = world.member("c1")
    world.member("c2")
    world.buy("c1", "2026-03-01 08:00", "r1")
    done = threading.Event()

    def bring_back() -> None:
        world.report(refund("C1", customer, MORNING, cancels="r1"))
        done.set()

    thread = threading.Thread(target=bring_back)
    with world.database.transaction() as session:
        lock_members(session, [buyer])
        thread.start()
        assert not done.wait(A_MOMENT_S)
    thread.join()
    assert done.is_set()
    assert set(world.steps("c1").values()) == {"cancelled refunded"}
    assert violations(world.database) == []
