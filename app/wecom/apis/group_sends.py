"""Group sends (企业群发): orders that members confirm on their phones (facts 3.8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.wecom.apis.attachments import Attachment, content_of
from app.wecom.apis.base import Answer, Code, CorpAPI, given, items, needed, number, part, text

DISPATCHING = 41063  # of every question about an order: ask again in a moment
NOBODY_TO_REACH = 41048
CANCELLED = 41093
REMINDED_ENOUGH = 41094
TASKS_A_PAGE = 1_000
ORDERS_A_PAGE = 100


class ChatType(StrEnum):
    """Whom an order goes to: single customers, or customer groups."""

    SINGLE = "single"
    GROUP = "group"


class OrderSource(Code):
    """CORP: made by the corp, through the API too · PERSONAL: by a member for themselves."""

    UNKNOWN = -1
    CORP = 0
    PERSONAL = 1


class TaskStatus(Code):
    """Whether the member has confirmed."""

    UNKNOWN = -1
    UNSENT = 0
    SENT = 2


class SendStatus(Code):
    """NOT_A_CONTACT: no friend of the member any more · OVER_QUOTA: had what a customer may get for this while."""

    UNKNOWN = -1
    UNSENT = 0
    SENT = 1
    NOT_A_CONTACT = 2
    OVER_QUOTA = 3


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order WeCom took; `unreached` are those named that nobody can send it to."""

    msgid: str
    unreached: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """An order as listed; `creator` (lower case) is empty for one made through the API."""

    msgid: str
    source: OrderSource
    creator: str
    created_at_s: int
    text: str


@dataclass(frozen=True, slots=True)
class SendTask:
    """A member's task; `sent_at_s` is None before they confirmed."""

    wecom_userid: str  # lower case
    status: TaskStatus
    sent_at_s: int | None


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of one receiver: `target` is an external_userid, or a chat_id for an order to groups."""

    target: str
    status: SendStatus
    sent_at_s: int | None


class GroupSendsAPI(CorpAPI):
    """Nothing goes out before a member confirms; a customer's task is with the member who last chatted with it."""

    def to_contacts(
        self,
        content: str,
        *,
        external_userids: Sequence[str] = (),
        sender: str | None = None,
        tag_lists: Sequence[Sequence[str]] = (),
        attachments: Sequence[Attachment] = (),
        may_choose: bool = False,
    ) -> Ordered:
        """Order a text (4,000 bytes at most) and up to nine attachments for customers.

        Up to 10,000 customers, or all of a sender, or those with a tag of every list in `tag_lists` (not looked at
        where customers are named). `may_choose` lets the member leave some out. Refused with 41048 for nobody.
        """
        tags = {"group_list": [{"tag_list": list(tags)} for tags in tag_lists]} if tag_lists else None
        return self._order(
            chat_type=ChatType.SINGLE,
            external_userid=list(external_userids) or None,
            sender=sender,
            tag_filter=tags,
            allow_select=may_choose,
            **content_of(content, attachments),
        )

    def to_groups(
        self,
        content: str,
        sender: str,
        *,
        chat_ids: Sequence[str] = (),
        attachments: Sequence[Attachment] = (),
    ) -> Ordered:
        """Order the same for up to 2,000 customer groups that the sender owns; all of them where none is named."""
        return self._order(
            chat_type=ChatType.GROUP,
            sender=sender,
            chat_id_list=list(chat_ids) or None,
            **content_of(content, attachments),
        )

    def orders(
        self,
        chat_type: ChatType,
        begin_s: int,
        end_s: int,
        *,
        creator: str | None = None,
        source: OrderSource | None = None,
    ) -> Iterator[Order]:
        """The orders of a month at most, oldest first; None for every source."""
        query = given(
            chat_type=chat_type,
            start_time=begin_s,
            end_time=end_s,
            creator=creator,
            filter_type=2 if source is None else int(source),
            limit=ORDERS_A_PAGE,
        )
        for answer in self._pages("externalcontact/get_groupmsg_list_v2", query):
            yield from map(_order, items(answer, "group_msg_list"))

    def tasks(self, msgid: str) -> Iterator[SendTask]:
        """Who has the task; 41063 just after the order was made."""
        query = {"msgid": msgid, "limit": TASKS_A_PAGE}
        for answer in self._pages("externalcontact/get_groupmsg_task", query):
            yield from map(_task, items(answer, "task_list"))

    def results(self, msgid: str, wecom_userid: str) -> Iterator[SendResult]:
        """What became of each receiver of this member's task."""
        query = {"msgid": msgid, "userid": wecom_userid, "limit": TASKS_A_PAGE}
        for answer in self._pages("externalcontact/get_groupmsg_send_result", query):
            yield from map(_result, items(answer, "send_list"))

    def remind(self, msgid: str) -> None:
        """Remind whoever has not confirmed: three times in 24 hours (41094)."""
        self._post("externalcontact/remind_groupmsg_send", data={"msgid": msgid})

    def cancel(self, msgid: str) -> None:
        """Take it back from whoever has not confirmed; 41093 where that was done before."""
        self._post("externalcontact/cancel_groupmsg_send", data={"msgid": msgid})

    def _order(self, **fields: Any) -> Ordered:
        path = "externalcontact/add_msg_template"
        answer = self._post(path, data=given(**fields))
        return Ordered(needed(path, answer, "msgid"), tuple(map(str, items(answer, "fail_list"))))


def _order(found: Answer) -> Order:
    return Order(
        msgid=text(found, "msgid"),
        source=OrderSource(number(found, "create_type")),
        creator=text(found, "creator").lower(),
        created_at_s=number(found, "create_time"),
        text=text(part(found, "text"), "content"),
    )


def _task(found: Answer) -> SendTask:
    return SendTask(
        wecom_userid=text(found, "userid").lower(),
        status=TaskStatus(number(found, "status")),
        sent_at_s=number(found, "send_time") or None,
    )


def _result(found: Answer) -> SendResult:
    return SendResult(
        target=text(found, "external_userid") or text(found, "chat_id"),
        status=SendStatus(number(found, "status")),
        sent_at_s=number(found, "send_time") or None,
    )
