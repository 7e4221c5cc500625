"""What a stranger broke in the stores of servers, and must not break again."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from actors import Child, alone
from instep import LeaseLost, Space, StoreError
from instep.stores import engine
from instep.stores.base import Store
from instep.stores.manager.records import Records
from instep.stores.memcached import MemcachedStore
from instep.stores.memcached.link import Link
from instep.stores.postgres import PostgresStore
from instep.stores.record import next_txid
from instep.testing.steps import LONG, add_one, data, put
from places import PLACES, place
from proxy import Proxy
from servers import Memcached, Postgres

Fork = Callable[..., Child]


class Tally:
    """An object that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def call(self) -> int:
        """One more."""
        self.calls += 1
        return self.calls


@pytest.fixture
def memcached(memcached_server: Memcached) -> Iterator[MemcachedStore]:
    """An empty store in memcached."""
    with closing(engine(memcached_server.url).open()) as store:
        assert isinstance(store, MemcachedStore)
        yield store


class TestAHoldThatLostItsConnection:
    """PostgreSQL: its keys are not held any more, so nothing of it is written."""

    @pytest.fixture
    def store(self, far: str) -> Iterator[Store]:
        """A store behind the proxy, with a record."""
        with closing(engine(far).open()) as store:
            store.update(b"old", put(b"0"), LONG)
            yield store

    @pytest.mark.parametrize("new", [None, b"mine"], ids=["delete", "write"])
    def test_it_takes_no_more_keys_and_writes_none(
        self, store: Store, proxy: Proxy, postgres_server: Postgres, new: bytes | None
    ) -> None:
        """Also if the program goes on with other keys after the error: all of it or nothing."""
        with store.hold((b"old", b"fresh"), LONG) as hold:
            hold.load(b"old"), hold.load(b"fresh")
            proxy.cut()
            with pytest.raises(StoreError, match="nothing was written"):
                hold.extend((b"x",), LONG)
            with closing(engine(f"{postgres_server.url}?pool=3").open()) as other:
                other.update(b"old", put(b"other"), LONG)
            with pytest.raises(StoreError, match="nothing was written"):
                hold.extend((b"y",), LONG)
            with pytest.raises(StoreError, match="nothing was written"):
                hold.commit({b"old": new, b"fresh": b"made"})
        assert data(store, b"old") == b"other"
        assert data(store, b"fresh") is None

    def test_a_transaction_that_caught_the_error_is_not_half_committed(
        self, far: str, proxy: Proxy
    ) -> None:
        """What the block changed before, made anew and changed after: none of it is there."""
        with closing(Space(far)) as space:
            one, two, three = (space.share(name, Tally) for name in ("one", "two", "three"))
            for each in (one, two, three):
                each.call()
            fresh, after = space.share("fresh", Tally), []
            with pytest.raises(StoreError, match="nothing was written"), space.transaction(one):
                space.after_commit(after.append, 1)
                one.call(), fresh.call()
                proxy.cut()
                with suppress(StoreError):
                    two.call()
                three.call()
            assert (one.calls, two.calls, three.calls) == (1, 1, 1)
            assert "fresh" not in space.names()
            assert not after

    def test_what_was_to_run_after_it_does_not(self, far: str, proxy: Proxy) -> None:
        """Also if the block has only looked: what it saw may have changed before its end."""
        with closing(Space(far)) as space:
            one, after = space.share("one", Tally), []
            one.call()
            with pytest.raises(StoreError, match="was lost"), space.transaction(one):
                space.after_commit(after.append, one.calls)
                proxy.cut()
            assert not after

    def test_one_that_was_silent_for_too_long_lost_its_lease(
        self, postgres_server: Postgres
    ) -> None:
        """The commit says so too, and not only the call that found it out."""
        with closing(engine(postgres_server.url).open()) as store:
            assert isinstance(store, PostgresStore)
            with store.hold((b"n",), LONG) as hold:
                [(pid,)] = postgres_server.sql(
                    "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'"
                )
                postgres_server.sql(f"SELECT pg_terminate_backend({pid})")
                link: Any = hold._link  # type: ignore[attr-defined]
                link.used -= store.pool.settings.lease + 1  # as if it had been paused
                for _ in range(2):
                    with pytest.raises(LeaseLost, match="was silent"):
                        hold.extend((b"m",), LONG)
                with pytest.raises(LeaseLost, match="was silent"):
                    hold.commit({})


def test_a_long_name_is_not_taken_for_another(postgres_server: Postgres) -> None:
    """Names of up to 480 bytes that differ at their end only have entries of their own."""
    with closing(Space(postgres_server.url)) as space:
        one, two = space.mapping("m" * 450 + "1"), space.mapping("m" * 450 + "2")
        one["a"], two["b"] = 1, 2
        assert dict(one) == {"a": 1}
        assert dict(two) == {"b": 2}
        one.clear()
        assert dict(two) == {"b": 2}


def test_settings_do_not_show_the_password() -> None:
    """They are in the representation of what has them."""
    with closing(engine("postgresql://u:s3cret@h/db?sslpassword=s3cret").open()) as store:
        assert isinstance(store, PostgresStore)
        assert "s3cret" not in f"{store.pool.settings!r} {store.pool.settings}"


@pytest.mark.parametrize("name", [*PLACES, "memory"])
def test_a_wait_of_years(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Whoever says so wants to wait for as long as it takes, and gets no error of some clock."""
    with closing(Space(place(name, tmp_path, request.getfixturevalue), timeout=1e10)) as space:
        assert space.share("tally", Tally).call() == 1
        assert space.counter("n").increment() == 1
        with space.lock("lock"):
            assert space.counter("n").increment() == 2


class TestAForkWithoutHooks:
    """As uWSGI makes its workers."""

    def test_the_child_numbers_its_transactions_itself(self) -> None:
        """Two workers with the same numbers would take each other's commits for their own."""
        assert alone(first_numbers) == "different"

    def test_the_first_hold_of_the_child(self, memcached: MemcachedStore) -> None:
        """It is the child's own, and is committed."""
        assert alone(first_hold, memcached.url) == "committed"
        assert data(memcached, b"n") == b"child"

    def test_what_a_thread_of_the_parent_held(self, memcached: MemcachedStore) -> None:
        """When the parent has let go of it, the child need not wait for the copy of its queue."""
        assert alone(inherited_queue, memcached.url) == 1


def first_numbers(fork: Fork) -> str:
    """Whether parent and child have the same transaction ids."""
    next_txid()
    return "different" if fork(next_txid, plain=True).result() != next_txid() else "the same"


def first_hold(fork: Fork, url: str) -> Any:
    """What the first hold of a child came to, whose parent has used the store."""
    store = engine(url).open()
    store.update(b"n", put(b"0"), LONG)

    def child() -> str:
        with store.hold((b"n",), LONG) as hold:
            hold.load(b"n")
            hold.commit({b"n": b"child"})
        return "committed"

    return fork(child, plain=True).result()


def inherited_queue(fork: Fork, url: str) -> Any:
    """What a child counted that was born when its parent had a hold."""
    store = engine(url).open()
    with store.hold((b"n",), LONG) as hold:
        hold.load(b"n")
        child = fork(store.update, b"n", add_one, LONG, plain=True)
    return child.result()


class TestAWaitInMemcached:
    """What a wait for a lease ends with."""

    def test_connections_of_before_a_restart_are_no_holder(self) -> None:
        """Whoever would not wait at all gets what nobody holds."""
        with Memcached() as server, closing(engine(server.url).open()) as store:
            assert isinstance(store, MemcachedStore)
            links = store._servers.links
            with store.hold((b"n",), LONG):
                store.read(b"n")
            assert sum(map(len, links._idle.values())) > 0
            server.restart()
            store.hold((b"n",), 0).release()

    def test_a_server_that_does_not_answer_is_no_holder(self) -> None:
        """A stopped one is told of as such, not as somebody else who holds."""
        with Memcached() as server, closing(engine(server.url).open()) as store:
            store.read(b"n")
            server.pause()
            try:
                with pytest.raises(StoreError, match="does not answer"):
                    store.hold((b"n",), 0.1)
            finally:
                server.resume()

    @pytest.mark.parametrize("instant", ["before", "after"])
    @pytest.mark.parametrize("verb", ["add", "cas"])
    def test_whoever_is_called_away_leaves_no_lease(
        self,
        memcached: MemcachedStore,
        monkeypatch: pytest.MonkeyPatch,
        verb: str,
        instant: str,
    ) -> None:
        """An exception (of a time limit, of Ctrl-C) may come as a lease is taken or given back."""
        real, times = getattr(Link, verb), iter([True])

        def interrupted(link: Link, *given: Any) -> Any:
            comes = next(times, False)
            if comes and instant == "before":
                link.close()
                raise KeyboardInterrupt
            done = real(link, *given)
            if comes:
                link.close()
                raise KeyboardInterrupt
            return done

        monkeypatch.setattr(Link, verb, interrupted)
        with pytest.raises(KeyboardInterrupt), memcached.hold((b"n",), LONG) as hold:
            hold.commit({})
        memcached.hold((b"n",), 0).release()


class TestAPoolThatIsFull:
    """PostgreSQL: more threads than connections."""

    def all_done(self, threads: int, body: Callable[[int], object]) -> None:
        """Run a body several times in each of some threads; none may fail."""
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda at: [body(at) for _ in range(5)], range(threads)))

    def test_whoever_waits_for_a_connection_keeps_nobody_waiting(
        self, postgres_server: Postgres
    ) -> None:
        """Those with all the connections want the object that those without one are about to."""
        with closing(Space(f"{postgres_server.url}?pool=3", timeout=LONG)) as space:
            stock = space.share("stock", Tally)
            orders = [space.share(f"order-{at}", Tally) for at in range(12)]

            def sell(at: int) -> None:
                if at % 2:
                    stock.call()
                else:
                    with space.transaction(orders[at]):
                        orders[at].call(), stock.call()

            self.all_done(12, sell)
            assert stock.calls == 60

    def test_whoever_has_a_lock_gets_another_connection(self, postgres_server: Postgres) -> None:
        """A lock is counted while it is held, and what its block calls needs one more."""
        with closing(Space(f"{postgres_server.url}?pool=2", timeout=LONG)) as space:
            counter, locks = space.counter("n"), [space.lock(f"lock-{at}") for at in range(6)]

            def count(at: int) -> None:
                with locks[at]:
                    counter.increment()

            self.all_done(6, count)
            assert counter.value == 30
            [(many,)] = postgres_server.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = 'instep'"
            )
            assert many <= 4

    def test_a_wait_that_was_too_long_gives_its_connection_back(
        self, postgres_server: Postgres
    ) -> None:
        """Whether it was the connection or the key that did not come."""
        with closing(engine(f"{postgres_server.url}?pool=2").open()) as store:
            taken, go = threading.Event(), threading.Event()

            def keep() -> None:
                with store.hold((b"kept",), LONG):
                    taken.set()
                    go.wait(LONG)

            with ThreadPoolExecutor(1) as other:
                kept = other.submit(keep)
                assert taken.wait(LONG)
                for keys in ((b"n",), (b"n", b"m")):
                    with pytest.raises(StoreError, match="all 2 connections"):
                        store.hold(keys, 0.05)
                go.set()
                kept.result()
            for _ in range(3):
                store.hold((b"n", b"m", b"kept"), 1).release()


def test_a_manager_remembers_one_end_of_a_record() -> None:
    """However often one that expires is written, its memory does not grow."""
    records, soon = Records(), time.time() + 1000
    for turn in range(5000):
        records.put(b"same", b"%d" % turn, soon)
        records.put(b"later", b"%d" % turn, soon + turn)
    assert len(records._expiring) < 2000
    records.put(b"later", b"", time.time() - 1)
    records.forget_expired(())
    assert records.live(b"same") is not None
    assert len(records) == 1
