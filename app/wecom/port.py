"""The port: what the product asks of WeCom, in the product's words. No library's types pass through here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from app.wecom.apis.addresses import AddressesAPI
    from app.wecom.apis.contact_ways import ContactWaysAPI
    from app.wecom.apis.contacts import ContactsAPI
    from app.wecom.apis.departments import DepartmentsAPI
    from app.wecom.apis.group_chats import GroupChatsAPI
    from app.wecom.apis.group_sends import GroupSendsAPI
    from app.wecom.apis.livings import LivingsAPI
    from app.wecom.apis.logins import LoginsAPI
    from app.wecom.apis.media import MediaAPI
    from app.wecom.apis.messages import MessagesAPI
    from app.wecom.apis.moments import MomentsAPI
    from app.wecom.apis.pay import PayAPI
    from app.wecom.apis.people import PeopleAPI
    from app.wecom.apis.products import ProductsAPI
    from app.wecom.apis.rosters import RostersAPI
    from app.wecom.apis.statistics import StatisticsAPI
    from app.wecom.apis.tags import TagsAPI
    from app.wecom.apis.transfers import TransfersAPI
    from app.wecom.apis.welcomes import WelcomesAPI


@dataclass(frozen=True, slots=True)
class Credentials:
    """One self-built app (自建应用) of the corp."""

    corp_id: str
    agent_id: int
    secret: str

    def __repr__(self) -> str:
        """Without the secret: this ends up in tracebacks."""
        return f"Credentials({self.corp_id!r}, {self.agent_id})"


@dataclass(frozen=True, slots=True)
class SentMessage:
    """WeCom took the message. It says so even where some receivers are unknown to it: those are named.

    `response_code` is there for a card with callbacks: it lets `messages.update_card` replace it, once.
    """

    msgid: str
    invalid_userids: frozenset[str]  # lower case
    response_code: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """Who an OAuth code belongs to: an account of the corp, or somebody from outside it.

    `user_ticket` is there after a login that asked for private details: `logins.detail` takes it.
    """

    wecom_userid: str | None
    openid: str | None
    external_userid: str | None
    user_ticket: str | None = None


class WeComPort(Protocol):
    """Every call raises `WeComRetryable` or `WeComRejected` (errors.py); none outlasts `client.LONGEST_CALL_S`."""

    @property
    def addresses(self) -> AddressesAPI:
        """Where WeCom's API answers and its callbacks come from."""
        ...

    @property
    def contacts(self) -> ContactsAPI:
        """External contacts and their bindings."""
        ...

    @property
    def departments(self) -> DepartmentsAPI:
        """The corp's departments."""
        ...

    @property
    def people(self) -> PeopleAPI:
        """The corp's accounts."""
        ...

    @property
    def tags(self) -> TagsAPI:
        """The corp's customer tags and who carries them."""
        ...

    @property
    def contact_ways(self) -> ContactWaysAPI:
        """Codes that lead a customer to an account."""
        ...

    @property
    def welcomes(self) -> WelcomesAPI:
        """The first words to a new customer."""
        ...

    @property
    def group_chats(self) -> GroupChatsAPI:
        """Customer groups: members, figures, owners, ways to join."""
        ...

    @property
    def group_sends(self) -> GroupSendsAPI:
        """Messages to many customers, which members confirm on their phones."""
        ...

    @property
    def livings(self) -> LivingsAPI:
        """Lives and who watched them."""
        ...

    @property
    def moments(self) -> MomentsAPI:
        """Posts for customers, which members publish on their phones."""
        ...

    @property
    def pay(self) -> PayAPI:
        """What customers paid."""
        ...

    @property
    def products(self) -> ProductsAPI:
        """The product album."""
        ...

    @property
    def rosters(self) -> RostersAPI:
        """Who is planned to work when."""
        ...

    @property
    def statistics(self) -> StatisticsAPI:
        """What accounts did with customers, day by day."""
        ...

    @property
    def transfers(self) -> TransfersAPI:
        """Customers handed to another account."""
        ...

    @property
    def logins(self) -> LoginsAPI:
        """Who a code or ticket of a login belongs to."""
        ...

    @property
    def media(self) -> MediaAPI:
        """Files uploaded for messages, moments and the product album."""
        ...

    @property
    def messages(self) -> MessagesAPI:
        """Cards replaced and messages recalled after they were sent."""
        ...

    def send_app_message(self, body: str) -> SentMessage:
        """Send a body that `bodies` rendered, byte for byte."""
        ...

    def login_of(self, code: str) -> Login:
        """Whose OAuth code this is; a code is good once, within five minutes."""
        ...

    def corp_ticket(self) -> str:
        """The ticket that signs wx.config; shared and renewed early."""
        ...

    def agent_ticket(self) -> str:
        """The ticket that signs wx.agentConfig, of this app alone; shared and renewed early."""
        ...
