"""External contacts (外部联系人) and the accounts they are bound to (facts 3.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.wecom.apis.base import Answer, CorpAPI, given, items, needed, number, part, text
from app.wecom.errors import WeComRejected

WECHAT = 1
CORP_TAG = 1
NOT_CONNECTED = 84061  # nobody follows it; of externalcontact/list: the account has no contacts (facts 3.4)
ACCOUNTS_A_CALL = 100
CONTACTS_A_PAGE = 100
PAGES_OF_BINDINGS = 100  # of one contact, which are held at once: 500 accounts are on each (facts 3.4)


@dataclass(frozen=True, slots=True)
class Binding:
    """An account that has this external contact (跟进人关系); `bound_at_s` in seconds since 1970.

    `tag_ids` are the corp's tags this account put on it. A contact way's `state` is there for such a source only.
    """

    wecom_userid: str  # lower case
    remark: str
    bound_at_s: int
    add_way: int
    state: str
    description: str = ""
    remark_company: str = ""
    remark_mobiles: tuple[str, ...] = ()
    tag_ids: frozenset[str] = frozenset()
    added_by: str = ""  # the account, or else the contact's own id


@dataclass(frozen=True, slots=True)
class Profile:
    """Who an external contact is. `unionid` only for one of WeChat, and only where the corp has bound a
    WeChat developer account; `corp_name` and `position` only for one of another corp's WeCom."""

    external_userid: str
    name: str
    avatar: str
    unionid: str | None
    is_wechat: bool
    gender: int = 0
    corp_name: str = ""
    position: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """An external contact with every binding the app may see."""

    profile: Profile
    bindings: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class Followed:
    """One binding of one external contact: it may have others."""

    profile: Profile
    binding: Binding


class ContactsAPI(CorpAPI):
    """Customers of the corp as this app may see them."""

    def follow_users(self) -> tuple[str, ...]:
        """The accounts that may have external contacts, of those the app sees; lower case."""
        answer = self._get("externalcontact/get_follow_user_list")
        return tuple(str(userid).lower() for userid in items(answer, "follow_user"))

    def ids_of(self, wecom_userid: str) -> tuple[str, ...]:
        """The `external_userid` of everybody this account has as contact; empty where it has none (84061)."""
        try:
            answer = self._get("externalcontact/list", params={"userid": wecom_userid})
        except WeComRejected as error:
            if error.errcode == NOT_CONNECTED:
                return ()
            raise
        return tuple(items(answer, "external_userid"))

    def get(self, external_userid: str) -> Contact | None:
        """The contact with all bindings, however many pages those are.

        None where no account has it any more (84061): that is an answer, not a failure. An id WeCom does not
        know, or whose accounts the app may not see, is `WeComRejected` 40096.
        """
        path = "externalcontact/get"
        query = {"external_userid": external_userid}
        try:
            answers = list(self._pages(path, query, post=False, most=PAGES_OF_BINDINGS))
        except WeComRejected as error:
            if error.errcode == NOT_CONNECTED:
                return None
            raise
        profile = _profile(path, part(answers[0], "external_contact"))
        follows = [follow for answer in answers for follow in items(answer, "follow_user")]
        return Contact(profile, tuple(_binding(path, follow, _marked(follow)) for follow in follows))

    def of_users(self, wecom_userids: Sequence[str]) -> Iterator[Followed]:
        """Every binding of these accounts, asked for as the iterator is used: a hundred accounts at a time."""
        for start in range(0, len(wecom_userids), ACCOUNTS_A_CALL):
            yield from self._of_some(list(wecom_userids[start : start + ACCOUNTS_A_CALL]))

    def remark(
        self,
        wecom_userid: str,
        external_userid: str,
        *,
        remark: str | None = None,
        description: str | None = None,
        company: str | None = None,
        mobiles: Sequence[str] | None = None,
    ) -> None:
        """What the account notes of the contact; at least one note, None keeps what is there.

        Up to 20 characters for remark and company, 150 for description; mobiles replace those noted before, an
        empty sequence clears them. Raises `WeComRejected` 84061 without a binding.
        """
        notes = given(remark=remark, description=description, remark_company=company)
        if mobiles is not None:
            notes["remark_mobiles"] = list(mobiles) or [""]  # how to clear them: facts 9.7
        sent = {"userid": wecom_userid, "external_userid": external_userid, **notes}
        self._post("externalcontact/remark", data=sent)

    def openid_of(self, external_userid: str) -> str:
        """The openid of a contact of WeChat, for payments; `WeComRejected` for another."""
        path = "externalcontact/convert_to_openid"
        return needed(path, self._post(path, data={"external_userid": external_userid}), "openid")

    def _of_some(self, wecom_userids: list[str]) -> Iterator[Followed]:
        path = "externalcontact/batch/get_by_user"
        query = {"userid_list": wecom_userids, "limit": CONTACTS_A_PAGE}
        for answer in self._pages(path, query):
            for entry in items(answer, "external_contact_list"):
                follow = part(entry, "follow_info")
                profile = _profile(path, part(entry, "external_contact"))
                yield Followed(profile, _binding(path, follow, frozenset(items(follow, "tag_id"))))


def _profile(path: str, found: Answer) -> Profile:
    return Profile(
        external_userid=needed(path, found, "external_userid"),
        name=text(found, "name"),
        avatar=text(found, "avatar"),
        unionid=text(found, "unionid") or None,
        is_wechat=number(found, "type") == WECHAT,
        gender=number(found, "gender"),
        corp_name=text(found, "corp_name"),
        position=text(found, "position"),
    )


def _binding(path: str, follow: Answer, tag_ids: frozenset[str]) -> Binding:
    return Binding(
        wecom_userid=needed(path, follow, "userid").lower(),
        remark=text(follow, "remark"),
        bound_at_s=number(follow, "createtime"),
        add_way=number(follow, "add_way"),
        state=text(follow, "state"),
        description=text(follow, "description"),
        remark_company=text(follow, "remark_corp_name"),
        remark_mobiles=tuple(mobile for mobile in items(follow, "remark_mobiles") if mobile),
        tag_ids=tag_ids,
        added_by=text(follow, "oper_userid"),
    )


def _marked(follow: Answer) -> frozenset[str]:
    """The corp's tags: personal ones have no id, strategy ones are another app's (facts 3.4)."""
    tags = [tag for tag in items(follow, "tags") if number(tag, "type") == CORP_TAG]
    return frozenset(text(tag, "tag_id") for tag in tags if text(tag, "tag_id"))
