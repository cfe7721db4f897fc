"""Bring the database to the newest migration, or to the one named.

Usage: scripts/migrate [revision]      e.g. `scripts/migrate base` removes every table
"""

from __future__ import annotations

import argparse

from alembic import command
from alembic.config import Config

from config.settings import ROOT, Settings


def migrate(url: str, revision: str = "head") -> None:
    """Move the schema of the database at `url` to `revision`, up or down; already there is no error."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("prepend_sys_path", str(ROOT))
    config.set_main_option("path_separator", "os")
    config.cmd_opts = None
    config.attributes["url"] = url
    if revision == "base" or revision.startswith("-"):
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def main() -> None:
    """Entry of scripts/migrate."""
    parser = argparse.ArgumentParser(
        prog="scripts/migrate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("revision", nargs="?", default="head", metavar="REVISION")
    migrate(Settings.from_env().database_url, parser.parse_args().revision)


if __name__ == "__main__":
    main()
