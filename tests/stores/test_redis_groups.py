"""Several Redis servers that make one: a cluster whose nodes die, and a primary with sentinels."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from instep import Misuse, Space, StoreError
from instep.stores import engine
from instep.stores.base import Store
from instep.stores.redis import RedisStore
from instep.stores.redis.layout import SHARDS, SLOTS, Layout, slot_of
from instep.testing.steps import LONG, data, pages, put, replace
from redis_load import LISTS, Load, by_hold
from servers import RedisCluster, RedisSentinel


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """Three masters, each with a replica."""
    with RedisCluster() as cluster:
        yield cluster


@pytest.fixture
def store(cluster: RedisCluster) -> Iterator[Store]:
    """An empty store on all of them."""
    for node in cluster.masters():
        node.cli("FLUSHALL")
    with closing(engine(cluster.url).open()) as store:
        yield store


class Stock:
    """What can be moved between two."""

    def __init__(self) -> None:
        self.left = 10

    def give(self, other: "Stock") -> None:
        """Move one."""
        self.left -= 1
        other.left += 1


class TestCluster:
    """A cluster that is well, and then is not."""

    def test_shards_spread_evenly_over_the_slots(self, cluster: RedisCluster) -> None:
        """Each has a slot of its own share; the slot is the one that Redis says."""
        layout = Layout(b"instep:", True)
        share = SLOTS // SHARDS
        assert [layout.slot(shard) // share for shard in range(SHARDS)] == list(range(SHARDS))
        for key in (
            b"stock",
            b"{orders}stock",
            b"{}stock",
            b"a{b}{c}",
            b"{{x}}",
            b"{open",
            b"\0\xff",
        ):
            assert slot_of(key) == cluster.nodes[0].cli("CLUSTER", "KEYSLOT", key)
        for key in (b"stock", b"{orders}stock", b"cart\0suser-42"):
            record = layout.record(key)
            assert record.endswith(b"k:" + key)
            assert slot_of(record) == layout.slot(layout.shard(key))
        assert layout.shard(b"{orders}a") == layout.shard(b"{orders}b") == layout.shard(b"orders")

    def test_records_spread_over_the_nodes(self, cluster: RedisCluster, store: Store) -> None:
        """A family's members, and a mapping's entries, too."""
        for number in range(300):
            store.update(b"carts\0s%d" % number, put(b"x"), LONG)
        held = [node.cli("DBSIZE") for node in cluster.masters()]
        assert min(held) > sum(held) / 6

    def test_scans_merge_the_nodes_in_order(self, store: Store) -> None:
        """Every key once, in the order of their bytes, whatever the page's size."""
        dice = random.Random(3)
        keys = {bytes(dice.choices(b"ab{}\xff\0", k=dice.randint(1, 6))) for _ in range(400)}
        keys = {b"p" + key for key in keys} | {b"p", b"o", b"q"}
        for key in keys:
            store.update(key, put(key), LONG)
        inside = sorted(key for key in keys if key.startswith(b"p"))
        for limit in (1, 7, 50, 1000):
            assert [key for page in pages(store, b"p", limit) for key in page] == inside
        assert [key for page in pages(store, b"", 100) for key in page] == sorted(keys)
        tagged = sorted(key for key in keys if key.startswith(b"p{a}"))
        assert [key for page in pages(store, b"p{a}", 2) for key in page] == tagged
        assert all(record.data == key for key, record in store.scan(b"p"))

    def test_a_transaction_across_slots_is_refused_at_once(
        self, cluster: RedisCluster, store: Store
    ) -> None:
        """Nothing is held, and the message names the remedy, which works."""
        with pytest.raises(Misuse, match=r"group=.*hash tag"):
            store.hold((b"one", b"two"), LONG)
        with store.hold((b"one",), LONG) as hold:
            with pytest.raises(Misuse, match="one and two are in different slots"):
                hold.extend((b"two",), LONG)
            store.hold((b"two",), 0).release()
        space = Space(cluster.url)  # on the store that the fixture closes
        a, b = space.share("a", Stock), space.share("b", Stock)
        with pytest.raises(Misuse, match="group="), space.transaction(a, b):
            raise AssertionError
        with pytest.raises(Misuse, match="group="):
            a.give(b)
        assert a.left == b.left == 10
        group = space.options(group="stocks")
        c, d = group.share("c", Stock), group.share("d", Stock)
        c.give(d)
        with space.transaction(c, d):
            d.give(c)
            c.give(d)
        assert (c.left, d.left) == (9, 11)

    def test_a_slot_that_moves_is_followed(self, cluster: RedisCluster, store: RedisStore) -> None:
        """Calls that come while its keys are under way wait for their end; reads do not."""
        replace(store, b"n", b"0 ")
        layout = store.place.layout
        slot = layout.slot(layout.shard(b"n"))
        record = layout.record(b"n").decode()
        old = cluster.master_of(record)
        new = next(node for node in cluster.masters() if node is not old)
        old_id, new_id = old.text("CLUSTER", "MYID"), new.text("CLUSTER", "MYID")
        new.cli("CLUSTER", "SETSLOT", slot, "IMPORTING", old_id)
        old.cli("CLUSTER", "SETSLOT", slot, "MIGRATING", new_id)
        keys = old.cli("CLUSTER", "GETKEYSINSLOT", slot, 100)
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(by_hold, store, b"n", b"1")
            for key in keys:
                old.cli("MIGRATE", "127.0.0.1", new.port, key, 0, 5000)
                assert data(store, b"n") == b"0 "
            time.sleep(0.3)
            assert not waits.done()
            for node in (new, old):
                node.cli("CLUSTER", "SETSLOT", slot, "NODE", new_id)
            waits.result(LONG)
        by_hold(store, b"n", b"2")
        assert data(store, b"n") == b"0 1 2 "
        assert [key for key, _ in store.scan(b"")] == [b"n"]
        cluster.settle()

    def test_a_node_that_dies_under_load(self, cluster: RedisCluster, store: RedisStore) -> None:
        """Its replica takes over: what was not lost was done once, and everybody goes on. Keys of
        the other nodes lose nothing."""
        layout = store.place.layout
        where = {key: cluster.master_of(layout.record(key).decode()) for key in LISTS}
        doomed = where[LISTS[0]]
        with Load(cluster.url) as load:
            load.await_more(200)
            cluster.kill(doomed)
            load.await_more(50)
            told = Counter({key: len(names) for key, names in load.told.items()})
            deadline = time.monotonic() + 40
            while len(load.told[LISTS[0]]) < told[LISTS[0]] + 20:
                assert time.monotonic() < deadline, "its replica did not take over"
                time.sleep(0.05)
        load.check(store, durable=False)
        for key, node in where.items():
            if node is not doomed:
                assert set(load.told[key]) <= set((data(store, key) or b"").split())
        doomed.start()
        cluster.settle()


class TestSentinel:
    """A primary, a replica and three sentinels."""

    def test_a_primary_that_dies_under_load(self) -> None:
        """The next one is found: what was not lost was done once, and everybody goes on. With
        ?wait=1 nothing that was told is lost while there is a replica."""
        with RedisSentinel() as group, closing(engine(f"{group.url}/0").open()) as store:
            replace(store, b"n", b"a")
            assert data(store, b"n") == b"a"
            with Load(f"{group.url}?wait=1") as safe:
                safe.await_more(150)
                told = {key: list(names) for key, names in safe.told.items()}
            safe.check(store)
            with Load(group.url) as load:
                load.await_more(200)
                old = group.kill_primary()
                group.await_failover(old)
                load.await_more(200)
            load.check(store, durable=False)
            for key, names in told.items():
                assert set(names) <= set((data(store, key) or b"").split())
            assert load.longest < LONG + 5

    def test_what_the_sentinels_do_not_know(self) -> None:
        """A service of another name is one clear error."""
        with RedisSentinel() as group:
            wrong = group.url.replace("/mymaster", "/mistress")
            with (
                closing(engine(wrong).open()) as store,
                pytest.raises(StoreError, match="knows no primary mistress"),
            ):
                store.update(b"n", put(b"a"), 0.5)
