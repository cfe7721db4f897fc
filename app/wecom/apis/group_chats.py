"""Customer groups (客户群): reading them, their figures, their owners, ways to join (facts 3.10–3.12)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.wecom.apis.base import (
    COMES_AGAIN,
    MOST_PAGES,
    Answer,
    Code,
    CorpAPI,
    given,
    items,
    needed,
    number,
    part,
    text,
)
from app.wecom.errors import WeComRetryable

GROUPS_A_PAGE = 1_000
OWNERS_A_CALL = 100
GROUPS_A_CALL = 100


class GroupStatus(Code):
    """How the group's owner stands."""

    UNKNOWN = -1
    NORMAL = 0
    OWNER_LEFT = 1
    INHERITING = 2
    INHERITED = 3


class MemberKind(Code):
    """INTERNAL: an account of the corp · EXTERNAL: somebody from outside."""

    UNKNOWN = -1
    INTERNAL = 1
    EXTERNAL = 2


class JoinScene(Code):
    """How somebody came in."""

    UNKNOWN = -1
    DIRECTLY = 1
    BY_LINK = 2
    BY_QR = 3


class StatisticOrder(Code):
    """What the owners' figures are sorted by."""

    UNKNOWN = -1
    NEW_GROUPS = 1
    GROUPS = 2
    NEW_MEMBERS = 3
    MEMBERS = 4


@dataclass(frozen=True, slots=True)
class ListedGroup:
    """A group as listed."""

    chat_id: str
    status: GroupStatus


@dataclass(frozen=True, slots=True)
class GroupMember:
    """Somebody in a group: `userid` is an external_userid, or an account in lower case."""

    userid: str
    kind: MemberKind
    joined_at_s: int
    join_scene: JoinScene
    invited_by: str
    nickname: str
    name: str
    state: str
    unionid: str | None


@dataclass(frozen=True, slots=True)
class GroupChat:
    """A group with everybody in it. Just after an event it may be older than the event: compare the version."""

    chat_id: str
    name: str
    owner: str  # lower case
    created_at_s: int
    notice: str
    members: tuple[GroupMember, ...]
    admins: frozenset[str]  # lower case
    member_version: str


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """What happened in the groups of an owner, or on a day."""

    new_groups: int
    groups: int
    groups_with_messages: int
    new_members: int
    members: int
    members_with_messages: int
    messages: int


@dataclass(frozen=True, slots=True)
class GroupFailure:
    """A group that was not handed over, and why (facts 3.10, group errors)."""

    chat_id: str
    errcode: int


@dataclass(frozen=True, slots=True)
class JoinWay:
    """A way to join at most five groups (else 41091); remark and state at most 30 characters.

    With `opens_new_room` a new group is made where these are full, named `room_name` and a number.
    """

    chat_ids: tuple[str, ...]
    is_qr: bool = True
    remark: str = ""
    state: str = ""
    opens_new_room: bool = True
    room_name: str = ""
    room_number: int = 1
    config_id: str = ""
    qr_url: str = ""


class GroupChatsAPI(CorpAPI):
    """The groups whose owners the app sees."""

    def list(
        self, owners: Sequence[str] = (), status: GroupStatus = GroupStatus.NORMAL
    ) -> Iterator[ListedGroup]:
        """Groups of these owners, else of all: 81017 where the app sees more than 1,000 accounts.

        NORMAL asks for every status. A group whose owner left is listed only where that owner is named. Owners are
        asked for a hundred at a time, as the iterator is used.
        """
        query = {"status_filter": int(status), "limit": GROUPS_A_PAGE}
        for start in range(0, max(len(owners), 1), OWNERS_A_CALL):
            some = list(owners[start : start + OWNERS_A_CALL])
            asked = query | given(owner_filter={"userid_list": some} if some else None)
            for answer in self._pages("externalcontact/groupchat/list", asked):
                for found in items(answer, "group_chat_list"):
                    yield ListedGroup(text(found, "chat_id"), GroupStatus(number(found, "status")))

    def get(self, chat_id: str) -> GroupChat:
        """The group with its members' names."""
        path = "externalcontact/groupchat/get"
        answer = self._post(path, data={"chat_id": chat_id, "need_name": 1})
        found = part(answer, "group_chat")
        return GroupChat(
            chat_id=needed(path, found, "chat_id"),
            name=text(found, "name"),
            owner=text(found, "owner").lower(),
            created_at_s=number(found, "create_time"),
            notice=text(found, "notice"),
            members=tuple(map(_member, items(found, "member_list"))),
            admins=frozenset(text(one, "userid").lower() for one in items(found, "admin_list")),
            member_version=text(found, "member_version"),
        )

    def chat_id_of(self, opengid: str) -> str:
        """The chat_id of a group that a mini program knows by its opengid."""
        path = "externalcontact/opengid_to_chatid"
        return needed(path, self._post(path, data={"opengid": opengid}), "chat_id")

    def figures_by_owner(
        self,
        begin_s: int,
        end_s: int,
        owners: Sequence[str] = (),
        order: StatisticOrder = StatisticOrder.NEW_GROUPS,
    ) -> Iterator[tuple[str, GroupFigures]]:
        """Each owner (lower case) with the figures of these days together; yesterday at the latest."""
        path, offset = "externalcontact/groupchat/statistic", 0
        for _ in range(MOST_PAGES):
            query = _days(begin_s, end_s, owners) | {"order_by": int(order), "offset": offset}
            answer = self._post(path, data=query | {"limit": GROUPS_A_PAGE})
            page = items(answer, "items")
            yield from ((text(one, "owner").lower(), _figures(part(one, "data"))) for one in page)
            read, offset = offset, number(answer, "next_offset")
            if not page or offset >= number(answer, "total"):
                return
            if offset <= read:
                raise WeComRetryable(path, COMES_AGAIN)
        raise WeComRetryable(path, f"more than {MOST_PAGES} pages")

    def figures_by_day(
        self, begin_s: int, end_s: int, owners: Sequence[str] = ()
    ) -> tuple[tuple[int, GroupFigures], ...]:
        """Each day's first second with the figures of all these owners together."""
        path = "externalcontact/groupchat/statistic_group_by_day"
        answer = self._post(path, data=_days(begin_s, end_s, owners))
        return tuple(
            (number(one, "stat_time"), _figures(part(one, "data"))) for one in items(answer, "items")
        )

    def transfer(self, chat_ids: Sequence[str], to_userid: str) -> tuple[GroupFailure, ...]:
        """Give groups whose owner left to another, at most 100 a call; those that could not be given."""
        return self._transfer("externalcontact/groupchat/transfer", chat_ids, to_userid)

    def transfer_on_job(self, chat_ids: Sequence[str], to_userid: str) -> tuple[GroupFailure, ...]:
        """Give groups of an owner who works here to another, a group twice in 90 days."""
        return self._transfer("externalcontact/groupchat/onjob_transfer", chat_ids, to_userid)

    def add_join_way(self, way: JoinWay) -> str:
        """Make a way to join; its config_id, the only handle there is."""
        path = "externalcontact/groupchat/add_join_way"
        return needed(path, self._post(path, data=_as_wecom(way)), "config_id")

    def join_way(self, config_id: str) -> JoinWay:
        """A way to join that this app made; 41044 for any other."""
        answer = self._post("externalcontact/groupchat/get_join_way", data={"config_id": config_id})
        found = part(answer, "join_way")
        return JoinWay(
            chat_ids=tuple(map(str, items(found, "chat_id_list"))),
            is_qr=number(found, "scene") == QR_CODE,
            remark=text(found, "remark"),
            state=text(found, "state"),
            opens_new_room=number(found, "auto_create_room") == 1,
            room_name=text(found, "room_base_name"),
            room_number=number(found, "room_base_id"),
            config_id=text(found, "config_id"),
            qr_url=text(found, "qr_code"),
        )

    def update_join_way(self, config_id: str, way: JoinWay) -> None:
        """Replace everything of it."""
        data = _as_wecom(way) | {"config_id": config_id}
        self._post("externalcontact/groupchat/update_join_way", data=data)

    def delete_join_way(self, config_id: str) -> None:
        """Its codes are dead from now on."""
        self._post("externalcontact/groupchat/del_join_way", data={"config_id": config_id})

    def _transfer(self, path: str, chat_ids: Sequence[str], to_userid: str) -> tuple[GroupFailure, ...]:
        answer = self._post(path, data={"chat_id_list": list(chat_ids), "new_owner": to_userid})
        failed = items(answer, "failed_chat_list")
        return tuple(GroupFailure(text(one, "chat_id"), number(one, "errcode")) for one in failed)


MINI_PROGRAM, QR_CODE = 1, 2


def _member(found: Answer) -> GroupMember:
    kind, userid = MemberKind(number(found, "type")), text(found, "userid")
    return GroupMember(
        userid=userid.lower() if kind is MemberKind.INTERNAL else userid,
        kind=kind,
        joined_at_s=number(found, "join_time"),
        join_scene=JoinScene(number(found, "join_scene")),
        invited_by=text(part(found, "invitor"), "userid").lower(),
        nickname=text(found, "group_nickname"),
        name=text(found, "name"),
        state=text(found, "state"),
        unionid=text(found, "unionid") or None,
    )


def _figures(found: Answer) -> GroupFigures:
    return GroupFigures(
        new_groups=number(found, "new_chat_cnt"),
        groups=number(found, "chat_total"),
        groups_with_messages=number(found, "chat_has_msg"),
        new_members=number(found, "new_member_cnt"),
        members=number(found, "member_total"),
        members_with_messages=number(found, "member_has_msg"),
        messages=number(found, "msg_total"),
    )


def _days(begin_s: int, end_s: int, owners: Sequence[str]) -> dict[str, object]:
    owner_filter = {"userid_list": list(owners)} if owners else None
    return given(day_begin_time=begin_s, day_end_time=end_s, owner_filter=owner_filter)


def _as_wecom(way: JoinWay) -> dict[str, object]:
    return {
        "scene": QR_CODE if way.is_qr else MINI_PROGRAM,
        "remark": way.remark,
        "state": way.state,
        "auto_create_room": int(way.opens_new_room),
        "room_base_name": way.room_name,
        "room_base_id": way.room_number,
        "chat_id_list": list(way.chat_ids),
    }
