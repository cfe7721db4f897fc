"""The database: one engine, two kinds of transaction, the column types every table shares, and rows in numbers.

Tables live in their domains. Nothing here knows what is stored. Services only flush; the edge (route, job, script)
opens `transaction()` or `reading()` and thereby commits.
"""

from app.db.database import MAX_ATTEMPTS, Database, Overtaken, is_retryable
from app.db.reading import read_rows
from app.db.tables import NAMING, Base, Id, Instant, any_of, is_among, table_of
from app.db.writing import add_to_rows, insert_rows, update_rows, upsert_rows

__all__ = [
    "MAX_ATTEMPTS",
    "NAMING",
    "Base",
    "Database",
    "Id",
    "Instant",
    "Overtaken",
    "add_to_rows",
    "any_of",
    "insert_rows",
    "is_among",
    "is_retryable",
    "read_rows",
    "table_of",
    "update_rows",
    "upsert_rows",
]
