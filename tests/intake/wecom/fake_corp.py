"""A corp in memory: relations, tags, chats and lives as WeCom would show them, changed by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from types import SimpleNamespace
from typing import Any

from app.wecom.apis.contacts import Binding, Contact, Followed, Profile
from app.wecom.apis.group_chats import GroupChat, GroupStatus, ListedGroup
from app.wecom.apis.livings import Living
from app.wecom.apis.tags import CorpTag, TagGroup
from app.wecom.apis.welcomes import WelcomeOutcome
from app.wecom.callbacks import WeComEvent
from app.wecom.errors import WeComRejected


@dataclass
class FakeCorp:
    """What the port asks of WeCom in these tests. `refusals` and `answers` are used up by the call they name."""

    relations: dict[tuple[str, str], Binding] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    follow: list[str] = field(default_factory=lambda: ["owner", "colleague", "stranger"])
    groups: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    chats: dict[str, GroupChat] = field(default_factory=dict)
    lives: dict[str, Living] = field(default_factory=dict)
    sent: list[tuple[str, str]] = field(default_factory=list)
    updated: list[tuple[str, tuple[str, ...], object]] = field(default_factory=list)
    answers: list[Exception | WelcomeOutcome] = field(default_factory=list)
    card_answers: list[Exception] = field(default_factory=list)
    unlisted: dict[str, Exception] = field(default_factory=dict)
    refused: dict[str, Exception] = field(
        default_factory=dict
    )  # contacts and chats that cannot be looked at alone
    looks: int = 0
    on_look: Callable[[], None] | None = None
    on_send: Callable[[str], None] = field(default=lambda _code: None)

    @property
    def port(self) -> Any:
        """The parts of `WeComPort` that are asked."""
        return SimpleNamespace(
            contacts=SimpleNamespace(
                get=self._get, follow_users=lambda: tuple(self.follow), of_users=self._of_users
            ),
            tags=SimpleNamespace(groups=self._groups),
            group_chats=SimpleNamespace(get=self._chat, list=self._chats),
            livings=SimpleNamespace(get=lambda living_id: self.lives[living_id]),
            messages=SimpleNamespace(update_card=self._update_card),
            welcomes=SimpleNamespace(send=self._send),
        )

    def add(self, userid: str, external_userid: str, at_s: int, **noted: Any) -> None:
        """The two are contacts."""
        self.names.setdefault(external_userid, f"顾客{external_userid}")
        self.relations[userid, external_userid] = replace(Binding(userid, "", at_s, 1, ""), **noted)

    def part(self, userid: str, external_userid: str) -> None:
        """The associate deleted the customer."""
        self.relations.pop((userid, external_userid), None)

    def _get(self, external_userid: str) -> Contact | None:
        self.looks += 1
        if external_userid in self.refused:
            raise self.refused[external_userid]
        found = [its for (_, who), its in sorted(self.relations.items()) if who == external_userid]
        seen = Contact(self._profile(external_userid), tuple(found)) if found else None
        if self.on_look is not None:
            then, self.on_look = self.on_look, None
            then()
        return seen

    def _of_users(self, userids: Sequence[str]) -> Iterator[Followed]:
        for userid in userids:
            if userid in self.unlisted:
                raise self.unlisted[userid]
        for (userid, external_userid), binding in sorted(self.relations.items()):
            if userid in userids:
                yield Followed(self._profile(external_userid), binding)

    def _profile(self, external_userid: str) -> Profile:
        return Profile(external_userid, self.names[external_userid], "http://a/1.png", None, True)

    def _groups(self) -> tuple[TagGroup, ...]:
        self.looks += 1
        seen = tuple(
            TagGroup(group_id, name, 0, 0, tuple(CorpTag(tag_id, its, 0, 0) for tag_id, its in tags.items()))
            for group_id, (name, tags) in sorted(self.groups.items())
        )
        if self.on_look is not None:
            then, self.on_look = self.on_look, None
            then()
        return seen

    def _chat(self, chat_id: str) -> GroupChat:
        if chat_id in self.refused:
            raise self.refused[chat_id]
        seen = self.chats.get(chat_id)
        if self.on_look is not None:
            then, self.on_look = self.on_look, None
            then()
        if seen is None:
            raise WeComRejected("externalcontact/groupchat/get", 40050, "invalid chatid")
        return seen

    def _chats(self, owners: Sequence[str]) -> Iterator[ListedGroup]:
        for chat in self.chats.values():
            if chat.owner in owners:
                yield ListedGroup(chat.chat_id, GroupStatus.NORMAL)

    def _send(self, code: str, *, content: str) -> WelcomeOutcome:
        self.sent.append((code, content))
        self.on_send(code)
        answer = self.answers.pop(0) if self.answers else WelcomeOutcome.SENT
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _update_card(self, code: str, userids: Sequence[str], change: object) -> frozenset[str]:
        self.updated.append((code, tuple(userids), change))
        if self.card_answers:
            raise self.card_answers.pop(0)
        return frozenset()


_numbers = count(1)


def event(name: str, at_s: int, change: str = "", **fields: Any) -> WeComEvent:
    """An event as WeCom tells it."""
    told = {"MsgType": "event", "Event": name, "CreateTime": str(at_s), "FromUserName": "sys"}
    return WeComEvent.of(told | ({"ChangeType": change} if change else {}) | fields)


def contact_event(
    change: str, at_s: int, userid: str = "owner", who: str = "wm1", **fields: Any
) -> WeComEvent:
    """Of change_external_contact."""
    return event("change_external_contact", at_s, change, UserID=userid, ExternalUserID=who, **fields)
