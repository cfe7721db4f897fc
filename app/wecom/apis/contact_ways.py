"""Contact ways (联系我): codes that lead a customer to an account of the corp (facts 3.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.wecom.apis.base import Answer, CorpAPI, given, items, needed, number, part, text
from app.wecom.errors import WeComRejected

SINGLE, MULTI = 1, 2
IN_MINI_PROGRAM, BY_QR_CODE = 1, 2
PAGE = 1_000
UNKNOWN_WAY = 41044


@dataclass(frozen=True, slots=True)
class NewWay:
    """What is asked for. One that is not `is_multi` has exactly one account and no department, for ever.

    `state` and `remark` are at most 30 characters; `state` comes back in the add event and in the binding.
    `style` is of the control in a mini program alone. Accounts, those of departments included: at most 100.
    """

    userids: Sequence[str] = ()
    department_ids: Sequence[int] = ()
    is_multi: bool = False
    in_mini_program: bool = False
    style: int = 1
    remark: str = ""
    state: str = ""
    skip_verify: bool = True
    is_exclusive: bool = False


@dataclass(frozen=True, slots=True)
class MadeWay:
    """The one handle there will ever be: the console does not show ways made by an app. `qr_code` is "" for a
    control in a mini program."""

    config_id: str
    qr_code: str


@dataclass(frozen=True, slots=True)
class ContactWay:
    """A way as WeCom has it; userids in lower case."""

    config_id: str
    is_multi: bool
    in_mini_program: bool
    qr_code: str
    remark: str
    state: str
    skip_verify: bool
    userids: tuple[str, ...]
    department_ids: tuple[int, ...]
    is_exclusive: bool = False


class ContactWaysAPI(CorpAPI):
    """A way belongs to the app that made it: with another app's token its id is unknown (41044)."""

    def add(self, way: NewWay) -> MadeWay:
        """Make it. `WeComRejected` 41045 above the corp's number, 41041 above a hundred accounts, 41054 and 40098
        for an account that is not activated or not real-named.

        `WeComRetryable` with `sent`: there may be a way whose id nobody knows. Give each its own `state` and look
        with `find_by_state` before asking for another.
        """
        path = "externalcontact/add_contact_way"
        answer = self._post(path, data=_request(way))
        return MadeWay(needed(path, answer, "config_id"), text(answer, "qr_code"))

    def get(self, config_id: str) -> ContactWay:
        """The way; `WeComRejected` 41044 where there is none of this app's."""
        path = "externalcontact/get_contact_way"
        answer = self._post(path, data={"config_id": config_id})
        return _way(path, part(answer, "contact_way"))

    def ids(self, *, start_s: int | None = None, end_s: int | None = None) -> Iterator[str]:
        """The config_id of each lasting way made within the time, all pages; the last 90 days unless said."""
        path = "externalcontact/list_contact_way"
        query = {"limit": PAGE, **given(start_time=start_s, end_time=end_s)}
        for answer in self._pages(path, query):
            for way in items(answer, "contact_way"):
                yield needed(path, way, "config_id")

    def find_by_state(self, state: str, since_s: int) -> tuple[ContactWay, ...]:
        """The lasting ways with this state made since then: what an `add` came to whose answer was lost.

        Asks for each way made in that time: let `since_s` be shortly before the add, by WeCom's clock.
        """
        return tuple(way for way in map(self._still, self.ids(start_s=since_s)) if way and way.state == state)

    def update(
        self,
        config_id: str,
        *,
        userids: Sequence[str] | None = None,
        department_ids: Sequence[int] | None = None,
        remark: str | None = None,
        state: str | None = None,
        skip_verify: bool | None = None,
        is_exclusive: bool | None = None,
    ) -> None:
        """Change what is not None; accounts and departments are replaced whole. Type and scene stay for ever."""
        changes = given(remark=remark, state=state, skip_verify=skip_verify, is_exclusive=is_exclusive)
        if userids is not None:
            changes["user"] = list(userids)
        if department_ids is not None:
            changes["party"] = list(department_ids)
        self._post("externalcontact/update_contact_way", data={"config_id": config_id, **changes})

    def delete(self, config_id: str) -> None:
        """The code is dead from now on; `WeComRejected` 41044 where it was before."""
        self._post("externalcontact/del_contact_way", data={"config_id": config_id})

    def close_temp_chat(self, wecom_userid: str, external_userid: str) -> None:
        """End a temporary chat now; `WeComRejected` 84061 where there is none."""
        sent = {"userid": wecom_userid, "external_userid": external_userid}
        self._post("externalcontact/close_temp_chat", data=sent)

    def _still(self, config_id: str) -> ContactWay | None:
        """The way, unless it was deleted since it was listed."""
        try:
            return self.get(config_id)
        except WeComRejected as error:
            if error.errcode == UNKNOWN_WAY:
                return None
            raise


def _request(way: NewWay) -> dict[str, Any]:
    return {
        "type": MULTI if way.is_multi else SINGLE,
        "scene": IN_MINI_PROGRAM if way.in_mini_program else BY_QR_CODE,
        "remark": way.remark,
        "state": way.state,
        "skip_verify": way.skip_verify,
        "is_exclusive": way.is_exclusive,
        "user": list(way.userids),
        **given(
            style=way.style if way.in_mini_program else None,
            party=list(way.department_ids) if way.is_multi else None,
        ),
    }


def _way(path: str, way: Answer) -> ContactWay:
    return ContactWay(
        config_id=needed(path, way, "config_id"),
        is_multi=number(way, "type") == MULTI,
        in_mini_program=number(way, "scene") == IN_MINI_PROGRAM,
        qr_code=text(way, "qr_code"),
        remark=text(way, "remark"),
        state=text(way, "state"),
        skip_verify=bool(way.get("skip_verify", True)),
        userids=tuple(str(userid).lower() for userid in items(way, "user")),
        department_ids=tuple(items(way, "party")),
        is_exclusive=bool(way.get("is_exclusive")),
    )
