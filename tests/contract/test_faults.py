"""Bad lines: what the port makes of connections that break and answers that crawl."""

from __future__ import annotations

import pytest

from app.wecom.bodies import Text, render
from app.wecom.errors import WeComRetryable
from tests.contract import samples
from tests.wecom.local_sandbox import OURS, LocalSandbox

SEND = "message/send"


def script(corp: LocalSandbox, *steps: dict[str, object]) -> None:
    corp.control("POST", "faults/script", {"steps": list(steps)})


@pytest.mark.parametrize(("kind", "delivered"), [("reset", 0), ("drop_answer", 1), ("malformed", 1)])
def test_what_may_have_happened_is_said_and_done_again_without_a_double(
    corp: LocalSandbox, kind: str, delivered: int
):
    userid, wecom = samples.new_member(corp), corp.app()
    body = render(OURS.agent_id, (userid,), Text("一次就好"))
    script(corp, {"path": SEND, "kind": kind})
    with pytest.raises(WeComRetryable) as caught:
        wecom.send_app_message(body)
    assert caught.value.sent
    assert len(corp.messages(userid)) == delivered
    assert wecom.send_app_message(body).msgid
    assert len(corp.messages(userid)) == 1


def test_a_bad_gateway_after_the_effect_leaves_one_message(corp: LocalSandbox):
    """Whoever answers 502 may have passed the call on; what it says is no JSON."""
    userid, wecom = samples.new_member(corp), corp.app()
    body = render(OURS.agent_id, (userid,), Text("一次就好"))
    script(corp, {"path": SEND, "kind": "http500_after", "value": 502, "times": None})
    with pytest.raises(WeComRetryable) as caught:
        wecom.send_app_message(body)
    assert caught.value.sent
    script(corp)
    assert wecom.send_app_message(body).msgid
    assert len(corp.messages(userid)) == 1


def test_a_question_is_asked_again_over_a_new_connection(corp: LocalSandbox):
    wecom = corp.app()
    wecom.addresses.of_api()
    before = corp.calls()["get_api_domain_ip"]
    script(corp, {"path": "get_api_domain_ip", "kind": "reset"})
    assert wecom.addresses.of_api()
    assert corp.calls()["get_api_domain_ip"] - before == 2


def test_an_answer_that_trickles_is_read_to_its_end(corp: LocalSandbox):
    wecom = corp.app()
    before = corp.calls().get("get_api_domain_ip", 0)
    script(corp, {"path": "get_api_domain_ip", "kind": "trickle", "value": 0.5})
    assert wecom.addresses.of_api()
    assert corp.calls()["get_api_domain_ip"] - before == 1


def test_a_bad_hour_from_a_script_passes(corp: LocalSandbox):
    """Busy twice, an error of the server, then well: one call of the port survives it, as facts 6 advises."""
    wecom = corp.app()
    wecom.addresses.of_api()
    script(
        corp,
        {"path": "getcallbackip", "kind": "errcode", "value": -1},
        {"path": "getcallbackip", "kind": "http500", "value": 502},
    )
    assert wecom.addresses.of_callbacks()
