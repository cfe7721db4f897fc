"""Which database errors pass by themselves: for those a repeated request may succeed, for others it never will."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

# MariaDB's and MySQL's numbers, https://mariadb.com/kb/en/mariadb-error-code-reference/
PASSING_MYSQL = frozenset(
    {
        *(1040, 1203),  # too many connections
        *(1053, 1077, 1079, 1290, 1836, 1927, 4031),  # shutting down, failing over, connection killed
        *(1205, 1213, 1305),  # lock wait, deadlock; a deadlock that took the savepoint with it
        *(2002, 2003, 2006, 2013, 2055),  # cannot connect, connection lost
    }
)
PASSING_SQLITE = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN")


def is_passing(error: DBAPIError) -> bool:
    """True for lost or refused connections and for locks that were waited for in vain."""
    code = code_of(error)
    return error.connection_invalidated or code in PASSING_MYSQL or str(code).startswith(PASSING_SQLITE)


def code_of(error: DBAPIError) -> int | str:
    """The driver's own code: a number of MariaDB's, a name of SQLite's; "" where it gives none."""
    name = getattr(error.orig, "sqlite_errorname", None)
    if isinstance(name, str):
        return name
    first = error.orig.args[0] if error.orig is not None and error.orig.args else ""
    return first if isinstance(first, int) else ""
