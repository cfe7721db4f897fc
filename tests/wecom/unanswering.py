"""The base of every fake WeCom: a port that answers nothing, so that a fake says only what its test is about."""

from __future__ import annotations

from typing import NoReturn

from app.wecom.port import Login, SentMessage


class UnansweringWeCom:
    """Implements `WeComPort`: whatever is asked of it fails the test. One line per subject of the port."""

    @property
    def addresses(self) -> NoReturn:
        raise NotImplementedError

    @property
    def contacts(self) -> NoReturn:
        raise NotImplementedError

    @property
    def departments(self) -> NoReturn:
        raise NotImplementedError

    @property
    def people(self) -> NoReturn:
        raise NotImplementedError

    @property
    def contact_ways(self) -> NoReturn:
        raise NotImplementedError

    @property
    def welcomes(self) -> NoReturn:
        raise NotImplementedError

    @property
    def tags(self) -> NoReturn:
        raise NotImplementedError

    @property
    def logins(self) -> NoReturn:
        raise NotImplementedError

    @property
    def media(self) -> NoReturn:
        raise NotImplementedError

    @property
    def messages(self) -> NoReturn:
        raise NotImplementedError

    @property
    def group_chats(self) -> NoReturn:
        raise NotImplementedError

    @property
    def group_sends(self) -> NoReturn:
        raise NotImplementedError

    @property
    def livings(self) -> NoReturn:
        raise NotImplementedError

    @property
    def moments(self) -> NoReturn:
        raise NotImplementedError

    @property
    def pay(self) -> NoReturn:
        raise NotImplementedError

    @property
    def products(self) -> NoReturn:
        raise NotImplementedError

    @property
    def rosters(self) -> NoReturn:
        raise NotImplementedError

    @property
    def statistics(self) -> NoReturn:
        raise NotImplementedError

    @property
    def transfers(self) -> NoReturn:
        raise NotImplementedError

    def send_app_message(self, body: str) -> SentMessage:
        raise NotImplementedError

    def login_of(self, code: str) -> Login:
        raise NotImplementedError

    def corp_ticket(self) -> str:
        raise NotImplementedError

    def agent_ticket(self) -> str:
        raise NotImplementedError
