"""The tables of the sandbox's state file: one .sql file a subject. Times are whole microseconds since 1970, UTC."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

HERE = Path(__file__).parent
STATEMENTS = [
    statement
    for file in sorted(HERE.glob("*.sql"))
    for statement in file.read_text(encoding="utf-8").split(";")
    if statement.strip()
]
# A fingerprint of all tables: a state file of other tables is refused, never misread.
VERSION = crc32(";".join(STATEMENTS).encode()) & 0x7FFFFFFF or 1
