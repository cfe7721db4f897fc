"""The sandbox's WSGI entry: `granian --interface wsgi app.sandbox.wsgi:application`, one process."""

import os

from app.sandbox.factory import create_sandbox
from app.sandbox.settings import Settings

application = create_sandbox(Settings.from_env(os.environ))
