"""One key, one body, one answer, one effect; also when processes die or meet."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from app.db import Database
from app.orders.models import Order
from app.partner_api import idempotency, reporting, routes
from app.partner_api.idempotency import Claim, InFlight, StoredAnswer
from app.partner_api.keys import create_key
from app.partner_api.models import IdempotencyKey
from tests.partner_api.conftest import Till, purchase

BODY = {"purchases": [purchase()]}
OTHER = {"purchases": [purchase(ref="2")]}


def orders(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Order)) or 0


def let_claims_run_out(database: Database) -> None:
    with database.transaction() as session:
        for row in session.scalars(select(IdempotencyKey)):
            row.claimed_until = row.created_at - timedelta(minutes=5)


def test_the_same_request_gets_the_same_answer_and_one_effect(till: Till, database: Database):
    first = till.send(BODY, idempotency_key="k")
    again = till.send(BODY, idempotency_key="k")
    assert first.data == again.data
    assert (first.status_code, again.status_code) == (200, 200)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert orders(database) == 1


def test_the_same_key_with_another_body_is_refused(till: Till, database: Database):
    till.report(BODY, idempotency_key="k")
    answer = till.send(OTHER, idempotency_key="k")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency_key_reused")
    assert orders(database) == 1


def test_keys_differ_by_case_and_by_partner(till: Till, database: Database):
    with database.transaction() as session:
        mall = Till(till.app, create_key(session, "mall", "mall"))
    assert till.report(BODY, idempotency_key="k")["applied"] == 1
    assert till.report(OTHER, idempotency_key="K")["applied"] == 1
    assert mall.report(BODY, idempotency_key="k")["applied"] == 1


@pytest.mark.parametrize("key", ["x" * 129, "钥匙", "a\tb"])
def test_a_key_must_be_visible_and_short(till: Till, key: str):
    answer = till.send(BODY, idempotency_key=key.encode().decode("latin-1"))
    assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency_key")


def test_a_key_is_required(till: Till):
    answer = till.send(BODY, Idempotency_Key="")
    assert (answer.status_code, answer.get_json()["place"]) == (422, "Idempotency-Key")


def test_a_refused_request_uses_up_no_key(till: Till):
    assert till.send({"purchases": [purchase(store=None)]}, idempotency_key="k").status_code == 422
    assert till.report(BODY, idempotency_key="k")["applied"] == 1


def test_while_in_flight_a_repeat_waits(till: Till, database: Database, monkeypatch: pytest.MonkeyPatch):
    answers = []

    def meanwhile(*args: Any, **options: Any) -> dict[str, Any]:
        answers.append(till.send(BODY, idempotency_key="k"))
        return real(*args, **options)

    real = reporting.report
    monkeypatch.setattr(routes, "report", meanwhile)
    assert till.send(BODY, idempotency_key="k").status_code == 200
    (during,) = answers
    assert (during.status_code, during.get_json()["code"]) == (409, "in_flight")
    assert 1 <= int(during.headers["Retry-After"]) <= 60
    assert orders(database) == 1


def test_a_request_whose_process_died_is_taken_over_after_its_time(
    till: Till, database: Database, monkeypatch: pytest.MonkeyPatch
):
    """The process dies after it applied and before it answered; the repeat counts nothing twice."""

    class Died(BaseException):
        pass

    def die(*args: Any, **options: Any) -> dict[str, Any]:
        real(*args, **options)
        raise Died

    real = reporting.report
    with monkeypatch.context() as patched:
        patched.setattr(routes, "report", die)
        with pytest.raises(Died):
            till.send(BODY, idempotency_key="k")
    assert till.send(BODY, idempotency_key="k").status_code == 409
    let_claims_run_out(database)
    assert till.report(BODY, idempotency_key="k")["repeated"] == 1
    assert orders(database) == 1


def test_our_own_failure_gives_the_key_back(till: Till, monkeypatch: pytest.MonkeyPatch):
    def fail(*_args: Any, **_options: Any) -> dict[str, Any]:
        raise OperationalError("SELECT 1", {}, Exception(2013, "gone"))

    with monkeypatch.context() as patched:
        patched.setattr(routes, "report", fail)
        answer = till.send(BODY, idempotency_key="k")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert till.report(BODY, idempotency_key="k")["applied"] == 1


def test_who_was_taken_over_records_nothing(till: Till, database: Database):
    def claim() -> Claim | StoredAnswer | InFlight:
        return database.in_transaction(lambda session: idempotency.claim(session, 1, "k", "body"))

    slow = claim()
    assert isinstance(slow, Claim)
    assert isinstance(claim(), InFlight)
    let_claims_run_out(database)
    quick = claim()
    assert isinstance(quick, Claim)
    with database.transaction() as session:
        assert not idempotency.record(session, slow, 200, "slow")
        idempotency.release(session, slow)
        assert idempotency.record(session, quick, 200, "quick")
    assert claim() == StoredAnswer(200, "quick")


def test_a_slow_process_answers_what_its_successor_answered(
    till: Till, database: Database, monkeypatch: pytest.MonkeyPatch
):
    def stall(*args: Any, **options: Any) -> dict[str, Any]:
        monkeypatch.setattr(routes, "report", real)
        let_claims_run_out(database)
        successor.append(till.send(BODY, idempotency_key="k"))
        return real(*args, **options)

    real = reporting.report
    successor: list[Any] = []
    monkeypatch.setattr(routes, "report", stall)
    slow = till.send(BODY, idempotency_key="k")
    assert slow.data == successor[0].data
    assert slow.get_json()["applied"] == 1
    assert orders(database) == 1


def test_many_at_once_have_one_effect(till: Till, database: Database):
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(till.send(BODY, idempotency_key="k")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.data for answer in answers if answer.status_code == 200}) == 1
    assert orders(database) == 1


def test_a_long_answer_fits(till: Till):
    """500 refusals with their messages are more than MySQL's TEXT holds."""
    many = {"purchases": [purchase(ref=f"{'x' * 55}{number}", store="X") for number in range(500)]}
    first = till.send(many, idempotency_key="k", Accept_Language="zh-CN")
    assert len(first.data) > 65_535
    assert till.send(many, idempotency_key="k").data == first.data
