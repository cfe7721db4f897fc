"""What processes share through Redis or the database: values with an end, sealed; claims of one at a time."""

from __future__ import annotations

import threading

import pytest

from app.wecom.database_cache import DatabaseCache
from app.wecom.sealing import Seal
from app.wecom.shared_cache import KNOWN_FOR_S, RedisCache, SharedCache, StoreAway
from app.wecom.token_cache import Kept
from tests.servers.process import free_port
from tests.wecom.conftest import OpenCache

KEY, OTHER = "a secret of ours", "another one"


def value_of(kept: Kept | None) -> str | None:
    return None if kept is None else kept.value


def test_a_value_is_seen_by_others_with_its_end_and_until_it_is_forgotten(open_cache: OpenCache):
    ours, theirs = open_cache(KEY), open_cache(KEY)
    assert theirs.get_shared("a") is None
    ours.put("a", "token", 3600)
    seen = theirs.get_shared("a")
    assert seen is not None
    assert seen.value == theirs.get("a") == "token"
    assert 0 < seen.left_s <= 3600
    ours.put("a", "newer", 3600)
    assert value_of(theirs.get_shared("a")) == "newer"
    ours.forget("a")
    assert theirs.get_shared("a") is None


def test_a_value_that_ended_is_gone(open_cache: OpenCache):
    ours, theirs = open_cache(KEY), open_cache(KEY)
    ours.put("a", "token", 0.001)
    gone = threading.Event()
    while theirs.get_shared("a") is not None:
        gone.wait(0.01)
    assert theirs.get("a") is None


def test_what_is_shared_is_sealed(open_cache: OpenCache):
    ours = open_cache(KEY)
    ours.put("a", "token", 3600)
    stored = ours._store.read("a")
    assert stored is not None
    assert "token" not in stored.value
    assert open_cache(OTHER).get_shared("a") is None


def test_one_process_at_a_time_claims_a_key_until_it_is_forgotten(open_cache: OpenCache):
    ours, theirs = open_cache(KEY), open_cache(KEY)
    assert ours.claim("a", 3600)
    assert not ours.claim("a", 3600)
    assert not theirs.claim("a", 3600)
    assert theirs.claim("b", 3600)
    ours.put("a", "value", 3600)
    assert not theirs.claim("a", 3600)
    ours.forget("a")
    assert theirs.claim("a", 3600)


def test_a_claim_that_ended_is_anybodys(open_cache: OpenCache):
    ours, theirs = open_cache(KEY), open_cache(KEY)
    assert ours.claim("a", 0.001)
    ended = threading.Event()
    while not theirs.claim("a", 3600):
        ended.wait(0.01)
    assert not ours.claim("a", 3600)


def test_processes_renew_one_after_the_other(open_cache: OpenCache):
    caches, inside, most = [open_cache(KEY) for _ in range(4)], [], []

    def renew(cache: SharedCache) -> None:
        with cache.renewing("a"):
            inside.append(cache)
            most.append(len(inside))
            cache.put("a", "value", 3600)
            inside.remove(cache)

    threads = [threading.Thread(target=renew, args=(cache,)) for cache in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4


def test_who_held_a_claim_too_long_does_not_give_back_anothers(open_cache: OpenCache):
    store = open_cache(KEY)._store
    assert store.claim("a", "theirs", 3600)
    store.give_back("a", "ours")
    assert not store.claim("a", "ours", 3600)
    store.give_back("a", "theirs")
    assert store.claim("a", "ours", 3600)


@pytest.mark.parametrize("kind", [RedisCache, DatabaseCache])
def test_a_process_alone_goes_on(kind: type[RedisCache] | type[DatabaseCache]):
    scheme = "redis" if kind is RedisCache else "mysql+pymysql"
    cache = kind(f"{scheme}://127.0.0.1:{free_port()}/0", KEY)
    with cache.renewing("a"):
        cache.put("a", "token", 3600)
    assert cache.get("a") == value_of(cache.get_shared("a")) == "token"
    assert [cache.claim("a", 3600), cache.claim("a", 3600)] == [True, False]
    cache.forget("a")
    assert cache.get("a") is None


class CountedStore:
    """Holds one value and counts how often it is read."""

    def __init__(self) -> None:
        self.reads = 0
        self.away = False
        self.value = ""

    def read(self, key: str) -> Kept | None:
        self.reads += 1
        if self.away:
            raise StoreAway("away")
        return Kept(self.value, 7200) if self.value else None

    def write(self, key: str, value: str, lives_s: float) -> None:
        self.value = value

    def delete(self, key: str) -> None:
        self.value = ""

    def claim(self, key: str, holder: str, lives_s: float) -> bool:
        return True

    def give_back(self, key: str, holder: str) -> None:
        return


def test_a_process_remembers_for_a_minute_and_while_the_store_is_away():
    now, store = [0.0], CountedStore()
    cache = SharedCache(store, Seal(KEY), lambda: now[0])
    cache.put("a", "token", 7200)
    for now[0] in (0.0, KNOWN_FOR_S - 1):
        assert cache.get("a") == "token"
    assert store.reads == 0
    now[0] = KNOWN_FOR_S
    assert [cache.get("a"), cache.get("a")] == ["token"] * 2
    assert store.reads == 1
    now[0], store.away = 3 * KNOWN_FOR_S, True
    assert [cache.get("a"), cache.get("a")] == ["token"] * 2
    assert store.reads == 2
    now[0] = 7200 + KNOWN_FOR_S
    assert cache.get("a") is None


def test_a_sealed_value_opens_under_its_name_and_with_its_secret_only():
    seal = Seal(KEY)
    text = seal.close("a", "token")
    assert seal.open("a", text) == "token"
    assert seal.close("a", "token") != text
    changed = text[:-3] + ("AAA" if text[-3:] != "AAA" else "BBB")
    for name, other in (
        ("b", text),
        ("a", changed),
        ("a", ""),
        ("a", "plain"),
        ("a", text.partition(".")[0]),
    ):
        assert seal.open(name, other) is None
    assert Seal(OTHER).open("a", text) is None
