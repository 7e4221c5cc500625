"""The contract, kept by Redis: over TCP, a unix socket, and by a cluster of six."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from instep.stores import engine
from instep.stores.base import Store
from instep.stores.record import next_txid
from instep.stores.redis.hold import RedisHold
from instep.stores.redis.layout import SHARDS, Layout
from instep.stores.redis.scripts import command
from instep.testing import StoreContract
from servers import Redis, RedisCluster

TOGETHER = (
    "test_several_keys_are_committed_together",
    "test_a_conflict_writes_none_of_the_keys",
    "test_a_hold_can_be_extended",
    "test_a_hold_of_several_takes_all_or_none",
    "test_holds_in_any_order_do_not_deadlock",
    "test_a_deadlock_ends_and_names_both_orders",
)
"""What holds several keys at once, which in a cluster belong in one slot."""


class RedisContract(StoreContract):
    """A hold is a field of the record's hash, so what changes another field comes behind it."""

    def change_behind(self, store: Store, hold: RedisHold, key: bytes, new: bytes) -> None:
        """Write the fields of the record, and leave those of the hold."""
        place = hold._place
        fields = (b"d", new, b"v", b"7", b"t", b"%d" % next_txid())
        write = command(b"HSET", place.layout.record(key), *fields)
        place.calls.ask(place.layout.shard(key), write, 1e9)

    def kept(self, store: Any) -> int:
        """All names in the indexes."""
        prefixes = enumerate(store.place.layout.prefixes)
        asked = [(shard, command(b"ZCARD", prefix + b"index")) for shard, prefix in prefixes]
        return sum(store.place.each(asked))


class TestTCP(RedisContract):
    """One server, over loopback."""

    @pytest.fixture
    def store(self, redis_server: Redis) -> Iterator[Store]:
        """An empty store."""
        with closing(engine(redis_server.url).open()) as store:
            yield store


class TestUnixSocket(RedisContract):
    """The same server, over its socket."""

    test_thousands_of_keys_by_many_threads = None  # whichever way leads to the server

    @pytest.fixture
    def store(self, redis_server: Redis) -> Iterator[Store]:
        """An empty store."""
        with closing(engine(redis_server.unix_url).open()) as store:
            yield store


class TestCluster(RedisContract):
    """Three masters and their replicas."""

    test_thousands_of_keys_by_many_threads = None  # whichever way leads to the server

    @pytest.fixture(scope="class")
    @classmethod
    def cluster(cls) -> Iterator[RedisCluster]:
        """For all of the tests."""
        with RedisCluster() as cluster:
            yield cluster

    @pytest.fixture
    def store(
        self,
        cluster: RedisCluster,
        request: pytest.FixtureRequest,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[Store]:
        """An empty store; where keys are held together, they are as if they had a tag."""
        if request.node.originalname in TOGETHER:
            monkeypatch.setattr(Layout, "shard", lambda self, key: SHARDS // 2)
        for node in cluster.masters():
            node.cli("FLUSHALL")
        with closing(engine(cluster.url).open()) as store:
            yield store
