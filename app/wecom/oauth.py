"""Where a browser is sent to find out who holds it (facts 3.2). Exchanging the code is the port's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

STATE = re.compile(r"[a-zA-Z0-9]{1,128}")


@dataclass(frozen=True, slots=True)
class LoginPages:
    """The two login pages of one app."""

    corp_id: str
    agent_id: int
    oauth_url: str
    login_url: str

    def authorize_url(self, redirect_uri: str, state: str, *, private: bool = False) -> str:
        """Inside WeCom: comes back at once with code and state, without a question (snsapi_base).

        With `private` the person is asked once what the app may know (snsapi_privateinfo).
        """
        query = {
            "appid": self.corp_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": "snsapi_privateinfo" if private else "snsapi_base",
            "state": _checked(state),
            "agentid": self.agent_id,
        }
        return f"{self.oauth_url.rstrip('/')}/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"

    def qr_login_url(self, redirect_uri: str, state: str) -> str:
        """In any browser: shows a QR code to be scanned with WeCom."""
        query = {
            "login_type": "CorpApp",
            "appid": self.corp_id,
            "agentid": self.agent_id,
            "redirect_uri": redirect_uri,
            "state": _checked(state),
        }
        return f"{self.login_url.rstrip('/')}/wwlogin/sso/login?{urlencode(query)}"


def _checked(state: str) -> str:
    """Letters and digits only, 128 at most; raises ValueError: the page would not come back with anything else."""
    if not STATE.fullmatch(state):
        raise ValueError("state: letters and digits, 1 to 128")
    return state
