"""Memcached and its clients are killed, stopped, cut off, and short of memory."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from pymemcache.client.base import Client

from actors import Child, Gate, alone, until
from crowd import born_in_a_hold, count_by_hold, count_on_one_key
from instep import Space
from instep.errors import Conflict, LeaseLost, LockTimeout, Misuse, StoreError
from instep.stores import engine
from instep.stores.address import parse
from instep.stores.memcached import MemcachedStore
from instep.testing.steps import LONG, add_one, data, put
from proxy import Proxy
from servers import Memcached

Fork = Callable[..., Child]
LEASE = 3  # seconds: the shortest


@pytest.fixture
def store(memcached_server: Memcached) -> Iterator[MemcachedStore]:
    """An empty store whose leases are short."""
    with closing(opened(f"{memcached_server.url}?lease={LEASE}")) as store:
        yield store


@pytest.fixture
def far(memcached_server: Memcached) -> Iterator[tuple[MemcachedStore, Proxy]]:
    """A store behind a proxy."""
    proxy = Proxy("127.0.0.1", memcached_server.port)
    with proxy, closing(opened(f"memcached://127.0.0.1:{proxy.port}")) as store:
        yield store, proxy


def opened(url: str) -> MemcachedStore:
    """A store of its own, as another process has it."""
    return MemcachedStore(parse(url))


def throw_out(store: MemcachedStore, key: bytes) -> None:
    """Forget the lease on a key, as memcached may."""
    server, _, name = store._servers.names.of(key)
    assert isinstance(server, tuple)
    with closing(Client(server, default_noreply=False)) as client:
        assert client.delete(name)


def says(word: bytes) -> Callable[[bytes], bool]:
    """Whether a request begins with a word."""
    return lambda data: data.startswith(word + b" ")


def hold_on(url: str, taken: Gate, go: Gate) -> str:
    """In a process: hold a key until told to go on, then commit."""
    with closing(opened(url)) as store, store.hold((b"n",), LONG) as hold:
        hold.load(b"n")
        taken.open()
        go.pass_through(60)
        try:
            hold.commit({b"n": b"by the holder"})
        except Conflict as error:
            return type(error).__name__
    return "committed"


class TestHolders:
    """What becomes of a hold when its process is killed, stopped or forked."""

    def test_a_killed_holder_frees_when_its_lease_ends(
        self, store: MemcachedStore, fork: Fork
    ) -> None:
        """Not before, and not much later."""
        taken, go = Gate(), Gate()
        child = fork(hold_on, store.url, taken, go)
        taken.pass_through()
        child.kill()
        with pytest.raises(LockTimeout) as caught:
            store.hold((b"n",), 0)
        assert caught.value.holder is not None
        assert caught.value.holder.pid == child.pid
        store.hold((b"n",), LEASE + LONG).release()
        assert data(store, b"n") is None

    def test_a_holder_that_is_stopped_beyond_its_lease_is_refused(
        self, store: MemcachedStore, fork: Fork
    ) -> None:
        """Somebody else had the key meanwhile; what he wrote stays, also if he wrote nothing."""
        for writes in (True, False):
            taken, go = Gate(), Gate()
            child = fork(hold_on, store.url, taken, go)
            taken.pass_through()
            os.kill(child.pid, signal.SIGSTOP)
            with store.hold((b"n",), LEASE + LONG) as hold:
                hold.load(b"n")
                if writes:
                    hold.commit({b"n": b"by another"})
            go.open()
            os.kill(child.pid, signal.SIGCONT)
            assert child.result() == "LeaseLost"
            assert data(store, b"n") == b"by another"

    def test_a_long_call_keeps_its_lease(self, store: MemcachedStore) -> None:
        """It is renewed for as long as the process runs."""
        with closing(opened(store.url)) as other, store.hold((b"n",), LONG) as hold:
            hold.load(b"n")
            with pytest.raises(LockTimeout):
                other.hold((b"n",), LEASE * 1.7)
            hold.commit({b"n": b"a"})
            other.hold((b"n",), 0).release()
        assert data(store, b"n") == b"a"

    def test_a_lease_that_was_thrown_out(self, store: MemcachedStore) -> None:
        """Two bodies run at once, and only one of them commits."""
        with closing(opened(store.url)) as other:
            first = store.hold((b"n",), LONG)
            first.load(b"n")
            throw_out(store, b"n")
            with other.hold((b"n",), LONG) as second:
                second.load(b"n")
                second.commit({b"n": b"second"})
            with pytest.raises(LeaseLost):
                first.commit({b"n": b"first"})
            assert data(store, b"n") == b"second"
            first.release()
            other.hold((b"n",), 0).release()

    def test_a_lock_whose_lease_was_thrown_out(self, store: MemcachedStore) -> None:
        """Who only wanted to be alone is told at the end."""
        hold = store.hold((b"n",), LONG)
        throw_out(store, b"n")
        with pytest.raises(LeaseLost):
            hold.commit({})
        with store.hold((b"n",), 0) as hold:
            hold.commit({})

    def test_nobody_ends_the_lease_of_another(self, store: MemcachedStore) -> None:
        """A release compares whose it is."""
        with closing(opened(store.url)) as other:
            first = store.hold((b"n",), LONG)
            throw_out(store, b"n")
            second = other.hold((b"n",), LONG)
            first.release()
            with pytest.raises(LockTimeout):
                store.hold((b"n",), 0)
            second.release()

    def test_an_update_under_way_does_not_cost_a_holder_his_commit(
        self, store: MemcachedStore
    ) -> None:
        """It looked at the lease before that was taken; its write fails, and it looks again."""
        store.update(b"n", put(b"1"), LONG)
        holds: list[Any] = []

        def late(old: bytes | None) -> tuple[bytes, int]:
            if not holds:  # it has looked, and has not written
                holds.append(store_of_holder.hold((b"n",), LONG))
                assert holds[0].load(b"n", updated=True) == b"1"
            else:
                assert old == b"2"
            return add_one(old)

        with closing(opened(store.url)) as store_of_holder, ThreadPoolExecutor(1) as pool:
            update = pool.submit(store.update, b"n", late, LONG)
            until(lambda: holds)
            time.sleep(0.05)
            assert not update.done()
            holds[0].commit({b"n": b"2"})
            assert update.result(LONG) == 3
        assert data(store, b"n") == b"3"

    @pytest.mark.parametrize("plain", [False, True], ids=["hooks", "no-hooks"])
    def test_a_fork_inside_a_hold_has_none(self, store: MemcachedStore, plain: bool) -> None:
        """The child neither commits nor ends the lease, and makes its own connections."""
        alone(born_in_a_hold, store.url, plain)

    def test_processes_and_threads_on_one_key(self, store: MemcachedStore, fork: Fork) -> None:
        """Every number once, by holds and updates at the same time."""
        assert count_on_one_key(fork, store.url, 50) == 400


class TestServers:
    """What becomes of the clients when a server is killed, stopped or started again."""

    def test_none_is_there(self) -> None:
        """One clear error; whoever comes after its return goes on with nothing."""
        with Memcached() as server, closing(opened(server.url)) as store:
            store.update(b"n", put(b"a"), LONG)
            hold = store.hold((b"n",), LONG)
            hold.load(b"n")
            server.kill()
            for attempt in (
                lambda: store.read(b"n"),
                lambda: store.hold((b"m",), LONG),
                lambda: store.update(b"m", put(b"b"), LONG),
                lambda: hold.commit({b"n": b"b"}),
            ):
                with pytest.raises(StoreError, match="no memcached is at"):
                    attempt()
            server.start()
            assert data(store, b"n") is None
            assert store.update(b"n", add_one, LONG) == 1

    def test_a_number_of_an_earlier_life_is_none(self) -> None:
        """A restarted server counts from the beginning; a commit does not meet the wrong value."""
        with Memcached() as server, closing(opened(server.url)) as store:
            store.update(b"n", put(b"old"), LONG)
            hold = store.hold((b"n",), LONG)
            hold.load(b"n")
            server.restart()
            with closing(opened(server.url)) as other:
                for number in range(5):
                    other.update(b"n", put(b"new %d" % number), LONG)
            with pytest.raises((Conflict, StoreError)):
                hold.commit({b"n": b"mine"})
            assert data(store, b"n") == b"new 4"

    def test_a_stopped_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Callers wait a bounded time."""
        monkeypatch.setattr("instep.stores.memcached.link.PATIENCE", 0.5)
        monkeypatch.setattr("instep.stores.memcached.update.PATIENCE", 0.5)
        with Memcached() as server, closing(opened(server.url)) as store:
            store.update(b"n", put(b"a"), LONG)
            server.pause()
            try:
                for attempt in (
                    lambda: store.read(b"n"),
                    lambda: store.update(b"n", put(b"b"), 0),
                ):
                    with pytest.raises(StoreError, match="does not answer"):
                        attempt()
            finally:
                server.resume()
            assert data(store, b"n") in (b"a", b"b")

    def test_restarts_under_load(self) -> None:
        """Callers fail with one of our errors or succeed; all go on afterwards."""
        with Memcached() as server, closing(opened(server.url)) as store:
            stop, done = threading.Event(), [0] * 4

            def load(number: int) -> None:
                while not stop.is_set():
                    try:
                        if number % 2:
                            count_by_hold(store, b"n")
                        else:
                            store.update(b"n", add_one, LONG)
                        done[number] += 1
                    except (StoreError, Conflict):
                        time.sleep(0.01)

            with ThreadPoolExecutor(4) as pool:
                workers = [pool.submit(load, number) for number in range(4)]
                for _ in range(3):
                    time.sleep(0.3)
                    server.kill()
                    server.start()
                before = done[:]
                try:
                    until(lambda: all(now > then for now, then in zip(done, before, strict=True)))
                finally:
                    stop.set()
                for worker in workers:
                    worker.result(LONG)

    def test_a_key_is_on_one_server(self) -> None:
        """Whatever order the URL names them in; one that is down takes no other's place."""
        with Memcached() as one, Memcached() as two:
            hosts = [f"127.0.0.1:{server.port}" for server in (one, two)]
            with (
                closing(opened(f"memcached://{hosts[0]},{hosts[1]}")) as store,
                closing(opened(f"memcached://{hosts[1]},{hosts[0]}")) as other,
            ):
                keys = [b"k%d" % number for number in range(40)]
                for key in keys:
                    store.update(key, put(key), LONG)
                assert [data(other, key) for key in keys] == keys
                two.kill()
                found = []
                for key in keys:
                    try:
                        found.append(data(other, key))
                    except StoreError:
                        found.append(None)
                assert 0 < found.count(None) < 40


class TestConnections:
    """Connections that break."""

    @pytest.mark.parametrize("word", [b"cas", b"add"])
    def test_a_lost_answer_is_asked_for(
        self, far: tuple[MemcachedStore, Proxy], word: bytes
    ) -> None:
        """What was made is not made again, though others have written since."""
        store, proxy = far
        number = 0
        if word == b"cas":
            number = store.update(b"n", add_one, LONG)
        lost = proxy.swallow_answer(says(word))
        assert store.update(b"n", add_one, LONG) == number + 1
        assert lost.spent
        lost = proxy.swallow_answer(lambda data: data.startswith(b"cas instep:n "))
        assert count_by_hold(store, b"n") == number + 2
        assert lost.spent
        assert data(store, b"n") == b"%d" % (number + 2)

    def test_a_lost_answer_to_a_lease_is_found_out(self, far: tuple[MemcachedStore, Proxy]) -> None:
        """Who has a lease without knowing finds his own name in it."""
        store, proxy = far
        for fault in (proxy.swallow_answer, proxy.lose_request):
            lost = fault(lambda data: data.startswith(b"add instep!"))
            store.hold((b"n",), 1).release()
            assert lost.spent

    def test_a_lost_request_is_made_again(self, far: tuple[MemcachedStore, Proxy]) -> None:
        """The comparison keeps it from being made twice."""
        store, proxy = far
        store.update(b"n", put(b"1"), LONG)
        lost = proxy.lose_request(says(b"cas"), times=2)
        assert store.update(b"n", add_one, LONG) == 2
        assert lost.spent
        lost = proxy.lose_request(lambda data: data.startswith(b"cas instep:n "), times=2)
        assert count_by_hold(store, b"n") == 3
        assert lost.spent
        assert data(store, b"n") == b"3"

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_random_cuts_lose_nothing_and_double_nothing(
        self, far: tuple[MemcachedStore, Proxy], seed: int
    ) -> None:
        """What was acknowledged is there, once; an unknown outcome is said to be one."""
        store, proxy = far
        proxy.cut_randomly(0.01, seed)
        errors: list[str] = []

        def load(by_hold: bool) -> tuple[int, int]:
            done = unknown = 0
            for _ in range(200):
                try:
                    if by_hold:
                        count_by_hold(store, b"n")
                    else:
                        store.update(b"n", add_one, LONG)
                    done += 1
                except StoreError as error:
                    errors.append(str(error))
                    unknown += 1
                except Conflict:
                    pass
            return done, unknown

        with ThreadPoolExecutor(4) as pool:
            workers = [pool.submit(load, bool(number % 2)) for number in range(4)]
            results = [worker.result(150) for worker in workers]
        proxy.cut_randomly(0, 0)
        done, unknown = (sum(column) for column in zip(*results, strict=True))
        assert proxy.cuts > 5
        assert all("cannot be" in error for error in errors)
        assert done <= int(data(store, b"n") or b"0") <= done + unknown


class TestValues:
    """What can be kept, and for how long."""

    def test_a_value_over_the_limit(self, store: MemcachedStore) -> None:
        """The error tells the size and the server's option; what was there stays."""
        store.update(b"n", put(b"a"), LONG)
        with pytest.raises(StoreError, match=r"n: .* 2,000,\d+ bytes.*-I"):
            store.update(b"n", put(b"x" * 2_000_000), LONG)
        with store.hold((b"n",), LONG) as hold:
            hold.load(b"n")
            with pytest.raises(StoreError, match=r"2,000,\d+ bytes.*-I"):
                hold.commit({b"n": b"x" * 2_000_000})
        store.hold((b"n",), 0).release()
        assert data(store, b"n") == b"a"

    def test_a_server_that_takes_more(self) -> None:
        """Nothing here limits a value."""
        with Memcached(["-I", "8m"]) as server, closing(opened(server.url)) as store:
            store.update(b"n", put(b"x" * 2_000_000), LONG)
            assert len(data(store, b"n") or b"") == 2_000_000

    def test_the_server_forgets_what_has_expired(self, store: MemcachedStore) -> None:
        """By its own clock, a little later than it is valid."""
        server, name, _ = store._servers.names.of(b"n")
        assert isinstance(server, tuple)

        def outlives() -> bool:
            store.update(b"n", put(b"a"), LONG, expires=time.time() + 0.3)
            until(lambda: data(store, b"n") is None)
            return client.get(name) is not None

        with closing(Client(server)) as client:
            until(outlives)
            until(lambda: client.get(name) is None)

    @pytest.mark.parametrize("days", [29, 31, 1000, 100_000])
    def test_expiries_that_are_far(self, store: MemcachedStore, days: int) -> None:
        """Memcached takes more than 30 days as a date, and no date beyond 2038."""
        when = time.time() + days * 86400
        store.update(b"n", put(b"a"), LONG, expires=when)
        record = store.read(b"n")
        assert record is not None
        assert (record.data, record.expires) == (b"a", when)

    def test_a_record_that_expires_in_a_hold(self, store: MemcachedStore) -> None:
        """Its holder's commit begins it anew."""
        store.update(b"n", put(b"a"), LONG, expires=time.time() + 60)
        with store.hold((b"n",), LONG) as hold:
            assert hold.load(b"n") == b"a"
            server, name, _ = store._servers.names.of(b"n")
            assert isinstance(server, tuple)
            with closing(Client(server, default_noreply=False)) as client:
                assert client.delete(name)
            hold.commit({b"n": b"b"})
        assert data(store, b"n") == b"b"

    @pytest.mark.parametrize("value", [b"", b"\x80\x04N.", b"\2\1\0", b"text of somebody else"])
    def test_values_of_others(self, store: MemcachedStore, value: bytes) -> None:
        """They are never unpickled, and never overwritten."""
        server, name, _ = store._servers.names.of(b"n")
        assert isinstance(server, tuple)
        with closing(Client(server, default_noreply=False)) as client:
            client.set(name, value)
            for attempt in (
                lambda: store.read(b"n"),
                lambda: store.update(b"n", put(b"a"), LONG),
                lambda: count_by_hold(store, b"n"),
            ):
                with pytest.raises(StoreError, match="prefix"):
                    attempt()
            assert client.get(name) == value

    @pytest.mark.parametrize(
        "url",
        [
            "memcached:",
            "memcached://",
            "memcached://me:hunter2@127.0.0.1",
            "memcached://127.0.0.1/0",
            "memcached://127.0.0.1?lease=1",
            "memcached://127.0.0.1?prefix=a%20b",
            "memcached://127.0.0.1?other=1",
        ],
    )
    def test_urls_that_are_none(self, url: str) -> None:
        """No message repeats a password."""
        with pytest.raises(Misuse) as caught:
            engine(url)
        assert "hunter2" not in str(caught.value)

    def test_objects(self, memcached_server: Memcached) -> None:
        """Locks, and whatever a program can do without; the rest is refused when it is declared."""
        space = Space(memcached_server.url)
        with pytest.raises(Misuse, match="volatile"):
            space.counter("hits")
        with pytest.raises(Misuse, match="list"):
            space.options(volatile=True).mapping("pages")
        hits = space.options(volatile=True).counter("hits")
        one, two = (space.options(volatile=True).value(name) for name in ("one", "two"))
        assert [hits.increment() for _ in range(3)] == [1, 2, 3]
        with space.lock("one at a time") as held:
            assert held.fence == 1
        with pytest.raises(Misuse, match="one record"), space.transaction(one, two):
            pass
        with space.transaction(one):
            one.set(1)
            with pytest.raises(Misuse, match="one record"):
                two.set(2)
        assert (one.get(), two.get()) == (1, None)
        space.close()
