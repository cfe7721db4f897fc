"""The command line of scripts/generate_chain."""

import argparse
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from .files import ChainSize, write_chain

# The last day of a chain that is not told when to start: fixed, so that a seed gives the same bytes on any day.
LAST_DAY = date(2024, 12, 31)
MEMBERS_OF_A_STORE = 1_500
MOST_STORES = 3_000
ASSOCIATES_OF_A_STORE = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the chain asked for and says what was written. A size that cannot be is refused with exit status 2,
    a directory that cannot be written with 1.
    """
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        size = _size(asked)
    except ValueError as error:
        parser.error(str(error))
    try:
        written = write_chain(size, asked.out)
    except OSError as error:
        print(f"generate_chain: {error}", file=sys.stderr)
        return 1
    print(
        f"{asked.out}: {size.stores} stores, {size.associates} associates, {size.members} members, "
        f"{size.days} days from {size.start}: {written.sales} sales, {written.refunds} refunds, "
        f"{written.lines} lines"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="generate_chain",
        description="Writes an invented menswear chain (chain.json, members.csv, purchases.csv in the import format), "
        "row by row, of any size; the same bytes for the same arguments. 10,000 members buy some 22,000 "
        "times a year, anonymous sales not counted.",
    )
    parser.add_argument("--seed", type=int, required=True, metavar="N", help="any whole number")
    parser.add_argument("--members", type=_positive, required=True, metavar="M")
    parser.add_argument("--days", type=_positive, required=True, metavar="D")
    parser.add_argument(
        "--stores", type=_positive, metavar="S", help="default: one for 1,500 members, 1 to 3000"
    )
    parser.add_argument(
        "--associates", type=_positive, metavar="A", help="store managers included; default: 4 for each store"
    )
    parser.add_argument(
        "--start",
        type=date.fromisoformat,
        metavar="YYYY-MM-DD",
        help=f"default: so that the last day is {LAST_DAY}",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="made if missing; files are replaced"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return number


def _size(asked: argparse.Namespace) -> ChainSize:
    """The arguments with their defaults. Raises ValueError for a chain that cannot be."""
    stores = asked.stores or default_stores(asked.members, asked.associates)
    associates = asked.associates or stores * ASSOCIATES_OF_A_STORE
    if associates < stores:
        raise ValueError(f"{stores} stores need {stores} associates or more: each has its manager")
    try:
        start = asked.start or LAST_DAY - timedelta(days=asked.days - 1)
        start + timedelta(days=asked.days - 1)
    except OverflowError:
        raise ValueError(f"--days {asked.days}: the calendar ends before") from None
    return ChainSize(asked.seed, asked.members, asked.days, stores, associates, start)


def default_stores(members: int, associates: int | None) -> int:
    """One store for 1,500 members, at most 3,000 and no more than there are associates."""
    return max(1, min(members // MEMBERS_OF_A_STORE, MOST_STORES, associates or MOST_STORES))
