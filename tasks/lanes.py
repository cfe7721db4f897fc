"""Working off a lane: the one place that knows which work belongs to which lane.

`run_lane` may be called anywhere, any number of times, by any number of processes: the tables are the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

from app import clock
from app.db import Database
from app.follow_ups.firing import fire_due
from app.follow_ups.rewording import reword_moved
from app.follow_ups.sweeping import sweep_due
from app.intake.handlers import Handlers
from app.intake.inbox import apply_received
from app.intake.wecom.greetings import WelcomeWords
from app.intake.wecom.syncing import sync_due
from app.intake.wecom.welcoming import welcome_due
from app.intake.wecom_events import wecom_handlers
from app.lanes import Deadline, Progress
from app.members.dates import PURPOSE
from app.messaging.delivery import deliver_due
from app.messaging.digests import DigestSender, gather_due
from app.organisation.running import run_syncs
from app.sealing import Keyring
from app.timers import Lane, has_due
from app.wecom.app import open_app
from app.wecom.port import Credentials, WeComPort
from app.worklist.attention import lanes_at_work
from app.worklist.balancing import balance_due
from app.worklist.expiry import expire_due
from app.worklist.queries import open_items
from app.worklist.urging import urge_due
from config.settings import Settings
from config.welcome import read_welcome


@dataclass(frozen=True, slots=True)
class Hands:
    """What the lanes work with."""

    database: Database
    wecom: WeComPort
    digests: DigestSender
    handlers: Handlers
    words: WelcomeWords
    keys: Keyring


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
        DigestSender(settings.wecom_agent_id, f"{settings.public_url}/h5/worklist", open_items),
        wecom_handlers(database),
        WelcomeWords.of(read_welcome()),
        Keyring(settings.secret_keys, PURPOSE),
    )


def run_lane(hands: Hands, lane: Lane, deadline: Deadline) -> Progress:
    """Do what is due in a lane until nothing is, or until the deadline; nothing while headquarters has paused it.

    An idle lane costs one read.
    """
    with hands.database.reading() as session:
        if not has_due(session, lane, clock.moment(session)) or not lanes_at_work(session, [lane]):
            return Progress(0, more=False)
    return work_on(hands, lane, deadline)


def work_on(hands: Hands, lane: Lane, deadline: Deadline) -> Progress:
    """The same for who has just seen that something is due."""
    if lane in (Lane.MINUTES, Lane.DAYS):
        return fire_due(hands.database, lane, deadline)
    if lane is Lane.SWEEP:
        return sweep_due(hands.database, hands.keys, deadline)
    if lane is Lane.BALANCE:
        return balance_due(hands.database, reword_moved, deadline)
    if lane is Lane.URGE:
        return urge_due(hands.database, deadline)
    if lane is Lane.EXPIRY:
        return expire_due(hands.database, deadline)
    if lane is Lane.DIGEST:
        return gather_due(hands.database, hands.digests, deadline)
    if lane is Lane.INBOX:
        return apply_received(hands.database, hands.wecom, hands.handlers, deadline)
    if lane is Lane.WELCOME:
        return welcome_due(hands.database, hands.wecom, hands.words, deadline)
    if lane is Lane.SYNC:
        return sync_due(hands.database, hands.wecom, deadline)
    if lane is Lane.ORGANISATION:
        return run_syncs(hands.database, hands.wecom, deadline)
    return deliver_due(hands.database, hands.wecom, deadline)
