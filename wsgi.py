"""What a WSGI server loads: `granian --interface wsgi wsgi:application`."""

from __future__ import annotations

from app import failpoints
from app.callbacks import start_draining
from app.factory import create_app
from config.logging import configure_logging
from config.settings import Mode, Settings

settings = Settings.from_env()
configure_logging(settings.log_level)
failpoints.arm(settings.failpoints.split(","), is_sandbox=settings.mode is Mode.SANDBOX)
application = create_app(settings)
start_draining(application)
