"""What only the sandbox has: putting people and contacts there, and moving its clock. Never used in production."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any

import requests

TIMEOUT_S = (3.0, 60.0)
BATCH = 1000


class SandboxControl:
    """The control API of the sandbox at `api_url`. Raises `requests.RequestException` where it does not work."""

    def __init__(self, api_url: str) -> None:
        self._url = f"{api_url.rstrip('/')}/sandbox"
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Connection"] = "close"  # a kept one may end under a request

    def put_people(self, people: Iterable[Mapping[str, Any]]) -> int:
        """Add accounts or bring them up to date: userid, name, and maybe department, position. How many."""
        return self._put("people", people)

    def put_contacts(self, contacts: Iterable[Mapping[str, Any]]) -> int:
        """Add external contacts or bring them up to date: external_userid, name, follow [{userid, …}]."""
        return self._put("contacts", contacts)

    def set_clock(self, offset: timedelta) -> None:
        """Make the sandbox's clock differ by `offset` from the machine's; the same one twice changes nothing."""
        self._checked("POST", "clock", json={"offset_us": offset // timedelta(microseconds=1)})

    def link_mini_program(self, appid: str) -> None:
        """Link a mini program to the app, so that its login answers; the administrator's other rules stay."""
        self._checked("PATCH", "rules", json={"mini_program": appid})

    def let_cards_call_back(self) -> None:
        """As if the app's callback address were saved: cards with buttons may be sent, and a press goes nowhere."""
        self._checked("PATCH", "rules", json={"callback_url_set": True})

    def put_numbers(self, numbers: Iterable[tuple[str, str]]) -> int:
        """Whose phone a mobile number rings: external_userid and number."""
        rows = ({"external_userid": userid, "number": number} for userid, number in numbers)
        return self._put("sms_numbers", rows)

    def approve_sms(self, sign: str, scripts: Iterable[Mapping[str, Any]]) -> None:
        """Let the gateway know the signature, and the `sms_template` of each script, all of them as marketing."""
        templates = [
            {"code": one["sms_template"], "content": one["body"].replace("{", "${"), "marketing": True}
            for one in scripts
            if one.get("sms_template")
        ]
        self._checked("PUT", "sms/approved", json={"sign": sign, "templates": templates})

    def _put(self, path: str, items: Iterable[Mapping[str, Any]]) -> int:
        count, rest = 0, iter(items)
        while batch := list(islice(rest, BATCH)):
            count += int(self._checked("PUT", path, json=batch)[path])
        return count

    def _checked(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        response = self._http.request(method, f"{self._url}/{path}", timeout=TIMEOUT_S, **kwargs)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer
