"""The port as one app of the corp offers it: WeCom's answers turned into the port's dataclasses."""

from __future__ import annotations

from typing import Any

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
from app.wecom.client import CorpClient
from app.wecom.database_cache import DatabaseCache
from app.wecom.port import Credentials, Login, SentMessage
from app.wecom.replies import Answer
from app.wecom.shared_cache import RedisCache
from app.wecom.token_cache import ProcessCache, TokenCache


class WeComApp:
    """Implements `WeComPort`; one per process, for all its threads."""

    def __init__(self, client: CorpClient) -> None:
        self._client = client

    @property
    def addresses(self) -> AddressesAPI:
        """Where WeCom's API answers and its callbacks come from."""
        return self._client.addresses

    @property
    def contacts(self) -> ContactsAPI:
        """External contacts and their bindings."""
        return self._client.contacts

    @property
    def departments(self) -> DepartmentsAPI:
        """The corp's departments."""
        return self._client.departments

    @property
    def people(self) -> PeopleAPI:
        """The corp's accounts."""
        return self._client.people

    @property
    def tags(self) -> TagsAPI:
        """The corp's customer tags and who carries them."""
        return self._client.tags

    @property
    def contact_ways(self) -> ContactWaysAPI:
        """Codes that lead a customer to an account."""
        return self._client.contact_ways

    @property
    def welcomes(self) -> WelcomesAPI:
        """The first words to a new customer."""
        return self._client.welcomes

    @property
    def group_chats(self) -> GroupChatsAPI:
        """Customer groups: members, figures, owners, ways to join."""
        return self._client.group_chats

    @property
    def group_sends(self) -> GroupSendsAPI:
        """Messages to many customers, which members confirm on their phones."""
        return self._client.group_sends

    @property
    def livings(self) -> LivingsAPI:
        """Lives and who watched them."""
        return self._client.livings

    @property
    def moments(self) -> MomentsAPI:
        """Posts for customers, which members publish on their phones."""
        return self._client.moments

    @property
    def pay(self) -> PayAPI:
        """What customers paid."""
        return self._client.pay

    @property
    def products(self) -> ProductsAPI:
        """The product album."""
        return self._client.products

    @property
    def rosters(self) -> RostersAPI:
        """Who is planned to work when."""
        return self._client.rosters

    @property
    def statistics(self) -> StatisticsAPI:
        """What accounts did with customers, day by day."""
        return self._client.statistics

    @property
    def transfers(self) -> TransfersAPI:
        """Customers handed to another account."""
        return self._client.transfers

    @property
    def logins(self) -> LoginsAPI:
        """Who a code or ticket of a login belongs to."""
        return self._client.logins

    @property
    def media(self) -> MediaAPI:
        """Files uploaded for messages, moments and the product album."""
        return self._client.media

    @property
    def messages(self) -> MessagesAPI:
        """Cards replaced and messages recalled after they were sent."""
        return self._client.messages

    def send_app_message(self, body: str) -> SentMessage:
        """Send a body that `bodies` rendered, byte for byte."""
        answer = self._client.post("message/send", data=body.encode())
        invalid = _text(answer, "invaliduser").split("|")
        names = frozenset(name.lower() for name in invalid if name)
        return SentMessage(_text(answer, "msgid"), names, _text(answer, "response_code"))

    def login_of(self, code: str) -> Login:
        """Whose OAuth code this is; a code is good once, within five minutes."""
        answer = self._client.get("auth/getuserinfo", params={"code": code})
        userid = _text(answer, "userid").lower() or None
        openid, external_userid = _text(answer, "openid"), _text(answer, "external_userid")
        return Login(userid, openid or None, external_userid or None, _text(answer, "user_ticket") or None)

    def corp_ticket(self) -> str:
        """The ticket that signs wx.config."""
        return self._client.ticket("corp")

    def agent_ticket(self) -> str:
        """The ticket that signs wx.agentConfig, of this app alone."""
        return self._client.ticket("agent")


def open_app(
    credentials: Credentials, api_url: str, redis_url: str = "", database_url: str = "", secret_key: str = ""
) -> WeComApp:
    """The port of this process. Nothing is called yet.

    Tokens are shared, sealed under `secret_key`, through Redis, else through the database; without either the process
    keeps its own.
    """
    cache: TokenCache = ProcessCache()
    if redis_url:
        cache = RedisCache(redis_url, secret_key)
    elif database_url:
        cache = DatabaseCache(database_url, secret_key)
    return WeComApp(CorpClient(credentials, api_url, cache))


def _text(answer: Answer, name: str) -> str:
    value: Any = answer.get(name)
    return value if isinstance(value, str) else ""
