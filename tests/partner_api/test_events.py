"""What happens to members through the API: kept once, with its data checked, birthdays sealed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app.db import Database
from app.follow_ups.bookkeeping.books import check_books
from app.inbound.models import Inbound, InboundState
from app.intake.quarantine import quarantined_events, retry_events
from app.member_events.models import MemberEvent
from app.members.models import Member, MemberCare, MemberDate
from app.members.phones import PURPOSE, masked_phone_of, members_of_phone
from app.members.service import members_by_code
from app.sealing import Keyring
from tests.partner_api.conftest import EVENTS, PURCHASE, Till


def item(ref: str = "1", **changes: Any) -> dict[str, Any]:
    """An item of the small chain; a change to None leaves the field out."""
    sent = {"ref": ref, "store": "S1", "customer": "c1", "occurred_at": "2026-02-20T18:30:00+08:00"} | changes
    return {name: value for name, value in sent.items() if value is not None}


def count(database: Database, model: Any) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


SATISFIED = {"satisfactions": [item(score=2, comment="袖子长了", seller="owner")]}


def test_an_event_is_kept_once_however_often_it_is_sent(till: Till, database: Database):
    first, again = till.report(SATISFIED, path=EVENTS), till.report(SATISFIED, path=EVENTS)
    assert first["satisfactions"] == [{"index": 0, "ref": "1", "status": "applied"}]
    assert again["satisfactions"] == [{"index": 0, "ref": "1", "status": "repeated"}]
    with database.reading() as session:
        event = session.scalars(select(MemberEvent)).one()
        member = session.scalars(select(Member)).one()
        assert not any(finding.count for finding in check_books(session))
    assert (event.member_id, event.kind, event.event_key) == (member.id, "satisfaction", "till:1")
    assert json.loads(event.data) == {"score": 2, "comment": "袖子长了"}


def test_the_same_key_and_body_has_one_effect_and_one_answer(till: Till, database: Database):
    first = till.send(SATISFIED, path=EVENTS, idempotency_key="k")
    again = till.send(SATISFIED, path=EVENTS, idempotency_key="k")
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")
    assert count(database, MemberEvent) == 1


def test_other_content_under_a_number_is_refused(till: Till, database: Database):
    till.report(SATISFIED, path=EVENTS)
    other = till.report({"satisfactions": [item(score=5)]}, path=EVENTS)
    assert other["satisfactions"][0]["code"] == "contradicts_stored"


def test_who_joins_gets_the_name_that_is_told_and_keeps_a_name_they_have(till: Till, database: Database):
    till.report({"visits": [item("v")]}, path=EVENTS)
    till.report({"joins": [item("j1", name="李先生")]}, path=EVENTS)
    till.report({"joins": [item("j2", name="王先生")]}, path=EVENTS)
    with database.reading() as session:
        assert session.scalars(select(Member.name)).all() == ["李先生"]
        assert session.scalars(select(MemberEvent.kind).order_by(MemberEvent.kind)).all() == ["join", "visit"]


def test_a_birthday_is_readable_nowhere(till: Till, database: Database):
    sent = {"birthdays": [item(month=7, day=29, year=1987)]}
    assert till.report(sent, path=EVENTS)["applied"] == 1
    assert till.report(sent, path=EVENTS)["repeated"] == 1
    with database.reading() as session:
        row = session.scalars(select(MemberDate)).one()
        payload = session.scalars(select(Inbound.payload)).one()
        assert row.member_id == members_by_code(session, ["c1"])["c1"]
        assert not any(finding.count for finding in check_books(session))
    for kept in (payload, row.sealed, row.day_index):
        assert "1987" not in kept
        assert "07-29" not in kept


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"satisfactions": [item(score=6)]}, "satisfactions.0.score"),
        ({"visits": [item(), item("2", reason="weather")]}, "visits.1.reason"),
        ({"services": [item()]}, "services.0.service"),
        ({"level_changes": [item(after=None)]}, "level_changes.0.after"),
        ({"birthdays": [item(month=2, day=30)]}, "birthdays.0.day"),
        ({"birthdays": [item(month=2, day=29, year=2023)]}, "birthdays.0.day"),
        ({"birthdays": [item(month=6, day=31, calendar="lunar")]}, "birthdays.0.day"),
        ({"joins": [item(customer=None)]}, "joins.0.customer"),
        ({"joins": [item(owner="x")]}, "joins.0.owner"),
        ({}, "joins"),
    ],
)
def test_what_is_wrong_is_named_by_its_place_and_nothing_is_applied(
    till: Till, database: Database, body: dict[str, Any], place: str
):
    answer = till.send(body, path=EVENTS)
    assert answer.status_code == 422
    assert answer.get_json()["place"] == place
    assert count(database, Inbound) == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"store": "X"}, "unknown_store"), ({"occurred_at": "2099-01-01T00:00:00Z"}, "in_future")],
)
def test_an_item_that_makes_no_sense_is_refused_alone(till: Till, changes: dict[str, Any], code: str):
    answer = till.report({"visits": [item("bad", **changes), item("good")]}, path=EVENTS)
    assert [one["status"] for one in answer["visits"]] == ["refused", "applied"]
    assert answer["visits"][0]["code"] == code


def test_a_quarantined_event_is_applied_once_its_cause_is_gone(
    till: Till, database: Database, monkeypatch: pytest.MonkeyPatch
):
    def fails(*_: object, **__: object) -> None:
        raise ValueError("planted")

    with monkeypatch.context() as planted:
        planted.setattr("app.intake.service.tell_of_happenings", fails)
        assert till.report(SATISFIED, path=EVENTS)["quarantined"] == 1
    assert count(database, MemberEvent) == 0
    with database.reading() as session:
        held = [event.id for event in quarantined_events(session)]
    assert [result.status for _, result in retry_events(database, held) if result] == ["applied"]
    with database.reading() as session:
        assert session.scalars(select(Inbound.state)).one() == InboundState.APPLIED
    assert count(database, MemberEvent) == 1


def test_a_number_is_sealed_wherever_it_comes_from_and_the_newest_counts(
    till: Till, database: Database, capfd: pytest.CaptureFixture[str]
):
    """The canary phones stand in no table, answer or line of the log."""
    canaries = ("13800138101", "+86 138 0013 8102", "13800138103")
    told = [
        till.report({"joins": [item("j", phone=canaries[0])]}, path=EVENTS),
        till.report({"purchases": [PURCHASE | {"phone": canaries[1]}]}),
        till.report({"phones": [item("p", phone=canaries[2], occurred_at="2026-02-21")]}, path=EVENTS),
        till.report({"phones": [item("bad", phone="12345")]}, path=EVENTS),
    ]
    assert [answer["applied"] for answer in told] == [1, 1, 1, 0]
    assert told[3]["phones"][0]["code"] == "bad_phone"
    keys = Keyring(till.app.extensions["settings"].secret_keys, PURPOSE)
    with database.reading() as session:
        member_id = members_by_code(session, ["c1"])["c1"]
        assert masked_phone_of(session, member_id) == "138****8103"
        assert members_of_phone(session, keys, "+8613800138103") == [member_id]
        assert members_of_phone(session, keys, "+8613800138101") == []
        kept = str(session.execute(text("SELECT payload FROM inbound")).all())
        kept += str(session.execute(text("SELECT * FROM member_phones")).all())
        kept += str(session.execute(text("SELECT * FROM idempotency_keys")).all())
    kept += str(told) + "".join(capfd.readouterr())
    assert not any(number in kept for number in ("13800138101", "13800138102", "13800138103", "8001 3810"))


def test_an_answer_ends_what_it_ends_and_r_to_a_text_message_ends_everything(till: Till, database: Database):
    asked = {"replies": [item("a"), item("b", customer="c2", how="sms", opts_out=True)]}
    assert till.report(asked, path=EVENTS)["applied"] == 2
    with database.reading() as session:
        found = dict(session.execute(select(MemberEvent.data, MemberEvent.kind)).all())
        out = set(session.scalars(select(MemberCare.member_id).where(MemberCare.opted_out_at.is_not(None))))
        assert {json.loads(data)["how"] for data in found} == {"archive", "sms"}
        assert set(found.values()) == {"reply"}
        assert out == {members_by_code(session, ["c2"])["c2"]}
