"""Holds on Redis: their holders are killed, stopped and slow, and those who wait are woken."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from actors import Child, Gate, run, until
from instep import LeaseLost, LockTimeout
from instep.stores import engine
from instep.stores.base import Store
from instep.stores.redis import place
from instep.testing.steps import LONG, add_one, data, held, put, replace
from redis_load import ADD
from servers import Redis

Fork = Callable[..., Child]


@pytest.fixture
def url(redis_server: Redis) -> str:
    """An empty store whose leases are short."""
    return f"{redis_server.url}?lease=3"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """The store, as this process has it."""
    with closing(engine(url).open()) as store:
        yield store


PATIENT = 24.0  # seconds


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits at the server looks for itself so late that a lost wake-up is seen."""
    monkeypatch.setattr(place, "SLICE", PATIENT)


def hold_on(url: str, taken: Gate, go: Gate) -> str:
    """In a process: hold a key until told to go on, then commit; what came of it."""
    store = engine(url).open()
    with store.hold((b"n", b"other"), LONG) as hold:
        hold.load(b"n")
        taken.open()
        go.pass_through()
        try:
            hold.commit({b"n": b"by the holder"})
        except LeaseLost as lost:
            return str(lost)
    return "committed"


class TestHolders:
    """Those who hold."""

    def test_a_killed_one_frees_its_keys_with_its_lease(
        self, url: str, store: Store, fork: Fork
    ) -> None:
        """Who waits gets the key then; the unfinished call never happened."""
        taken, go = Gate(), Gate()
        child = fork(hold_on, url, taken, go)
        taken.pass_through()
        with pytest.raises(LockTimeout) as caught:
            store.hold((b"n",), 0)
        assert caught.value.holder is not None
        assert caught.value.holder.pid == child.pid
        child.kill()
        began = time.monotonic()
        with store.hold((b"n",), LONG) as hold:
            assert time.monotonic() - began < 9  # of a usual lease, 10 s
            assert hold.load(b"n") is None
            hold.commit({b"n": b"a"})
        store.hold((b"other",), LONG).release()

    def test_a_stopped_one_is_refused_afterwards(self, url: str, store: Store, fork: Fork) -> None:
        """Somebody else had the key after the lease: nothing of theirs is overwritten."""
        taken, go = Gate(), Gate()
        child = fork(hold_on, url, taken, go)
        taken.pass_through()
        os.kill(child.pid, signal.SIGSTOP)
        replace(store, b"n", b"by another")
        go.open()
        os.kill(child.pid, signal.SIGCONT)
        assert "had ended before its commit" in child.result()
        assert data(store, b"n") == b"by another"
        store.hold((b"other",), LONG).release()

    def test_an_update_takes_over_as_well(self, url: str, store: Store, fork: Fork) -> None:
        """What one step changed after the lease is not overwritten either."""
        taken, go = Gate(), Gate()
        child = fork(hold_on, url, taken, go)
        taken.pass_through()
        os.kill(child.pid, signal.SIGSTOP)
        store.update(b"n", put(b"by an update"), LONG)
        go.open()
        os.kill(child.pid, signal.SIGCONT)
        assert "had ended before its commit" in child.result()
        assert data(store, b"n") == b"by an update"

    def test_a_slow_one_is_waited_for(self, store: Store) -> None:
        """Its lease is renewed for as long as its process runs."""
        with ThreadPoolExecutor(1) as pool, store.hold((b"n", b"m"), LONG) as hold:
            waits = pool.submit(store.update, b"n", lambda old: (b"late", old), LONG)
            time.sleep(4)
            assert not waits.done()
            hold.commit({b"n": b"early"})
            assert waits.result(LONG) == b"early"

    @pytest.mark.parametrize("field", ["h", "f"])
    def test_one_whose_hold_was_taken_over_touches_nothing(
        self, store: Store, redis_server: Redis, field: str
    ) -> None:
        """Token and fence are compared by the commit; a release and a renewal look at the token."""
        replace(store, b"n", b"a")
        with store.hold((b"n",), LONG) as hold:
            theirs = {"h": "another 1 1 1.0 1", "f": "17", "u": round((time.time() + 60) * 1e6)}
            redis_server.cli("HSET", "instep:k:n", field, theirs[field], "u", theirs["u"])
            if field == "h":
                assert not hold.renew()
            with pytest.raises(LeaseLost):
                hold.commit({b"n": b"b"})
        if field == "h":
            found = redis_server.cli("HMGET", "instep:k:n", "h", "u")
            assert found == [theirs["h"], str(theirs["u"])]
        assert data(store, b"n") == b"a"

    def test_fences_grow(self, store: Store, redis_server: Redis) -> None:
        """With every hold, also after the record was deleted."""
        fences = []
        for new in (b"a", b"b", None, b"c", None, None):
            with store.hold((b"n",), LONG) as hold:
                fences.append(int(redis_server.cli("HGET", "instep:k:n", "f")))
                hold.commit({b"n": new})
        assert fences == sorted(set(fences))

    def test_nothing_is_left_of_what_is_deleted(self, store: Store, redis_server: Redis) -> None:
        """Neither of a record nor of a hold, waited for or not; receipts go by themselves."""
        replace(store, b"n", b"a")
        with (
            closing(engine(redis_server.unix_url).open()) as other,
            store.hold((b"n", b"lock"), LONG) as hold,
        ):
            for key in (b"n", b"lock"):
                with pytest.raises(LockTimeout):
                    other.hold((key,), 0.1)
            hold.commit({b"n": None})
        store.hold((b"never",), LONG).release()

        def lasting() -> list[str]:
            return [
                key for key in redis_server.cli("KEYS", "*") if redis_server.cli("TTL", key) < 0
            ]

        assert lasting() == []
        until(lambda: all(":r:" in key for key in redis_server.cli("KEYS", "*")))

    def test_a_held_key_without_a_record_goes_by_itself(
        self, store: Store, redis_server: Redis
    ) -> None:
        """Its time to live outlasts the lease by far and cannot end a hold; a record has none."""
        with store.hold((b"n",), LONG) as hold:
            assert redis_server.cli("TTL", "instep:k:n") > 3600
            hold.commit({b"n": b"a"})
        assert redis_server.cli("TTL", "instep:k:n") == -1

    def test_a_forked_child_is_somebody_else(self, store: Store, fork: Fork) -> None:
        """It has connections of its own, and what its parent holds is not its."""
        replace(store, b"n", b"1")

        def work() -> list[object]:
            with pytest.raises(LockTimeout):
                store.hold((b"n",), 0.1)
            hold.release()
            return [store.update(b"m", ADD, LONG) for _ in range(100)]

        with store.hold((b"n",), LONG) as hold:
            children = [fork(work) for _ in range(2)]
            mine = [store.update(b"m", ADD, LONG) for _ in range(100)]
            theirs = [number for child in children for number in child.result()]
            hold.commit({b"n": b"2"})
        assert len({*mine, *theirs}) == 300


class TestWaiters:
    """Those who wait."""

    def test_they_are_woken(self, redis_server: Redis, fork: Fork) -> None:
        """Nobody polls: who waits at the server asks it nothing, for most of a second."""

        def work() -> None:
            engine(redis_server.url).open().hold((b"n",), 30).release()

        with closing(engine(redis_server.url).open()) as store:
            with store.hold((b"n",), LONG):
                children = [fork(work) for _ in range(4)]
                until(lambda: blocked(redis_server) == 4)
                before = asked(redis_server)
                time.sleep(0.5)
                assert asked(redis_server) - before < 12  # 4 x 5, if they asked every 100 ms
            for child in children:
                child.result()

    @pytest.mark.parametrize("key", [b"n", b"lock"])
    def test_all_of_them_are_woken_one_by_one(
        self, redis_server: Redis, fork: Fork, patient: None, key: bytes
    ) -> None:
        """Also on a key that has no record, as a lock's."""

        def work() -> None:
            engine(redis_server.url).open().hold((key,), 30).release()

        with closing(engine(redis_server.url).open()) as store:
            replace(store, b"n", b"a")
            with store.hold((key,), LONG):
                children = [fork(work) for _ in range(6)]
                until(lambda: blocked(redis_server) == 6)
                began = time.monotonic()
            for child in children:
                child.result()
            assert time.monotonic() - began < PATIENT / 2

    def test_the_one_who_is_woken_comes_first(self, store: Store, redis_server: Redis) -> None:
        """The key is kept for it for a moment; who comes in between waits, and gets it then."""
        key = "instep:k:n"
        replace(store, b"n", b"a")
        hold = store.hold((b"n",), LONG)
        redis_server.cli("HSET", key, "w", round((time.time() + 60) * 1e6))
        with ThreadPoolExecutor(1) as pool:
            woken = pool.submit(redis_server.cli, "BLPOP", "instep:w:n", 20)
            until(lambda: blocked(redis_server) == 1)
            seconds, micros = redis_server.cli("TIME")
            hold.release()
            assert woken.result(LONG)
        kept = redis_server.cli("HGET", key, "h")
        assert kept[0] == "!"
        assert int(kept[1:]) - (int(seconds) * 10**6 + int(micros)) >= 50_000
        later = round((time.time() + 60) * 1e6)
        redis_server.cli("HSET", key, "h", f"!{later}")
        with pytest.raises(LockTimeout):
            store.hold((b"n",), 0)
        redis_server.cli("HSET", key, "h", f"!{later - 59_500_000}")
        began = time.monotonic()
        store.hold((b"n",), LONG).release()
        assert time.monotonic() - began > 0.05

    def test_a_killed_waiter_costs_nothing(
        self, redis_server: Redis, fork: Fork, patient: None
    ) -> None:
        """The wake-up goes to one that lives."""

        def work() -> None:
            store.hold((b"n",), 30).release()

        with closing(engine(redis_server.url).open()) as store:
            with store.hold((b"n",), LONG):
                children = [fork(work) for _ in range(3)]
                until(lambda: blocked(redis_server) == 3)
                children[0].kill()
                until(lambda: blocked(redis_server) == 2)
                began = time.monotonic()
            for child in children[1:]:
                child.result()
            assert time.monotonic() - began < PATIENT / 2

    def test_one_per_process_waits_at_the_server(self, redis_server: Redis, store: Store) -> None:
        """The other threads wait here, and cost the server nothing."""
        with closing(engine(redis_server.unix_url).open()) as other, ThreadPoolExecutor(8) as pool:
            with other.hold((b"n",), LONG):
                calls = [pool.submit(store.update, b"n", add_one, LONG) for _ in range(4)]
                calls += [
                    pool.submit(lambda: store.hold((b"n",), LONG).release()) for _ in range(4)
                ]
                until(lambda: blocked(redis_server) > 0)
                time.sleep(0.1)
                assert blocked(redis_server) == 1
            numbers = {call.result(LONG) for call in calls}
        assert numbers == {1, 2, 3, 4, None}

    def test_a_deadlock_between_processes_names_both_orders(
        self, url: str, store: Store, fork: Fork
    ) -> None:
        """The one whose wait ends first learns what the other waits for."""
        ready, go = Gate(), Gate()

        def cross() -> str:
            with engine(url).open().hold((b"second",), LONG) as hold:
                ready.open()
                go.pass_through()
                hold.extend((b"first",), LONG)
            return "held both"

        with store.hold((b"first",), LONG) as hold:
            child = fork(cross)
            ready.pass_through()
            go.open()
            with pytest.raises(LockTimeout) as caught:
                hold.extend((b"second",), 1.0)
        assert "holds first and waits for second" in str(caught.value)
        assert "holds second and waits for first" in str(caught.value)
        assert child.result() == "held both"

    def test_a_wait_ends_in_time(self, store: Store) -> None:
        """Neither before its timeout nor long after it."""
        with held(store, b"n"):
            for timeout in (0.0, 0.05, 1.3):
                for attempt in (
                    lambda: store.hold((b"n",), timeout),  # noqa: B023
                    lambda: store.update(b"n", add_one, timeout),  # noqa: B023
                ):
                    began = time.monotonic()
                    with pytest.raises(LockTimeout) as caught:
                        attempt()
                    assert timeout <= time.monotonic() - began < timeout + 8
                    assert caught.value.timeout == timeout


def blocked(server: Redis) -> int:
    """How many clients wait at the server."""
    info = dict(
        line.split(":", 1) for line in server.text("INFO", "clients").splitlines() if ":" in line
    )
    return int(info["blocked_clients"])


def asked(server: Redis) -> int:
    """How many commands it has been given."""
    info = server.text("INFO", "stats")
    return int(info.partition("total_commands_processed:")[2].split()[0])


def test_greenlets(redis_server: Redis) -> None:
    """Under gevent's patches they wait for each other, in one process and between two."""
    code = """
from gevent import monkey; monkey.patch_all()
import sys, time, gevent
from instep.stores import engine
from instep.testing.steps import add_one
store = engine(sys.argv[1]).open()
def by_hold():
    with store.hold((b"n",), 20) as hold:
        new, number = add_one(hold.load(b"n"))
        gevent.sleep(0.002)
        hold.commit({b"n": new})
        return number
def by_update():
    return store.update(b"n", add_one, 20)
def slow():
    with store.hold((b"slow",), 20) as hold:
        gevent.sleep(2.5)
        hold.commit({})
jobs = [gevent.spawn(job) for _ in range(25) for job in (by_hold, by_update)]
gevent.joinall(jobs, raise_error=True)
gevent.joinall([gevent.spawn(slow) for _ in range(2)], raise_error=True)
print(*sorted(job.value for job in jobs))
"""
    told: list[str] = []
    threads = [
        threading.Thread(target=lambda: told.append(run(code, f"{redis_server.url}?lease=2")))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [int(number) for line in told for number in line.split()]
    assert sorted(numbers) == list(range(1, 101))


def test_what_expired_is_cleared_away(store: Store, redis_server: Redis) -> None:
    """A minute later, by writes of other records that expire; what is held or was renewed stays."""
    past, future = time.time() - 100, time.time() + 100
    for number in range(6):
        store.update(b"old%d" % number, put(b"x"), LONG, expires=past)
    store.update(b"renewed", put(b"x"), LONG, expires=past)
    store.update(b"renewed", put(b"x"), LONG, expires=0.0)
    store.update(b"just now", put(b"x"), LONG, expires=time.time() - 1)
    for number in range(6):
        store.update(b"new%d" % number, put(b"x"), LONG, expires=future)
    names = set(redis_server.cli("ZRANGE", "instep:index", 0, -1))
    assert names == {"renewed", "just now", *(f"new{number}" for number in range(6))}
    assert set(redis_server.cli("ZRANGE", "instep:expiry", 0, -1)) == names - {"renewed"}
    assert not redis_server.cli("EXISTS", *(f"instep:k:old{number}" for number in range(6)))
    with store.hold((b"just now",), LONG) as hold:
        redis_server.cli("ZADD", "instep:expiry", past, "just now")
        redis_server.cli("HSET", "instep:k:just now", "x", past)
        store.update(b"new", put(b"x"), LONG, expires=future)
        hold.commit({b"just now": b"y"})
    assert data(store, b"just now") == b"y"
