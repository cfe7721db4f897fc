"""What can be changed about an app message that was sent (facts 3.14). Sending is `send_app_message` of the port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.wecom.apis.base import CorpAPI, items
from app.wecom.cards import Card


class MessagesAPI(CorpAPI):
    """Messages of this app."""

    def update_card(
        self, response_code: str, wecom_userids: Sequence[str], change: str | Card
    ) -> frozenset[str]:
        """Show another card to these people (1,000 at most), or with a string that grey text in place of the buttons.

        A response code is good once, for 72 hours: one comes with the answer to sending, one with every tap.
        Returns those who do not have the card, lower case. Raises `WeComRejected` 40058 for a code that is used up
        or too old, 42015 for another app's, 42017 for a text on a card without buttons.
        After `WeComRetryable` with `sent` the code may be used up: a 40058 then says nothing of the card.
        """
        changed: dict[str, Any] = (
            {"button": {"replace_name": change}}
            if isinstance(change, str)
            else {"template_card": change.as_card()}
        )
        answer = self._post(
            "message/update_template_card",
            data={
                "userids": list(wecom_userids),
                "agentid": self._client.agent_id,
                "response_code": response_code,
                **changed,
            },
        )
        return frozenset(str(userid).lower() for userid in items(answer, "invaliduser"))

    def recall(self, msgid: str) -> None:
        """Take a message off the phones; `WeComRejected` 42052 after 24 hours, 40058 for another app's message."""
        self._post("message/recall", data={"msgid": msgid})
