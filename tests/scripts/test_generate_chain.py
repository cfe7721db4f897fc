"""The generated chain: what its files promise to whoever loads them."""

import csv
import json
import subprocess
import sys
import tracemalloc
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.chain_generator.cli import main
from scripts.chain_generator.draws import Shuffle
from scripts.chain_generator.files import ChainSize, write_chain
from scripts.chain_generator.seasons import second_of_day

COMMAND = Path(__file__).parents[2] / "scripts" / "generate_chain"
SIZE = ChainSize(seed=7, members=4000, days=150, stores=6, associates=30, start=date(2024, 1, 5))
FILES = ("chain.json", "members.csv", "purchases.csv")
FEES = {"ALTER", "POST", "GIFT"}


@dataclass
class Chain:
    chain: dict[str, Any]
    members: dict[str, dict[str, str]]
    sales: dict[str, list[dict[str, str]]]
    refunds: dict[str, list[dict[str, str]]]

    @property
    def lines(self):
        return [line for group in (self.sales, self.refunds) for lines in group.values() for line in lines]


def read(directory: Path) -> Chain:
    with (directory / "members.csv").open(encoding="utf-8", newline="") as file:
        members = {row["MemberCode"]: row for row in csv.DictReader(file)}
    sales: dict[str, list[dict[str, str]]] = defaultdict(list)
    refunds: dict[str, list[dict[str, str]]] = defaultdict(list)
    with (directory / "purchases.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            (refunds if row["InvoiceNo"].startswith("C") else sales)[row["InvoiceNo"]].append(row)
    return Chain(json.loads((directory / "chain.json").read_text("utf-8")), members, sales, refunds)


def contents(directory: Path) -> list[bytes]:
    return [(directory / name).read_bytes() for name in FILES]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("chain")
    write_chain(SIZE, directory)
    return directory


@pytest.fixture(scope="module")
def chain(directory):
    return read(directory)


def share(flags):
    flags = list(flags)
    return sum(flags) / len(flags)


def assert_refunds_within_purchases(chain: Chain) -> None:
    """A named sale comes back once and in part or whole; over all, nobody returns more of a thing than they bought."""
    unclaimed = dict(chain.sales)
    for lines in chain.refunds.values():
        if lines[0]["Cancels"]:
            assert covers(unclaimed.pop(lines[0]["Cancels"]), lines)
    left = Counter[tuple[str, ...]]()
    for line in chain.lines:
        left[line["CustomerID"], line["StockCode"], line["Size"], line["UnitPrice"]] += int(line["Quantity"])
    assert min(left.values(), default=0) >= 0


def covers(sold: list[dict[str, str]], returned: list[dict[str, str]]) -> bool:
    left = {(line["StockCode"], line["Size"], line["UnitPrice"]): int(line["Quantity"]) for line in sold}
    return (
        sold[0]["CustomerID"] == returned[0]["CustomerID"]
        and sold[0]["InvoiceDate"] < returned[0]["InvoiceDate"]
        and all(
            -left.get((line["StockCode"], line["Size"], line["UnitPrice"]), 0) <= int(line["Quantity"]) < 0
            for line in returned
        )
    )


def test_the_command_writes_the_same_bytes_for_the_same_arguments(directory, tmp_path):
    arguments = ["--seed", "7", "--members", "4000", "--days", "150", "--stores", "6", "--associates", "30"]
    for hash_seed in ("1", "2"):
        out = tmp_path / hash_seed
        subprocess.run(
            [sys.executable, COMMAND, *arguments, "--start", "2024-01-05", "--out", out],
            cwd=tmp_path, env={"PYTHONHASHSEED": hash_seed, "TZ": f"UTC-{hash_seed}"}, check=True,
        )  # fmt: skip
        assert contents(out) == contents(directory)
        assert sorted(path.name for path in out.iterdir()) == sorted(FILES)


def test_another_seed_gives_other_bytes(directory, tmp_path):
    write_chain(replace(SIZE, seed=8), tmp_path)
    assert all(one != other for one, other in zip(contents(directory), contents(tmp_path), strict=True))


def test_without_a_start_the_chain_ends_on_a_fixed_day(tmp_path):
    assert main(["--seed", "1", "--members", "3000", "--days", "3", "--out", str(tmp_path)]) == 0
    days = {lines[0]["InvoiceDate"][:10] for lines in read(tmp_path).sales.values()}
    assert days == {"2024-12-29", "2024-12-30", "2024-12-31"}


def test_columns_are_those_of_the_import_format(directory):
    assert (directory / "members.csv").read_text("utf-8").splitlines()[0] == (
        "MemberCode,Name,StoreCode,OwnerID,ExternalUserID"
    )
    assert (directory / "purchases.csv").read_text("utf-8").splitlines()[0] == (
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country,"
        "StoreCode,SellerID,Currency,Size,Cancels"
    )


def test_the_chain_file_names_everything_the_rows_refer_to(chain):
    stores = {store["code"] for store in chain.chain["stores"]}
    store_of = {person["userid"]: person["store"] for person in chain.chain["associates"]}
    products = {product["sku"]: product["name"] for product in chain.chain["products"]}
    assert len(stores) == 6
    assert {store["branch"] for store in chain.chain["stores"]} == {
        b["code"] for b in chain.chain["branches"]
    }
    for line in chain.lines:
        assert line["StoreCode"] in stores
        assert store_of[line["SellerID"]] == line["StoreCode"]
        assert line["CustomerID"] in chain.members or line["CustomerID"] == ""
        assert line["StockCode"] in FEES or products[line["StockCode"]] == line["Description"]
        assert line["Currency"] == chain.chain["currency"] == "CNY"
    for member in chain.members.values():
        assert member["OwnerID"] == "" or store_of[member["OwnerID"]] == member["StoreCode"]


def test_every_store_has_one_manager_and_userids_are_host_labels(chain):
    people = chain.chain["associates"]
    assert Counter(person["role"] for person in people) == {"store_manager": 6, "associate": 24, "hq": 2}
    assert len({p["store"] for p in people if p["role"] == "store_manager"}) == 6
    assert all(person["store"] is None for person in people if person["role"] == "hq")
    userids = [person["userid"] for person in people]
    assert len(set(userids)) == len(userids)
    assert all(userid.isascii() and userid.isalnum() and userid.islower() for userid in userids)


def test_members_without_owner_and_outside_wecom_have_their_share(chain):
    members = chain.members.values()
    assert len(members) == 4000
    assert share(not member["OwnerID"] for member in members) == pytest.approx(0.05, abs=0.02)
    assert share(not member["ExternalUserID"] for member in members) == pytest.approx(0.30, abs=0.04)
    contacts = [member["ExternalUserID"] for member in members if member["ExternalUserID"]]
    assert len(set(contacts)) == len(contacts)


def test_rows_are_in_order_of_time_within_opening_hours(directory):
    with (directory / "purchases.csv").open(encoding="utf-8", newline="") as file:
        times = [row["InvoiceDate"] for row in csv.DictReader(file)]
    assert times == sorted(times)
    assert all("10:00:00" <= time[11:] < "22:00:00" for time in times)
    assert times[0] >= "2024-01-05"
    assert times[-1] < "2024-06-03"


def test_evenings_and_weekends_are_busier(chain):
    at = [datetime.fromisoformat(lines[0]["InvoiceDate"]) for lines in chain.sales.values()]
    assert share(time.hour >= 18 for time in at) > 0.4
    assert share(time.weekday() >= 5 for time in at) > 2 / 7 * 1.2


def test_winter_sells_down_jackets_and_summer_t_shirts(chain):
    sold = Counter((line["InvoiceDate"][5:7], line["StockCode"][:2]) for line in chain.lines)
    assert sold["01", "DJ"] > 10 * sold["05", "DJ"]
    assert sold["05", "TS"] > 10 * sold["01", "TS"]


def test_the_weeks_before_spring_festival_sell_more_than_its_days(chain):
    days = Counter(lines[0]["InvoiceDate"][:10] for lines in chain.sales.values())
    assert min(days[f"2024-02-0{day}"] for day in range(1, 8)) > 2 * days["2024-02-10"]


def test_a_fifth_of_the_sales_are_anonymous(chain):
    assert share(not lines[0]["CustomerID"] for lines in chain.sales.values()) == pytest.approx(0.2, abs=0.03)


def test_an_invoice_has_one_to_five_lines_and_one_buyer_store_and_moment(chain):
    for lines in (*chain.sales.values(), *chain.refunds.values()):
        assert 1 <= len(lines) <= 5
        common = ("InvoiceDate", "CustomerID", "StoreCode", "SellerID", "Cancels")
        assert len({tuple(line[column] for column in common) for line in lines}) == 1
    assert {line["StockCode"] for line in chain.lines} >= FEES


def test_money_has_two_decimals_and_only_presents_are_free(chain):
    for line in chain.lines:
        assert Decimal(line["UnitPrice"]).as_tuple().exponent == -2
        assert (Decimal(line["UnitPrice"]) > 0) == (line["StockCode"] != "GIFT")
        assert (int(line["Quantity"]) < 0) == line["InvoiceNo"].startswith("C")


def test_a_member_keeps_their_sizes(chain):
    category = {product["sku"]: product["category"] for product in chain.chain["products"]}
    sizes = defaultdict(set)
    for line in chain.lines:
        if line["CustomerID"] and line["StockCode"] in category:
            sizes[line["CustomerID"], category[line["StockCode"]]].add(line["Size"])
    assert all(len(worn) == 1 and "" not in worn for worn in sizes.values())
    assert len({size for worn in sizes.values() for size in worn}) > 15


def test_owners_sell_most_to_their_members(chain):
    owners = [
        (lines[0]["SellerID"], chain.members[lines[0]["CustomerID"]]["OwnerID"])
        for lines in chain.sales.values()
        if lines[0]["CustomerID"]
    ]
    assert 0.7 < share(seller == owner for seller, owner in owners if owner) < 0.9


def test_some_members_come_often_and_many_once(chain):
    visits = defaultdict(list)
    for lines in chain.sales.values():
        if lines[0]["CustomerID"]:
            visits[lines[0]["CustomerID"]].append(datetime.fromisoformat(lines[0]["InvoiceDate"]))
    often = sorted((len(times) for times in visits.values()), reverse=True)
    assert often[0] >= 10
    assert share(count == 1 for count in often) > 0.4
    assert sum(often[: len(often) // 5]) > 0.4 * sum(often)
    end = datetime(2024, 6, 3)  # noqa: DTZ001 - the files have local times
    followed = [
        later is not None and (later - time).days < 30
        for times in visits.values()
        for time, later in zip(times, [*times[1:], None], strict=True)
        if (end - time).days >= 30
    ]
    assert 0.25 < share(followed) < 0.5


def test_refunds_return_no_more_than_was_bought(chain):
    assert_refunds_within_purchases(chain)


def test_refunds_are_whole_or_part_soon_and_mostly_name_their_sale(chain):
    named = [lines for lines in chain.refunds.values() if lines[0]["Cancels"]]
    assert share(bool(lines[0]["Cancels"]) for lines in chain.refunds.values()) == pytest.approx(
        0.85, abs=0.1
    )
    assert 0.03 < len(chain.refunds) / len(chain.sales) < 0.09
    whole, waited = [], []
    for lines in named:
        sale = chain.sales[lines[0]["Cancels"]]
        whole.append(pieces(sale) == -pieces(lines))
        waited.append((moment(lines).date() - moment(sale).date()).days)
    assert 0.3 < share(whole) < 0.75
    assert share(days <= 30 for days in waited) > 0.9
    assert min(waited) == 0
    assert max(waited) > 30


def pieces(lines) -> int:
    return sum(int(line["Quantity"]) for line in lines)


def moment(lines) -> datetime:
    return datetime.fromisoformat(lines[0]["InvoiceDate"])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(),
    members=st.integers(1, 300),
    days=st.integers(1, 90),
    stores=st.integers(1, 8),
    more=st.integers(0, 9),
    start=st.dates(date(1900, 1, 1), date(2200, 1, 1)),
)
def test_any_positive_size_works(seed, members, days, stores, more, start):
    with TemporaryDirectory() as name:
        out = Path(name)
        written = write_chain(ChainSize(seed, members, days, stores, stores + more, start), out)
        chain = read(out)
    assert len(chain.members) == members
    assert (written.sales, written.refunds) == (len(chain.sales), len(chain.refunds))
    assert written.lines == len(chain.lines)
    assert_refunds_within_purchases(chain)


def test_the_smallest_chain_has_its_files(tmp_path):
    assert main(["--seed", "0", "--members", "1", "--days", "1", "--out", str(tmp_path)]) == 0
    assert len(read(tmp_path).members) == 1


def test_memory_does_not_grow_with_the_members(tmp_path):
    def peak(members: int) -> int:
        tracemalloc.start()
        try:
            write_chain(replace(SIZE, members=members, days=10), tmp_path / str(members))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)
    assert peak(20_000) < 1.5 * peak(2_000)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--members", "0"],
        ["--days", "-1"],
        ["--stores", "5", "--associates", "4"],
        ["--start", "2024-13-01"],
        ["--start", "9999-12-31"],
        ["--days", "999999999999"],
    ],
)
def test_a_size_that_cannot_be_is_refused_before_anything_is_written(wrong, tmp_path, capsys):
    usual = ["--seed", "1", "--members", "10", "--days", "2", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="2"):
        main([*usual, *wrong])
    assert wrong[0].strip("-") in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_directory_that_cannot_be_made_is_a_plain_error(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["--seed", "1", "--members", "1", "--days", "1", "--out", str(tmp_path / "file")]) == 1
    assert "generate_chain: " in capsys.readouterr().err


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 1000])
def test_a_shuffle_moves_every_position_to_another_place_of_its_own(size):
    shuffle = Shuffle(size, "key", size)
    assert sorted(shuffle[position] for position in range(size)) == list(range(size))


def test_the_day_never_runs_backwards_nor_past_closing():
    seconds = [second_of_day(part / 10_000) for part in range(10_001)]
    assert seconds == sorted(seconds)
    assert seconds[0] == 10 * 3600
    assert seconds[-1] == 22 * 3600 - 1
