"""Which calls are made again where nobody knows whether the first was carried out: each one was thought about."""

from __future__ import annotations

import pytest

from app.sandbox.api import ENDPOINTS
from app.wecom.bodies import Text, render
from app.wecom.repeats import CHECKED, NEVER, REPEATABLE, is_repeatable
from app.wecom.transport import Body


def test_every_call_that_is_no_get_is_decided_once():
    posts = {path for path, endpoint in ENDPOINTS.items() if endpoint.post}
    assert REPEATABLE | set(NEVER) | {CHECKED} == posts
    assert not REPEATABLE & set(NEVER)
    assert all(NEVER.values())


@pytest.mark.parametrize(
    ("method", "path", "repeatable"),
    [
        ("GET", "user/get", True),
        ("POST", "externalcontact/remark", True),
        ("POST", "externalcontact/add_contact_way", False),
        ("POST", "menu/create", False),  # nobody has thought about it
    ],
)
def test_what_nobody_has_thought_about_is_not_repeated(method: str, path: str, repeatable: bool):
    assert is_repeatable(method, path, None) is repeatable


def test_a_message_is_repeated_only_with_the_duplicate_check():
    ours = render(1, ("lina",), Text("您好")).encode()
    assert is_repeatable("POST", CHECKED, Body(ours, "application/json"))
    assert is_repeatable("POST", CHECKED, Body(b'{"enable_duplicate_check": 1}', "application/json"))
    assert not is_repeatable("POST", CHECKED, Body(b'{"enable_duplicate_check": 0}', "application/json"))
    assert not is_repeatable("POST", CHECKED, None)
