"""Tokens, tickets and signatures (facts 2.1, 3.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.wecom.app import WeComApp
from app.wecom.port import Credentials
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import LocalSandbox


def test_a_token_is_lent_and_good(wecom: WeComApp, place: Place):
    assert wecom.account(place.userid).wecom_userid == place.userid


@pytest.mark.parametrize(
    ("wrong", "errcode"),
    [({"secret": "not-the-secret"}, 40001), ({"corp_id": "ww-nobody"}, 40013), ({"secret": ""}, 41004)],
    ids=["secret", "corp", "no secret"],
)
def test_a_token_is_refused_to_others(
    corp: LocalSandbox, credentials: Credentials, wrong: dict[str, str], errcode: int
):
    with refused(errcode):
        corp.app(replace(credentials, **wrong)).account("lina")  # type: ignore[arg-type]
