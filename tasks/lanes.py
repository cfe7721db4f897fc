"""Working off a lane: the one place that knows which work belongs to which lane.

`run_lane` may be called anywhere, any number of times, by any number of processes: the tables are the truth.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from app import clock
from app.db import Database
from app.follow_ups.channels.following import follow_due
from app.follow_ups.channels.ordering import order_due
from app.follow_ups.firing.lane import fire_due
from app.follow_ups.linking.addresses import LinkMaker
from app.follow_ups.series.resuming import ask_served_again
from app.follow_ups.series.sweeping import sweep_due
from app.follow_ups.texting.sending import Texting, text_due
from app.follow_ups.wording import reword_moved
from app.handover.leaving import hand_over_due
from app.intake.handlers import Handlers
from app.intake.inbox import apply_received
from app.intake.own_events import own_handlers
from app.intake.sms_answers import sms_handlers
from app.intake.wecom.greetings import WelcomeWords
from app.intake.wecom.syncing import sync_due
from app.intake.wecom.welcoming import welcome_due
from app.intake.wecom_events import wecom_handlers
from app.lanes import Deadline, Progress
from app.members.dates import PURPOSE
from app.members.phones import PURPOSE as OF_PHONES
from app.messaging.delivery import deliver_due
from app.messaging.digests import DigestSender, MiniProgram, gather_due
from app.nightly import run_nightly
from app.organisation.running import run_syncs
from app.public_ids import PublicIds
from app.sealing import Keyring
from app.sms.aliyun import Account, Aliyun
from app.sms.port import NoGateway, SmsPort
from app.timers import Lane, has_due
from app.wecom.app import open_app
from app.wecom.port import Credentials, WeComPort
from app.worklist.attention import PAUSED_LANES, is_paused, lanes_at_work
from app.worklist.balancing import balance_due
from app.worklist.expiry import expire_due
from app.worklist.queries import open_items
from app.worklist.urging import urge_due
from config.settings import Settings
from config.welcome import read_welcome
from tasks.nightly import jobs_with


@dataclass(frozen=True, slots=True)
class Hands:
    """What the lanes work with."""

    database: Database
    wecom: WeComPort
    digests: DigestSender
    handlers: Handlers
    words: WelcomeWords
    keys: Keyring
    texting: Texting
    shifts: bool = False  # come from WeCom


def hands_of(settings: Settings) -> Hands:
    """The hands of an installation."""
    credentials = Credentials(settings.wecom_corp_id, settings.wecom_agent_id, settings.wecom_secret)
    database = Database(settings.database_url)
    return Hands(
        database,
        open_app(
            credentials,
            settings.wecom_api_url,
            settings.redis_url,
            settings.database_url,
            settings.secret_key,
        ),
        _digests_of(settings),
        {
            **wecom_handlers(database),
            **own_handlers(Keyring(settings.secret_keys, PURPOSE)),
            **sms_handlers(Keyring(settings.secret_keys, OF_PHONES)),
        },
        WelcomeWords.of(read_welcome()),
        Keyring(settings.secret_keys, PURPOSE),
        _texting_of(settings),
        bool(settings.wecom_shifts),
    )


def _texting_of(settings: Settings) -> Texting:
    account = Account(settings.sms_key_id, settings.sms_key_secret, settings.sms_sign_name)
    port: SmsPort = Aliyun(account, settings.sms_api_url) if account.key_id else NoGateway()
    links = LinkMaker(settings.public_url, PublicIds(settings.secret_key))
    return Texting(port, Keyring(settings.secret_keys, OF_PHONES), links)


def _digests_of(settings: Settings) -> DigestSender:
    linked = settings.wecom_mini_program
    mini_program = MiniProgram(linked, settings.wecom_mini_program_page) if linked else None
    url = f"{settings.public_url}/h5/worklist"
    return DigestSender(settings.wecom_agent_id, url, open_items, mini_program)


def run_lane(hands: Hands, lane: Lane, deadline: Deadline) -> Progress:
    """Do what is due in a lane until nothing is, or until the deadline; nothing while headquarters has paused it.

    An idle lane costs one read.
    """
    with hands.database.reading() as session:
        if not has_due(session, lane, clock.moment(session)) or not lanes_at_work(session, [lane]):
            return Progress(0, more=False)
    return work_on(hands, lane, deadline)


def work_on(hands: Hands, lane: Lane, deadline: Deadline) -> Progress:
    """The same for who has just seen that something is due, and nothing paused.

    A pause that begins meanwhile is seen before each further batch.
    """
    database, wecom = hands.database, hands.wecom
    if lane in PAUSED_LANES:
        deadline = deadline.or_once(_pausing(database))
    work: dict[Lane, Callable[[], Progress]] = {
        Lane.MINUTES: lambda: fire_due(database, lane, deadline),
        Lane.DAYS: lambda: fire_due(database, lane, deadline),
        Lane.SWEEP: lambda: sweep_due(database, hands.keys, deadline),
        Lane.BALANCE: lambda: balance_due(database, reword_moved, ask_served_again, deadline),
        Lane.URGE: lambda: urge_due(database, deadline),
        Lane.HANDOVER: lambda: hand_over_due(database, deadline),
        Lane.EXPIRY: lambda: expire_due(database, ask_served_again, deadline),
        Lane.NIGHTLY: lambda: run_nightly(database, jobs_with(hands.keys), deadline),
        Lane.DIGEST: lambda: gather_due(database, hands.digests, deadline),
        Lane.PUSH: lambda: deliver_due(database, wecom, deadline),
        Lane.CONFIRM: lambda: follow_due(database, wecom, deadline),
        Lane.ORDER: lambda: order_due(database, wecom, deadline),
        Lane.SMS: lambda: text_due(database, hands.texting, deadline),
        Lane.INBOX: lambda: apply_received(database, wecom, hands.handlers, deadline),
        Lane.WELCOME: lambda: welcome_due(database, wecom, hands.words, deadline),
        Lane.ORGANISATION: lambda: run_syncs(database, wecom, deadline),
        Lane.SYNC: lambda: sync_due(database, wecom, deadline, shifts=hands.shifts),
    }
    return work[lane]()


def _pausing(database: Database) -> Callable[[], bool]:
    looks = itertools.count()

    def is_to_stop() -> bool:
        if next(looks) == 0:  # before the first batch: that was just looked at
            return False
        with database.reading() as session:
            return is_paused(session)

    return is_to_stop
