"""Putting the sandbox together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from flask import Flask, Response

from app.sandbox import callbacks
from app.sandbox.api import api
from app.sandbox.callback_sender import Sender
from app.sandbox.callbacks import Address
from app.sandbox.calls import World
from app.sandbox.choosing import choosing
from app.sandbox.clock import VirtualClock, real_time
from app.sandbox.control import control
from app.sandbox.control_access import control_access
from app.sandbox.control_callbacks import control_callbacks
from app.sandbox.control_campaign import control_campaign
from app.sandbox.control_checkins import control_checkins
from app.sandbox.control_graph import control_graph
from app.sandbox.control_organisation import control_organisation
from app.sandbox.customer_phone import customer_phone
from app.sandbox.fault_script import Script
from app.sandbox.guard import protect
from app.sandbox.limits import Meter
from app.sandbox.logins import logins
from app.sandbox.phone import phone
from app.sandbox.phone_work import phone_work
from app.sandbox.qr_page import qr_page
from app.sandbox.scanning import scanning
from app.sandbox.settings import Settings
from app.sandbox.sms import sms
from app.sandbox.sms_answers import Teller
from app.sandbox.store import Store


def create_sandbox(settings: Settings, real_now: Callable[[], int] = real_time) -> Flask:
    """The sandbox over its state file, which is made when missing. `real_now` gives microseconds."""
    app = Flask(__name__)
    store = Store(settings.state)
    app.extensions["sandbox"] = world = World(settings, store, VirtualClock(store, real_now))
    app.extensions["sandbox_callbacks"] = _sender(world)
    app.extensions["sandbox_sms_answers"] = teller = Teller(world)
    teller.start()
    app.extensions["sandbox_calls"] = Counter()
    app.extensions["sandbox_meter"] = Meter()
    app.extensions["sandbox_script"] = Script()
    app.register_blueprint(api)
    app.register_blueprint(control)
    app.register_blueprint(control_access)
    app.register_blueprint(control_callbacks)
    app.register_blueprint(control_campaign)
    app.register_blueprint(control_checkins)
    app.register_blueprint(control_graph)
    app.register_blueprint(control_organisation)
    app.register_blueprint(logins)
    app.register_blueprint(choosing)
    app.register_blueprint(customer_phone)
    app.register_blueprint(phone)
    app.register_blueprint(phone_work)
    app.register_blueprint(scanning)
    app.register_blueprint(qr_page)
    app.register_blueprint(sms)

    def protected(response: Response) -> Response:
        return protect(response, settings)

    app.after_request(protected)
    return app


def _sender(world: World) -> Sender:
    """What sends the callbacks: begun at once when an address is known, else when one is saved. An address
    from the environment is asked again at every start, until the app behind it is up."""
    sender, settings = Sender(world), world.settings
    if settings.callback_url:
        address = Address(settings.callback_url, settings.callback_token, settings.callback_aes_key)
        with world.store.writing() as connection:
            callbacks.put_address(connection, address)
    with world.store.reading() as connection:
        known = callbacks.address_of(connection) is not None
    if known:
        sender.start()
    return sender
