"""The checks of the books: whatever row is deleted or changed by hand, one of them says so."""

from __future__ import annotations

from contextlib import suppress

import pytest
from sqlalchemy import Connection, text

from app import clock
from app.db import Database
from app.follow_ups.bookkeeping import checks
from app.follow_ups.bookkeeping.books import CHECKS, check_books
from app.follow_ups.reconciliation import Report, reconcile
from app.follow_ups.service import complete_task
from app.follow_ups.states import Evidence
from app.inbound.events import PurchaseReported
from app.inbound.service import receive
from app.lanes import Deadline
from app.messaging.digests import DigestSender, gather_due
from app.nightly import ensure_jobs
from app.wecom.callbacks import WeComEvent
from app.worklist.queries import open_items
from scripts.commands.reconcile import describe
from tests.world import World, at, purchase

TOLD_BY_WECOM = {
    "MsgType": "event",
    "Event": "change_external_tag",
    "ChangeType": "update",
    "Id": "et1",
    "CreateTime": "1772352000",
}
SENDER = DigestSender(1000002, "http://localhost:8000/h5/worklist", open_items)


def without_lines(event: PurchaseReported) -> PurchaseReported:
    return replace_struct(event, lines=())


def replace_struct(event: PurchaseReported, **changes: object) -> PurchaseReported:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return PurchaseReported(**fields | changes)


@pytest.fixture
def world(database: Database) -> World:
    """A bit of everything: a message on its way, a task whose notice still waits, refunds of every kind."""
    built = World(database)
    built.live_until("2026-03-01 14:00")
    for code in ("c1", "c2", "c3"):
        built.member(code)
    built.buy("c1", "2026-03-01 13:30", "r1")
    built.buy("c2", "2026-03-01 13:40", "r2")
    built.report(purchase("r3", "", at("2026-03-01 13:45"), quantity=2))
    built.report(without_lines(purchase("r4", "c3", at("2026-03-01 13:50"))), enrolls=False)
    built.live_until("2026-03-01 14:30")
    gather(built, "2026-03-01 14:40")
    thank(built)
    built.live_until("2026-03-02 16:00")
    built.buy("c2", "2026-03-02 12:00", "r5")
    built.refund("c2", "2026-03-02 15:00", "r5")  # everything of that day
    built.refund(
        "c1", "2026-03-02 15:00", "r4", price=4_000
    )  # brought by somebody else, without lines to match
    built.refund("", "2026-03-02 15:10", "r3")  # half of an anonymous sale
    built.refund("c1", "2026-03-02 15:20", "nobody-knows")  # its purchase was never told
    earn(built)
    built.live_until("2026-03-04 11:00")
    with database.transaction() as session:
        receive(session, WeComEvent.of(TOLD_BY_WECOM), clock.real_now(session))
    return built


def thank(world: World) -> None:
    """c1's task is done: what they buy from now on is attributed to it."""
    ensure_jobs(world.database, ["a job"])
    with world.database.transaction() as session:
        complete_task(
            session,
            world.actor("owner"),
            world.tasks("c1")[0].id,
            external_userid="wm-c1",
            evidence=Evidence.CLIENT_REPORTED,
            sent_text="您好",
        )


def earn(world: World) -> None:
    """Two purchases, one of which comes back."""
    world.live_until("2026-03-03 15:00")
    world.buy("c1", "2026-03-03 14:00", "r6")
    world.buy("c1", "2026-03-03 14:30", "r7")
    world.refund("c1", "2026-03-03 15:00", "r7")


def gather(world: World, when: str) -> None:
    world.sleep_until(when)
    gather_due(world.database, SENDER, Deadline(10))


def look(world: World) -> Report:
    with world.database.reading() as session:
        return reconcile(session)


def by_hand(world: World, statement: str) -> None:
    with world.database.engine.begin() as connection:
        connection.execute(text(statement.format(**found_in(connection))))


def found_in(connection: Connection) -> dict[str, object]:
    """Ids to name in a statement: MariaDB does not let one read the table that it changes."""
    queries = {
        "waiting": "SELECT id FROM notices WHERE state = 'waiting' LIMIT 1",
        "gathered": "SELECT id FROM notices WHERE state = 'gathered' LIMIT 1",
        "message": "SELECT id FROM outbound_messages LIMIT 1",
        "r1": "SELECT id FROM orders WHERE ref = 'r1'",
        "r5": "SELECT id FROM orders WHERE ref = 'r5'",
        "c1": "SELECT member_id FROM member_identities WHERE value = 'c1'",
        "contact": "SELECT id FROM external_contacts LIMIT 1",
        "series": "SELECT id FROM enrollments WHERE state = 'active' LIMIT 1",
    }
    return {name: connection.execute(text(query)).scalar() for name, query in queries.items()}


def test_nothing_done_by_hand_leaves_every_check_at_zero(world: World):
    report = look(world)
    assert [finding.says for finding in report.books if finding.count] == []
    assert report.balances
    assert len({check.says for check in CHECKS}) == len(CHECKS)


def test_the_report_says_every_check_with_its_examples(world: World):
    by_hand(world, "DELETE FROM notices WHERE id = {waiting}")
    assert not look(world).balances
    said = describe(look(world), 5).splitlines()
    assert "  open tasks nobody was told of: 1" in said
    assert said[said.index("  open tasks nobody was told of: 1") + 1].startswith("    work_item ")
    assert "  purchases that lack a line: 0" in said
    assert said[-1] == "NOT BALANCED"


NEW_ORDER = """
INSERT INTO send_orders (id, channel, associate_id, store_id, title, text, speaks_for, size, state, reason, fence,
    attempts, looks, wecom_id, job_id, same_key, opened_at, valid_until, next_due_at)
VALUES (1, 'moment', 1, 1, '', '', 0, 1, 'ordered', '', 0, 0, 0, '', '', '', '2026-03-01', '2026-03-09', '2026-03-05')
"""
NEW_TARGET = """
INSERT INTO send_targets (task_id, order_id, work_item_id, member_id, external_userid, month, state)
VALUES (1, 1, 1, {c1}, 'wm', '', 'waiting')
"""
BY_HAND = {
    "a text message": (
        (
            "UPDATE follow_up_tasks SET channel = 'sms' WHERE work_item_id IN "
            "(SELECT id FROM work_items WHERE state = 'open')"
        ),
        "open tasks of the system's that no text message is under way for",
    ),
    "an order": ("DELETE FROM orders WHERE ref = 'r3'", "applied events without their purchase or refund"),
    "a refund": (
        "DELETE FROM refunds WHERE cancels = 'r5'",
        "applied events without their purchase or refund",
    ),
    "a purchase's event": (
        "DELETE FROM inbound WHERE event_key = 'purchase:r3'",
        "purchases without their event",
    ),
    "a refund's event": (
        "DELETE FROM inbound WHERE id IN (SELECT id FROM refunds)",
        "refunds without their event",
    ),
    "an event's timer": (
        "DELETE FROM timers WHERE lane = 'inbox'",
        "events from WeCom without their timer, or with one too many",
    ),
    "an event that was not applied": (
        "UPDATE inbound SET state = 'applied' WHERE source = 'wecom'",
        "events from WeCom without their timer, or with one too many",
    ),
    "an event of WeCom's": (
        "DELETE FROM inbound WHERE source = 'wecom'",
        "work on events there are not",
    ),
    "an event's key": (
        "UPDATE inbound SET event_key = 'purchase:x' WHERE id = {r1}",
        "purchases without their event",
    ),
    "the only line": ("DELETE FROM order_lines WHERE order_id = {r1}", "purchases that lack a line"),
    "a line's amount": (
        "UPDATE order_lines SET amount_fen = 1 WHERE order_id = {r1}",
        "purchases that differ from their lines",
    ),
    "an amount": (
        "UPDATE orders SET amount_fen = 1 WHERE ref = 'r4'",
        "purchases that differ from their lines",
    ),
    "a refunded amount": (
        "UPDATE orders SET refunded_fen = 1 WHERE ref = 'r1'",
        "purchases whose refunded amount differs from their refunds",
    ),
    "returned pieces": (
        "UPDATE order_lines SET refunded_quantity = 0 WHERE order_id = {r5}",
        "lines whose returned pieces differ from their refunds",
    ),
    "a mark": (
        "UPDATE orders SET wholly_refunded = 1 WHERE ref = 'r1'",
        "purchases wrongly held for wholly refunded, or not",
    ),
    "a refund's line": (
        "DELETE FROM refund_lines WHERE order_id = {r5}",
        "refunds that differ from their lines",
    ),
    "a refund's member": (
        "UPDATE refunds SET member_id = {c1} WHERE cancels = 'r5'",
        "refunds booked to another than the buyer",
    ),
    "totals": (
        "DELETE FROM member_purchases WHERE member_id = {c1}",
        "members whose totals differ from a recount",
    ),
    "a total": (
        "UPDATE member_purchases SET refunded_fen = refunded_fen + 1",
        "members whose totals differ from a recount",
    ),
    "a date": (
        "UPDATE member_purchases SET last_purchased_at = NULL",
        "members whose totals differ from a recount",
    ),
    "a share": (
        "UPDATE attributions SET share_ppm = 1 WHERE refund_id = 0",
        "attributed purchases that are not shared out exactly",
    ),
    "an attributed amount": (
        "UPDATE attributions SET amount_fen = amount_fen - 1 WHERE refund_id = 0",
        "attributed purchases that are not shared out exactly",
    ),
    "what was taken back": (
        "DELETE FROM attributions WHERE refund_id <> 0",
        "attributed purchases of which not as much is taken back as came back",
    ),
    "pieces taken back": (
        "UPDATE attributions SET pieces_milli = 0 WHERE refund_id <> 0",
        "attributed purchases of which not as much is taken back as came back",
    ),
    "an identity": ("DELETE FROM member_identities WHERE value = 'c3'", "members without an identity"),
    "a lock": ("DELETE FROM member_care WHERE member_id = {c1}", "members without their lock"),
    "a member": ("DELETE FROM members WHERE id = {c1}", "purchases of members there are not"),
    "a contact": ("DELETE FROM external_contacts WHERE id = {contact}", "bindings to contacts there are not"),
    "a binding": (
        "DELETE FROM contact_bindings WHERE external_contact_id = {contact}",
        "contacts nobody ever followed",
    ),
    "a plan's step": (
        "UPDATE plan_versions SET document = REPLACE(document, '\"after\":', '\"later\":')",
        "records of steps no plan has",
    ),
    "a series": ("DELETE FROM enrollments", "records of enrollments there are not"),
    "a version": ("UPDATE enrollments SET plan_version_id = 7", "enrollments in plans there are not"),
    "a waiting notice": ("DELETE FROM notices WHERE id = {waiting}", "open tasks nobody was told of"),
    "an idle schedule": ("DELETE FROM digest_schedules", "associates with notices and no digest schedule"),
    "a digest": ("UPDATE digest_schedules SET next_due_at = NULL", "notices that wait for no digest"),
    "a digest's timer": ("DELETE FROM timers WHERE lane = 'digest'", "digests without their timer"),
    "a push timer": ("DELETE FROM timers WHERE lane = 'push'", "messages without their push timer"),
    "one of several notices": (
        "DELETE FROM notices WHERE id = {gathered}",
        "messages that lost a notice",
    ),
    "a message": ("DELETE FROM outbound_messages WHERE id = {message}", "notices whose message is not there"),
    "a gathered notice": ("DELETE FROM notices WHERE state = 'gathered'", "messages that tell of nothing"),
    "an owner of minutes": (
        "UPDATE timers SET lane = 'minutes' WHERE subject_id = {series}",
        "timers of nobody: minutes",
    ),
    "an owner of days": ("DELETE FROM enrollments WHERE state = 'active'", "timers of nobody: days"),
    "a work item": ("DELETE FROM work_items WHERE state = 'open'", "timers of nobody: expiry"),
    "a schedule": ("DELETE FROM digest_schedules", "timers of nobody: digest"),
    "a message with a timer": ("DELETE FROM outbound_messages", "timers of nobody: push"),
    "an owner of an event's work": (
        "UPDATE timers SET lane = 'inbox' WHERE lane = 'expiry'",
        "timers of nobody: inbox",
    ),
    "an owner of a welcome": (
        "UPDATE timers SET lane = 'welcome' WHERE lane = 'expiry'",
        "timers of nobody: welcome",
    ),
    "an owner of a sweep": (
        "UPDATE timers SET lane = 'sweep' WHERE lane = 'expiry'",
        "timers of nobody: sweep",
    ),
    "an owner of a balance": (
        "UPDATE timers SET lane = 'balance' WHERE lane = 'expiry'",
        "timers of nobody: balance",
    ),
    "a nightly job": ("DELETE FROM nightly_jobs", "timers of nobody: nightly"),
    "an owner of an urge": (
        "UPDATE timers SET due_at = '2026-01-01', lane = 'urge' WHERE lane = 'expiry'",
        "timers of nobody: urge",
    ),
    "an owner of a sync": ("UPDATE timers SET lane = 'sync' WHERE lane = 'expiry'", "timers of nobody: sync"),
    "an owner of a comparison of the organisation": (
        "UPDATE timers SET lane = 'organisation' WHERE lane = 'expiry'",
        "timers of nobody: organisation",
    ),
    "an owner of a hand-over": (
        "UPDATE timers SET lane = 'handover' WHERE lane = 'expiry'",
        "timers of nobody: handover",
    ),
    "an owner of a text message": (
        "UPDATE timers SET lane = 'sms' WHERE lane = 'expiry'",
        "timers of nobody: sms",
    ),
    "an owner of an order": (
        "UPDATE timers SET lane = 'order' WHERE lane = 'expiry'",
        "timers of nobody: order",
    ),
    "an owner of a confirmation": (
        "UPDATE timers SET lane = 'confirm' WHERE lane = 'expiry'",
        "timers of nobody: confirm",
    ),
    "what a task is for WeCom to confirm": (
        "UPDATE follow_up_tasks SET channel = 'group_send'",
        "open tasks for WeCom to confirm that nothing is ordered for",
    ),
    "an order that comes from nowhere": (
        NEW_ORDER,
        "orders at WeCom without their timer",
    ),
    "a member of an order there is not": (
        NEW_TARGET,
        "members of orders that nobody asks about any more",
    ),
}


class Undo(Exception):
    """Takes everything back."""


def failed_after(world: World, statement: str) -> set[str]:
    """Which checks fail once this was done by hand; it is taken back, so that one world serves all."""
    failed: set[str] = set()
    with suppress(Undo), world.database.transaction() as session:
        connection = session.connection()
        connection.execute(text(statement.format(**found_in(connection))))
        failed |= {finding.says for finding in check_books(session) if finding.count}
        raise Undo
    return failed


def test_whatever_is_done_by_hand_is_found(world: World):
    found = {what: failed_after(world, statement) for what, (statement, _) in BY_HAND.items()}
    assert {what: failed for what, failed in found.items() if BY_HAND[what][1] not in failed} == {}
    assert look(world).balances


def test_every_check_is_tried(world: World):
    tried = {says for _, says in BY_HAND.values()}
    untried = {finding.says for finding in look(world).books} - tried
    untried -= {says for says in untried if says.startswith("waiting for a timer")}  # test_waiting.py
    assert untried == {
        *(f"{what} of members there are not" for what in ("identities", "locks", "totals", "contacts")),
        "plans of the calendar that look for nobody any more",
    }


def test_a_long_table_is_walked_to_its_end(world: World, monkeypatch: pytest.MonkeyPatch):
    """Spans of two keys: nothing is overlooked at their edges, nothing counted twice."""
    by_hand(world, "UPDATE orders SET refunded_fen = 77777")
    whole = {finding.says: finding.count for finding in look(world).books}
    monkeypatch.setattr(checks, "SPAN", 2)
    assert {finding.says: finding.count for finding in look(world).books} == whole
    assert whole["purchases whose refunded amount differs from their refunds"] == 7
