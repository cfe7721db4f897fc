"""What a WSGI server loads: `granian --interface wsgi wsgi:application`."""

from __future__ import annotations

from app.factory import create_app
from config.logging import configure_logging
from config.settings import Settings

settings = Settings.from_env()
configure_logging(settings.log_level)
application = create_app(settings)
