"""The three files of a chain, written row by row. A file has its name only once it is whole."""

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

from .catalogue import Catalogue
from .days import Population, plan_days
from .history import invoices
from .members import Members
from .organisation import Organisation, organise
from .sales import Invoice, Till
from .seasons import CLOSES_AT, OPENS_AT

MEMBER_COLUMNS = ("MemberCode", "Name", "StoreCode", "OwnerID", "ExternalUserID")
PURCHASE_COLUMNS = (
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country",
    "StoreCode", "SellerID", "Currency", "Size", "Cancels",
)  # fmt: skip
CURRENCY = "CNY"
TIME_ZONE = "Asia/Shanghai"
COUNTRY = "China"


@dataclass(frozen=True)
class ChainSize:
    """What to write. All numbers are positive and there are at least as many associates as stores."""

    seed: int
    members: int
    days: int
    stores: int
    associates: int
    start: date


@dataclass
class Written:
    """What was written: invoices that sold, invoices that returned, and the lines of both."""

    sales: int = 0
    refunds: int = 0
    lines: int = 0


def write_chain(size: ChainSize, directory: Path) -> Written:
    """Writes chain.json, members.csv and purchases.csv; the same bytes for the same size.

    Holds stores, associates and the plans of two months in memory, and nothing per member or per purchase.
    """
    directory.mkdir(parents=True, exist_ok=True)
    organisation = organise(size.seed, size.stores, size.associates)
    with _whole_file(directory / "chain.json") as file:
        file.write(_chain_json(size, organisation))
    with _whole_file(directory / "members.csv") as file:
        csv.writer(file, lineterminator="\n").writerows(_member_rows(size, organisation))
    with _whole_file(directory / "purchases.csv") as file:
        return _write_purchases(size, organisation, file)


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[str]]:
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        yield file
    part.replace(path)


def _chain_json(size: ChainSize, organisation: Organisation) -> str:
    hours = {"opens_at": f"{OPENS_AT}:00", "closes_at": f"{CLOSES_AT}:00"}
    chain = {
        "currency": CURRENCY,
        "time_zone": TIME_ZONE,
        "branches": [{"code": code, "name": name} for code, name in organisation.branches.items()],
        "stores": [
            {"code": store.code, "branch": store.branch, "name": store.name, **hours}
            for store in organisation.stores
        ],
        "associates": [
            {
                "userid": person.userid,
                "name": person.name,
                "store": person.store.code if person.store else None,
                "role": person.role,
            }
            for person in (*organisation.sellers, *organisation.headquarters)
        ],
        "products": [
            {"sku": product.sku, "name": product.name, "category": product.category.name}
            for product in Catalogue(size.seed).products
        ],
    }
    return json.dumps(chain, ensure_ascii=False, indent=1) + "\n"


def _member_rows(size: ChainSize, organisation: Organisation) -> Iterator[Sequence[str]]:
    yield MEMBER_COLUMNS
    members = Members(size.seed, organisation)
    for index in range(size.members):
        member = members.member(index)
        yield (
            member.code,
            members.name(index),
            member.store.code,
            member.owner.userid if member.owner else "",
            members.external_userid(index) if member.in_wecom else "",
        )


def _write_purchases(size: ChainSize, organisation: Organisation, file: IO[str]) -> Written:
    written = Written()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(PURCHASE_COLUMNS)
    population = Population(size.seed, size.members)
    till = Till(size.seed, population, organisation)
    for invoice in invoices(size.seed, till, plan_days(population, size.start, size.days)):
        if invoice.number.startswith("C"):
            written.refunds += 1
        else:
            written.sales += 1
        written.lines += len(invoice.lines)
        writer.writerows(_purchase_rows(invoice))
    return written


def _purchase_rows(invoice: Invoice) -> Iterator[tuple[str | int, ...]]:
    hour, rest = divmod(invoice.second, 3600)
    at = f"{invoice.day.on} {hour:02d}:{rest // 60:02d}:{rest % 60:02d}"
    member = invoice.member.code if invoice.member else ""
    for line in invoice.lines:
        yield (
            invoice.number, line.code, line.description, line.quantity, at,
            f"{line.fen // 100}.{line.fen % 100:02d}", member, COUNTRY,
            invoice.store.code, invoice.seller, CURRENCY, line.size, invoice.cancels,
        )  # fmt: skip
