"""The first words to a new customer, and the templates of customer groups (facts 3.7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.wecom.apis.attachments import Attachment, content_of, encoded
from app.wecom.apis.base import CorpAPI, needed, part, text
from app.wecom.errors import WeComRejected, WeComRetryable

TOO_LATE = 41050
ALREADY = 41051
ANOTHER_APP = 41096
PATH = "externalcontact/group_welcome_template"
KINDS = ("image", "link", "miniprogram", "file", "video")


class WelcomeOutcome(StrEnum):
    """SENT: the customer has it · ALREADY: it was sent before, or the two talk already: nothing is left to do ·
    TOO_LATE: the code is unknown or older than 20 seconds, no call can mend that."""

    SENT = "sent"
    ALREADY = "already"
    TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True)
class GroupTemplate:
    """What a new member of a customer group is shown: text, and at most one attachment as WeCom keeps it."""

    text: str
    attachment: dict[str, Any] | None


class WelcomesAPI(CorpAPI):
    """A welcome is the associate's own message: the customer cannot tell it from one typed."""

    def send(
        self, welcome_code: str, *, content: str = "", attachments: Iterable[Attachment] = ()
    ) -> WelcomeOutcome:
        """Use the code of an add event: once, within 20 real seconds. Text at most 4000 bytes, attachments 9.

        Raises `WeComRetryable` while another app is sending (41096): worth one more try. What WeCom says of the
        content is `WeComRejected`: 41064 and 41065 for attachments, 40007 for media, 40058 for neither.
        """
        path = "externalcontact/send_welcome_msg"
        try:
            self._post(path, data={"welcome_code": welcome_code, **content_of(content, attachments)})
        except WeComRejected as error:
            return _outcome(path, error)
        return WelcomeOutcome.SENT

    def add_template(self, content: str, attachment: Attachment | None = None) -> str:
        """A template of this app; its id. `WeComRejected` 41055 above a hundred in the corp."""
        return needed(PATH, self._post(f"{PATH}/add", data=_template(content, attachment)), "template_id")

    def edit_template(self, template_id: str, content: str, attachment: Attachment | None = None) -> None:
        """Replace the content whole; `WeComRejected` 41058 where another app made it."""
        sent = {"template_id": template_id, **_template(content, attachment)}
        self._post(f"{PATH}/edit", data=sent)

    def get_template(self, template_id: str) -> GroupTemplate:
        """The content as it is now."""
        answer = self._post(f"{PATH}/get", data={"template_id": template_id})
        found = [{"msgtype": kind, kind: answer[kind]} for kind in KINDS if part(answer, kind)]
        return GroupTemplate(text(part(answer, "text"), "content"), found[0] if found else None)

    def delete_template(self, template_id: str) -> None:
        """Gone; `WeComRejected` 41058 where another app made it."""
        self._post(f"{PATH}/del", data={"template_id": template_id})


def _outcome(path: str, error: WeComRejected) -> WelcomeOutcome:
    if error.errcode == ALREADY:
        return WelcomeOutcome.ALREADY
    if error.errcode == TOO_LATE:
        return WelcomeOutcome.TOO_LATE
    if error.errcode == ANOTHER_APP:
        raise WeComRetryable(path, f"{error.errcode} {error.errmsg}")
    raise error


def _template(content: str, attachment: Attachment | None) -> dict[str, Any]:
    fields = content_of(content)
    if attachment is not None:
        sent = encoded(attachment)
        fields[sent["msgtype"]] = sent[sent["msgtype"]]
    return fields
