"""A call to make: 林晓雯's number is known, and the task `thanks` is to call her."""

from __future__ import annotations

from flask import Flask

from app import clock
from app.db import Database
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import Channel
from app.members.phones import PURPOSE, NewPhone, seal_phone, write_phones
from app.members.service import lock_members
from app.sealing import Keyring
from tests.faces.chain import Chain

NUMBER = "+8613800138001"


def make_call(app: Flask, database: Database, chain: Chain) -> FollowUpTask:
    """Sealed with the application's own secret."""
    keys = Keyring(app.extensions["settings"].secret_keys, PURPOSE)
    member_id = chain.members["xiaowen"]
    with database.transaction() as session:
        lock_members(session, [member_id])
        sealed = seal_phone(keys, NUMBER, "x")
        write_phones(session, [NewPhone(member_id, sealed, 1, clock.now(session))])
        task = session.get_one(FollowUpTask, chain.tasks["thanks"])
        task.channel = Channel.PHONE
        return task
