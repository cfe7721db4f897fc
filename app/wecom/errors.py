"""What a call to WeCom may end in. Texts name the API path and WeCom's own words, never a token or a secret."""

from __future__ import annotations

import re
from copy import copy
from typing import Self

# Facts 6. What no call of ours can cure: the secret, the app, its permissions or its address is wrong.
OUR_APP_IS_WRONG = frozenset(
    {40001, 40013, 40014, 40056, 40091, 41001, 41002, 41004, 42001, 48002, 48005, 48006, 48009}
    | {50003, 60020, 301002}
)
STALE_TOKEN = frozenset({40014, 42001})
BUSY = frozenset({-1, 45033, 45035})
FREQUENCY_LIMIT = 45009

_SECRETS = re.compile(r"\b((?:access_token|corpsecret|(?:js_)?code|(?:\w+_)?ticket)=)[^&\s\"'>]+")
LONGEST_TEXT = 200


class WeComError(Exception):
    """A call to WeCom did not succeed. `sent`: it, or an earlier try of it, may have taken effect all the same."""

    sent = False

    def fresh(self) -> Self:
        """The same error without a traceback, to be raised elsewhere."""
        return copy(self).with_traceback(None)


class WeComRetryable(WeComError):
    """The same call may succeed later. `sent` says that it may also have taken effect already: whoever creates
    something looks first whether it is there (repeats.NEVER says where), for a second call may make a second one.

    `wait_s` is how long WeCom wants to be left alone, real seconds.
    """

    def __init__(self, path: str, reason: str, *, sent: bool = False, wait_s: float = 0.0) -> None:
        self.path = path
        self.reason = redacted(reason)
        self.sent = sent
        self.wait_s = wait_s
        super().__init__(path, self.reason)

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class WeComPaused(WeComRetryable):
    """WeCom wants this API left alone for `wait_s`: over its frequency limit. This call was not carried out; an
    earlier try of it may have been, where `sent` says so.

    Most of these are raised without asking WeCom at all, so a caller that counts attempts does not count this one.
    """


class WeComRejected(WeComError):
    """WeCom refuses this call and will refuse it again. An HTTP status stands for `errcode` where there is none."""

    def __init__(self, path: str, errcode: int, errmsg: str) -> None:
        self.path = path
        self.errcode = errcode
        self.errmsg = redacted(errmsg)
        super().__init__(path, errcode, self.errmsg)

    def __str__(self) -> str:
        return f"{self.path}: {self.errcode} {self.errmsg}"


class WeComMisconfigured(WeComRejected):
    """WeCom refuses our app, not this call: every call fails until somebody mends the configuration."""


def redacted(text: str) -> str:
    """The text, shortened, without the values of parameters that are secret."""
    return _SECRETS.sub(r"\1…", text)[:LONGEST_TEXT]


def refusal(path: str, errcode: int, errmsg: str, wait_s: float = 0.0, *, sent: bool = False) -> WeComError:
    """The typed error of a non-zero errcode (facts 6, column Class); `wait_s`: how long a frequency limit blocks.

    `sent`: an earlier try of the same call may have taken effect.
    """
    if errcode in BUSY:
        return WeComRetryable(path, f"{errcode} {errmsg}", sent=sent)
    if errcode == FREQUENCY_LIMIT:
        return WeComPaused(path, f"{errcode} {errmsg}", wait_s=wait_s, sent=sent)
    if errcode in OUR_APP_IS_WRONG:
        return WeComMisconfigured(path, errcode, errmsg)
    return WeComRejected(path, errcode, errmsg)
