"""Comparing with WeCom finds what no event told, mends it, and ends nothing on a guess."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from app import clock
from app.group_chats.models import GroupChat
from app.intake.wecom import sync_contacts
from app.intake.wecom.heartbeats import GAP, Beating, beat_until, keep_beating
from app.intake.wecom.syncing import sync_due, work_on
from app.intake.wecom.syncs import (
    MOST_FAILURES,
    NIGHTLY_ZONE,
    Overtaken,
    SyncView,
    claim_sync,
    ensure_nightly,
    get_sync,
    latest_syncs,
    next_night,
    request_sync,
    save_progress,
)
from app.lanes import Deadline
from app.members.models import ContactBinding, ExternalContact, Heartbeat, Sync, SyncState
from app.tagging.models import BindingTag, Tag
from app.timers import Lane, Timer, TimerKey, clear_timers, set_timers
from app.wecom.errors import WeComMisconfigured, WeComRejected, WeComRetryable
from scripts.commands.sync_wecom import describe, sync_now
from tests.checker import violations
from tests.intake.wecom.conftest import Desk
from tests.intake.wecom.fake_corp import contact_event
from tests.intake.wecom.test_mirrors import chat, chat_event

T0 = 1_790_000_000
LISTING = "externalcontact/batch/get_by_user"


class Auditor:
    """Syncs, and what they found."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.database, self.corp = desk, desk.database, desk.corp

    def sync(self) -> SyncView:
        """One sync from beginning to end, as the lane does it."""
        sync_id = self.database.in_transaction(lambda session: request_sync(session, "outage"))
        for _ in range(50):
            self.run()
            if (seen := self.get(sync_id)).is_over:
                return seen
            self.make_due()
        raise AssertionError("the sync does not end")

    def run(self) -> int:
        return sync_due(self.database, self.corp.port, Deadline(30)).done

    def get(self, sync_id: int) -> SyncView:
        with self.database.reading() as session:
            return get_sync(session, sync_id)

    def make_due(self) -> None:
        """As if every wait were over."""
        with self.database.transaction() as session:
            past = clock.real_now(session) - timedelta(seconds=1)
            waiting = select(Sync).where(Sync.next_due_at.is_not(None), Sync.slot == "asked")
            for row in session.scalars(waiting.with_for_update()):
                assert row.next_due_at is not None
                clear_timers(session, [TimerKey(Lane.SYNC, row.next_due_at, row.id)])
                row.next_due_at = past
                set_timers(session, [(TimerKey(Lane.SYNC, past, row.id), None)])

    def pairs(self, standing: str) -> set[tuple[str, str]]:
        return {pair for pair, its in self.desk.bindings().items() if its == standing}


@pytest.fixture
def auditor(desk: Desk) -> Auditor:
    return Auditor(desk)


def test_everything_that_was_missed_is_mended_and_counted(auditor: Auditor):
    corp, desk = auditor.corp, auditor.desk
    corp.groups = {"g1": ("风格", {"t1": "商务"})}
    corp.chats = {"wr1": chat("wm1")}
    for number in range(4):
        corp.add("owner", f"wm{number}", T0, tag_ids=frozenset({"t1"}))
        desk.hear(contact_event("add_external_contact", T0, who=f"wm{number}"))
    with desk.database.transaction() as session:  # a row deleted by hand
        gone = select(ExternalContact.id).where(ExternalContact.external_userid == "wm0").scalar_subquery()
        session.execute(delete(ContactBinding).where(ContactBinding.external_contact_id == gone))
    corp.part("owner", "wm1")  # a dropped event
    corp.add("owner", "wm2", T0, remark="林姐")  # an edit made through the API tells nobody
    corp.add("colleague", "wm5", T0)  # an extra relation
    corp.add("stranger", "wm6", T0)  # of nobody we know
    seen = auditor.sync()
    assert (seen.state, seen.trouble) == (SyncState.COMPLETE, "")
    assert auditor.pairs("live") == {
        ("owner", "wm0"),
        ("owner", "wm2"),
        ("owner", "wm3"),
        ("colleague", "wm5"),
    }
    assert auditor.pairs("ended") == {("owner", "wm1")}
    contacts = seen.counts["contacts"]
    assert contacts == {"seen": 4, "added": 2, "changed": 1, "ended": 1}
    assert seen.counts["people"] == {"seen": 2, "unknown": 1, "failed": 0}
    assert seen.counts["chats"] == {"seen": 1, "added": 1}
    assert seen.counts["tags"]["added"] == 2
    with desk.database.reading() as session:
        assert [row.name for row in session.scalars(select(Tag))] == ["商务"]
        assert len(session.scalars(select(BindingTag)).all()) == 4
    assert "added 2" in describe(seen)
    assert violations(desk.database) == []


def test_a_second_sync_finds_nothing_to_do(auditor: Auditor):
    for number in range(3):
        auditor.corp.add("owner", f"wm{number}", T0, tag_ids=frozenset({"t1"}))
    auditor.corp.chats = {"wr1": chat("wm1")}
    auditor.sync()
    looks, before = auditor.corp.looks, auditor.desk.times()
    seen = auditor.sync()
    assert seen.counts["contacts"] == {"seen": 3}
    assert seen.counts["chats"] == {"seen": 1}
    assert auditor.corp.looks == looks + 1, "the tags are looked at, no contact alone"
    assert auditor.desk.times() == before


def test_a_customer_who_left_stays_lost_though_wecom_lists_them(auditor: Auditor):
    auditor.corp.add("owner", "wm1", T0)
    auditor.desk.hear(contact_event("add_external_contact", T0), contact_event("del_follow_user", T0 + 9))
    auditor.sync()
    assert auditor.desk.bindings() == {("owner", "wm1"): "lost"}


def test_a_customer_who_came_back_unheard_is_found_again(auditor: Auditor):
    auditor.corp.add("owner", "wm1", T0)
    auditor.desk.hear(contact_event("add_external_contact", T0), contact_event("del_follow_user", T0 + 9))
    auditor.corp.add("owner", "wm1", T0 + 20)  # added again by the same code: nothing differs but the time
    assert auditor.sync().counts["contacts"] == {"seen": 1, "changed": 1}
    assert auditor.desk.bindings() == {("owner", "wm1"): "live"}
    assert auditor.sync().counts["contacts"] == {"seen": 1}


def test_half_added_contacts_are_listed_nowhere_and_are_not_ended(auditor: Auditor):
    auditor.desk.hear(contact_event("add_half_external_contact", T0))
    auditor.sync()
    assert auditor.desk.bindings() == {("owner", "wm1"): "half"}
    auditor.corp.add("owner", "wm1", T0 + 9)
    auditor.sync()
    assert auditor.desk.bindings() == {("owner", "wm1"): "live"}


def known_to_both(auditor: Auditor) -> None:
    for userid, who in (("owner", "wm1"), ("colleague", "wm2")):
        auditor.corp.add(userid, who, T0)
        auditor.desk.hear(contact_event("add_external_contact", T0, userid, who))


def test_whose_listing_fails_keeps_everything_and_the_others_are_compared(auditor: Auditor):
    known_to_both(auditor)
    auditor.corp.unlisted = {"owner": WeComRejected(LISTING, 701008, "unlicensed")}
    auditor.corp.part("owner", "wm1")
    auditor.corp.part("colleague", "wm2")
    seen = auditor.sync()
    assert seen.state is SyncState.PARTIAL
    assert "701008" in seen.trouble
    assert seen.counts["people"]["failed"] == 1
    assert auditor.desk.bindings() == {("owner", "wm1"): "live", ("colleague", "wm2"): "ended"}


def test_what_cannot_be_looked_at_is_counted_and_everything_else_is_compared(
    auditor: Auditor, monkeypatch: Any
):
    def unreadable(_self: object) -> None:
        raise WeComRejected("externalcontact/get_corp_tag_list", 40058, "invalid")

    known_to_both(auditor)
    auditor.corp.chats = {"wr1": chat("wm1"), "wr2": replace(chat("wm2"), chat_id="wr2")}
    auditor.corp.part("owner", "wm1")
    auditor.corp.part("colleague", "wm2")
    refused = WeComRejected("externalcontact/get", 84061, "not external contact")
    auditor.corp.refused = {"wm1": refused, "wr1": refused}
    monkeypatch.setattr(type(auditor.corp), "_groups", unreadable)
    seen = auditor.sync()
    assert (seen.state, "get_corp_tag_list" in seen.trouble) == (SyncState.PARTIAL, True)
    assert seen.counts["tags"] == {"failed": 1}
    assert seen.counts["contacts"] == {"failed": 1, "ended": 1}
    assert seen.counts["chats"] == {"seen": 2, "added": 1, "failed": 1}
    assert auditor.desk.bindings() == {("owner", "wm1"): "live", ("colleague", "wm2"): "ended"}
    monkeypatch.undo()
    auditor.corp.refused = {}
    assert auditor.sync().state is SyncState.COMPLETE


def test_people_who_are_not_in_the_apps_sight_any_more_keep_everything(auditor: Auditor):
    known_to_both(auditor)
    auditor.corp.follow = ["owner"]
    auditor.corp.part("colleague", "wm2")
    auditor.sync()
    assert auditor.desk.bindings() == {("owner", "wm1"): "live", ("colleague", "wm2"): "live"}


def test_a_listing_that_is_short_ends_nothing_that_a_look_still_shows(auditor: Auditor, monkeypatch: Any):
    known_to_both(auditor)
    monkeypatch.setattr(type(auditor.corp), "_of_users", lambda _self, _userids: iter(()))
    seen = auditor.sync()
    assert auditor.pairs("live") == {("owner", "wm1"), ("colleague", "wm2")}
    assert "ended" not in seen.counts["contacts"]


def test_news_that_comes_while_we_look_is_not_overwritten(auditor: Auditor):
    known_to_both(auditor)
    auditor.corp.add("owner", "wm1", T0, remark="旧备注")

    def renamed_and_told() -> None:
        auditor.corp.add("owner", "wm1", T0, remark="新备注")
        auditor.desk.hear(contact_event("edit_external_contact", T0 + 5))

    def tags_first() -> None:
        auditor.corp.on_look = renamed_and_told

    auditor.corp.on_look = tags_first
    auditor.sync()
    with auditor.database.reading() as session:
        query = select(ContactBinding.remark).join(
            ExternalContact, ExternalContact.id == ContactBinding.external_contact_id
        )
        assert session.scalar(query.where(ExternalContact.external_userid == "wm1")) == "新备注"


def test_an_events_older_look_does_not_overwrite_what_a_sync_wrote_meanwhile(auditor: Auditor):
    known_to_both(auditor)
    auditor.corp.chats = {"wr1": chat("wm1")}

    def edited_and_compared() -> None:
        auditor.corp.add("owner", "wm1", T0, remark="新备注")
        auditor.corp.chats = {"wr1": chat("wm1", name="新群名")}
        auditor.sync()

    for told in (contact_event("edit_external_contact", T0 + 5), chat_event("update", T0 + 5)):
        auditor.corp.add("owner", "wm1", T0, remark="旧备注")
        auditor.corp.chats = {"wr1": chat("wm1", name="旧群名")}
        auditor.corp.on_look = edited_and_compared
        auditor.desk.hear(told)
        with auditor.database.reading() as session:
            assert "新备注" in session.scalars(select(ContactBinding.remark)).all()
            assert session.scalars(select(GroupChat.name)).all() == ["新群名"]


def test_wecom_away_for_a_while_is_waited_for_and_the_sync_goes_on_where_it_was(auditor: Auditor):
    known_to_both(auditor)
    auditor.corp.unlisted = {"owner": WeComRetryable(LISTING, "HTTP 502")}
    sync_id = auditor.database.in_transaction(lambda session: request_sync(session, "outage"))
    auditor.run()
    assert (auditor.get(sync_id).state, auditor.get(sync_id).trouble) == (
        SyncState.RUNNING,
        f"{LISTING}: HTTP 502",
    )
    auditor.corp.unlisted = {}
    auditor.make_due()
    auditor.run()
    assert auditor.get(sync_id).state is SyncState.COMPLETE
    assert auditor.get(sync_id).counts["tags"] == {}, "the tags were compared once"


def test_a_wecom_that_stays_away_ends_the_sync_and_nothing_else(auditor: Auditor):
    known_to_both(auditor)
    auditor.corp.unlisted = {"owner": WeComRetryable(LISTING, "HTTP 502")}
    sync_id = auditor.database.in_transaction(lambda session: request_sync(session, "outage"))
    for _ in range(MOST_FAILURES):
        auditor.run()
        auditor.make_due()
    assert auditor.get(sync_id).state is SyncState.FAILED
    assert auditor.pairs("live") == {("owner", "wm1"), ("colleague", "wm2")}


def test_an_app_that_wecom_refuses_fails_at_once(auditor: Auditor, monkeypatch: Any):
    def refused(_self: object) -> None:
        raise WeComMisconfigured("externalcontact/get_corp_tag_list", 48002, "api forbidden")

    monkeypatch.setattr(type(auditor.corp), "_groups", refused)
    seen = auditor.sync()
    assert (seen.state, "48002" in seen.trouble) == (SyncState.FAILED, True)


def test_a_chunk_holds_as_many_people_as_fit_and_at_least_one(auditor: Auditor, monkeypatch: Any):
    known_to_both(auditor)
    monkeypatch.setattr(sync_contacts, "MOST_BINDINGS", 1)
    with auditor.database.reading() as session:
        assert list(sync_contacts.next_chunk(session, ["colleague", "owner"])) == ["colleague"]
        assert list(sync_contacts.next_chunk(session, ["owner", "stranger"])) == ["owner", "stranger"]
    assert auditor.sync().counts["people"]["seen"] == 2


def test_of_two_processes_one_works_on_a_sync_and_the_one_overtaken_writes_nothing(auditor: Auditor):
    sync_id = auditor.database.in_transaction(lambda session: request_sync(session, "outage"))
    first = auditor.database.in_transaction(claim_sync)
    assert first is not None
    assert auditor.database.in_transaction(claim_sync) is None
    auditor.make_due()  # the first one's lease is over
    second = auditor.database.in_transaction(claim_sync)
    assert second is not None
    with pytest.raises(Overtaken), auditor.database.transaction() as session:
        save_progress(session, first)
    work_on(auditor.database, auditor.corp.port, first, Deadline(10))
    assert auditor.get(sync_id).state is SyncState.RUNNING
    work_on(auditor.database, auditor.corp.port, second, Deadline(10))
    assert auditor.get(sync_id).state is SyncState.COMPLETE


def test_asking_twice_is_asking_once_until_it_is_over(auditor: Auditor):
    ask: Callable[[], int] = lambda: auditor.database.in_transaction(  # noqa: E731
        lambda session: request_sync(session, "outage")
    )
    assert ask() == (first := ask())
    auditor.run()
    assert ask() != first


def test_the_command_sees_a_sync_through_and_says_what_it_came_to(auditor: Auditor):
    known_to_both(auditor)
    seen = sync_now(auditor.database, auditor.corp.port)
    assert (seen.state, seen.reason) == (SyncState.COMPLETE, "command")
    assert describe(seen).startswith("complete\n")
    with auditor.database.reading() as session:
        assert [row.id for row in latest_syncs(session, 10)] == [seen.id]


def test_the_command_leaves_a_sync_to_the_clock_where_wecom_is_away(auditor: Auditor):
    known_to_both(auditor)
    auditor.corp.unlisted = {"owner": WeComRetryable(LISTING, "HTTP 502")}
    seen = sync_now(auditor.database, auditor.corp.port)
    assert (seen.state, describe(seen).splitlines()[0]) == (
        SyncState.RUNNING,
        f"running: {LISTING}: HTTP 502",
    )


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-01T03:29:59", "2026-03-01T03:30:00"),
        ("2026-03-01T03:30:00", "2026-03-02T03:30:00"),
        ("2026-12-31T23:59:00", "2027-01-01T03:30:00"),
    ],
)
def test_nights_are_the_chains_own(now: str, expected: str):
    local = datetime.fromisoformat(now).replace(tzinfo=NIGHTLY_ZONE)
    night = next_night(local.astimezone(UTC))
    assert night == datetime.fromisoformat(expected).replace(tzinfo=NIGHTLY_ZONE)
    assert night.tzinfo is UTC


def test_the_night_is_set_once_and_again_after_it_was_done(auditor: Auditor):
    for _ in range(2):
        auditor.database.in_transaction(ensure_nightly)
    with auditor.database.transaction() as session:
        (nightly,) = session.scalars(select(Sync)).all()
        assert nightly.next_due_at == next_night(clock.real_now(session))
        first = nightly.id
        assert latest_syncs(session, 10) == []
    run = auditor.database.in_transaction(lambda session: claim_sync(session, first))
    assert run is not None
    work_on(auditor.database, auditor.corp.port, run, Deadline(10))
    with auditor.database.reading() as session:
        slots = {row.id: row.slot for row in session.scalars(select(Sync))}
        (timer,) = session.scalars(select(Timer).where(Timer.lane == str(Lane.SYNC))).all()
    assert slots.pop(first) is None
    assert list(slots.values()) == ["nightly"]
    assert timer.subject_id in slots


def asked_for(auditor: Auditor) -> list[str]:
    with auditor.database.reading() as session:
        return list(session.scalars(select(Sync.reason).where(Sync.slot.in_(["asked", "again"]))))


def silent_for(auditor: Auditor, gap: timedelta, who: Beating = Beating.CLOCK) -> None:
    """As if nobody of that kind had run for so long (real time)."""
    with auditor.database.transaction() as session:
        session.get_one(Heartbeat, who).beaten_at -= gap
    keep_beating(auditor.database, who)


@pytest.mark.parametrize("who", Beating)
def test_after_an_outage_of_minutes_one_sync_is_asked_for(auditor: Auditor, who: Beating):
    keep_beating(auditor.database, who)
    with auditor.database.transaction() as session:
        assert session.scalars(select(Sync.slot)).all() == ["nightly"]
        clock.jump_to(session, clock.now(session) + timedelta(days=9))
    keep_beating(auditor.database, who)
    silent_for(auditor, GAP - timedelta(minutes=1), who)
    assert asked_for(auditor) == [], "neither a fast-forward nor a restart is an outage"
    silent_for(auditor, GAP + timedelta(minutes=1), who)
    keep_beating(auditor.database, who)
    assert asked_for(auditor) == ["outage"]
    silent_for(auditor, GAP + timedelta(minutes=1), who)
    assert asked_for(auditor) == ["outage"], "one that has not begun does for both"


def test_after_an_outage_a_sync_under_way_is_followed_by_another(auditor: Auditor):
    keep_beating(auditor.database, Beating.CLOCK)
    first = auditor.database.in_transaction(lambda session: request_sync(session, "command"))
    run = auditor.database.in_transaction(claim_sync)
    assert run is not None
    for _ in range(2):
        silent_for(auditor, GAP + timedelta(minutes=1))
    assert sorted(asked_for(auditor)) == ["command", "outage"]
    assert auditor.run() == 0, "they do not run side by side"
    work_on(auditor.database, auditor.corp.port, run, Deadline(10))
    assert auditor.get(first).state is SyncState.COMPLETE
    assert auditor.run() == 1
    assert asked_for(auditor) == []
    assert violations(auditor.database) == []


def test_a_heart_beats_until_it_is_told_to_stop(auditor: Auditor):
    stop = threading.Event()
    beating = threading.Thread(target=beat_until, args=[auditor.database, Beating.WEB, stop])
    beating.start()
    stop.set()
    beating.join(60)
    assert not beating.is_alive()
    with auditor.database.reading() as session:
        assert session.get(Heartbeat, Beating.WEB) is not None


def test_a_group_that_is_gone_is_ended(auditor: Auditor):
    auditor.corp.chats = {"wr1": chat("wm1")}
    auditor.sync()
    auditor.corp.chats = {}
    assert auditor.sync().counts["chats"] == {"seen": 0, "ended": 1}
    with auditor.database.reading() as session:
        assert session.scalars(select(GroupChat)).one().ended_at is not None
