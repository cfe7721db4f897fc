"""Handing customers to another account, on the job or after leaving (在职/离职继承; facts 3.10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.wecom.apis.base import Answer, Code, CorpAPI, given, items, number, text

CUSTOMERS_A_CALL = 100
UNASSIGNED_A_PAGE = 1_000
IN_PROGRESS = frozenset({40100, 40129})  # of a customer: begun before, so nothing more is to be done
TOO_OFTEN = 40128  # twice in 90 days
TAKER_FULL = 40099


class TransferStatus(Code):
    """WAITING: the customer may still refuse, and after 24 hours it is DONE · NONE: there is no such transfer."""

    UNKNOWN = -1
    DONE = 1
    WAITING = 2
    REFUSED = 3
    TAKER_FULL = 4
    NONE = 5


@dataclass(frozen=True, slots=True)
class TransferBegun:
    """One customer's answer: `errcode` 0 says begun, not done."""

    external_userid: str
    errcode: int


@dataclass(frozen=True, slots=True)
class TransferResult:
    """How one customer's transfer stands; `taken_at_s` once it is DONE."""

    external_userid: str
    status: TransferStatus
    taken_at_s: int | None


@dataclass(frozen=True, slots=True)
class Unassigned:
    """A customer of an account that left."""

    wecom_userid: str  # lower case
    external_userid: str
    left_at_s: int


class TransfersAPI(CorpAPI):
    """The taker must be active, may have external contacts, and be seen by the app (41054, 84074, 60111)."""

    def begin(
        self, from_userid: str, to_userid: str, external_userids: Sequence[str], message: str = ""
    ) -> tuple[TransferBegun, ...]:
        """On the job, at most 100 customers a call; `message` (200 characters) is what each gets when it is done."""
        return self._begin(
            "externalcontact/transfer_customer", (from_userid, to_userid), external_userids, message
        )

    def begin_of_left(
        self, from_userid: str, to_userid: str, external_userids: Sequence[str]
    ) -> tuple[TransferBegun, ...]:
        """Of an account that left (else 40097), at most 100 customers a call."""
        path = "externalcontact/resigned/transfer_customer"
        return self._begin(path, (from_userid, to_userid), external_userids, "")

    def results(self, from_userid: str, to_userid: str) -> Iterator[TransferResult]:
        """How every transfer between the two stands."""
        return self._results("externalcontact/transfer_result", from_userid, to_userid)

    def results_of_left(self, from_userid: str, to_userid: str) -> Iterator[TransferResult]:
        """How every transfer from an account that left to the other stands."""
        return self._results("externalcontact/resigned/transfer_result", from_userid, to_userid)

    def unassigned(self) -> Iterator[Unassigned]:
        """Every customer of an account that left, who was given to nobody yet."""
        query = {"page_size": UNASSIGNED_A_PAGE}
        for answer in self._pages("externalcontact/get_unassigned_list", query):
            yield from map(_unassigned, items(answer, "info"))

    def _begin(
        self, path: str, pair: tuple[str, str], external_userids: Sequence[str], message: str
    ) -> tuple[TransferBegun, ...]:
        data = given(
            handover_userid=pair[0],
            takeover_userid=pair[1],
            external_userid=list(external_userids),
            transfer_success_msg=message or None,
        )
        answer = self._post(path, data=data)
        return tuple(
            TransferBegun(text(found, "external_userid"), number(found, "errcode"))
            for found in items(answer, "customer")
        )

    def _results(self, path: str, from_userid: str, to_userid: str) -> Iterator[TransferResult]:
        for answer in self._pages(path, {"handover_userid": from_userid, "takeover_userid": to_userid}):
            yield from map(_result, items(answer, "customer"))


def _result(found: Answer) -> TransferResult:
    return TransferResult(
        external_userid=text(found, "external_userid"),
        status=TransferStatus(number(found, "status")),
        taken_at_s=number(found, "takeover_time") or None,
    )


def _unassigned(found: Answer) -> Unassigned:
    return Unassigned(
        wecom_userid=text(found, "handover_userid").lower(),
        external_userid=text(found, "external_userid"),
        left_at_s=number(found, "dimission_time"),
    )
