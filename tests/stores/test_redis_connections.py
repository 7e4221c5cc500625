"""Connections to Redis are cut, answers are lost, requests come late: nothing is done twice."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from instep import LeaseLost, StoreError
from instep.stores import engine
from instep.stores.base import Store
from instep.stores.change import Add, Put
from instep.stores.redis import RedisStore
from instep.stores.redis.calls import Session
from instep.stores.redis.scripts import ADD as ADDS
from instep.stores.redis.scripts import (
    COMMIT,
    HOLD,
    RELEASE,
    SWAP,
    Request,
    Script,
    packed,
)
from instep.stores.redis.scripts import PUT as PUTS
from instep.testing.steps import LONG, add_one, data, put, replace
from proxy import Fault, Proxy
from redis_load import ADD, Load, whole
from servers import Redis

Plan = Callable[[Proxy, Callable[[bytes], bool]], Fault]

FAULTS: dict[str, Plan] = {
    "request": lambda proxy, which: proxy.lose_request(which),
    "answer": lambda proxy, which: proxy.swallow_answer(which),
    "meanwhile": lambda proxy, which: proxy.cut_after_request(1, which),
}
"""The connection is lost before the server gets a request, before its answer, or in between."""


def calls(script: Script) -> Callable[[bytes], bool]:
    """Whether a request is a call of a script."""
    return lambda request: script.short in request


@pytest.fixture
def proxy(redis_server: Redis) -> Iterator[Proxy]:
    """What stands between the store and the server."""
    with Proxy("127.0.0.1", redis_server.port) as proxy:
        yield proxy


@pytest.fixture
def store(proxy: Proxy) -> Iterator[Store]:
    """An empty store behind the proxy, whose scripts the server knows."""
    with closing(engine(f"redis://127.0.0.1:{proxy.port}").open()) as store:
        replace(store, b"warm", b"1")
        store.hold((b"warm",), LONG).release()
        store.update(b"warm", put(b"2"), LONG)
        store.update(b"warm", Put(b"2", lambda old: None), LONG)
        store.update(b"warm up", ADD, LONG)
        yield store


def test_a_call_is_two_round_trips(store: Store, proxy: Proxy) -> None:
    """One holds and loads, one commits and lets go; a read, a counter's step and a put are one."""
    for times, work in (
        (2, lambda: replace(store, b"n", b"1")),
        (1, lambda: store.read(b"n")),
        (1, lambda: store.update(b"number", ADD, LONG)),
        (1, lambda: store.update(b"n", Put(b"1", lambda old: None), LONG)),
        (2, lambda: store.update(b"n", add_one, LONG)),
    ):
        before = proxy.round_trips
        work()
        assert proxy.round_trips - before == times


def test_waiters_that_are_gone_cost_no_round_trip(
    store: Store, proxy: Proxy, redis_server: Redis
) -> None:
    """A wake-up that nobody takes is in nobody's way."""
    replace(store, b"n", b"1")
    redis_server.cli("HSET", "instep:k:n", "w", round((time.time() + 60) * 1e6))
    for _ in range(3):
        before = proxy.round_trips
        replace(store, b"n", b"1")
        assert proxy.round_trips - before == 2
    assert redis_server.cli("LLEN", "instep:w:n") == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_a_commit_is_made_once(store: Store, proxy: Proxy, fault: str) -> None:
    """Whether the server got it or not, it is there afterwards, once, and the key is free."""
    with store.hold((b"n",), LONG) as hold:
        hold.load(b"n")
        lost = FAULTS[fault](proxy, calls(COMMIT))
        hold.commit({b"n": b"a"})
    lost.wait()
    record = store.read(b"n")
    assert record is not None
    assert (record.version, record.data) == (1, b"a")
    store.hold((b"n",), 0).release()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_commit_of_nothing_is_made_once(store: Store, proxy: Proxy, fault: str) -> None:
    """It says that the hold lasted, as it did, also when it is sent again."""
    with store.hold((b"n",), LONG) as hold:
        lost = FAULTS[fault](proxy, calls(COMMIT))
        hold.commit({})
    lost.wait()
    store.hold((b"n",), 0).release()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("script", [ADDS, PUTS, SWAP], ids=["add", "put", "swap"])
def test_an_update_is_made_once(store: Store, proxy: Proxy, fault: str, script: Script) -> None:
    """And a number that was handed out is the one that is told, though its first answer is lost."""
    change = {ADDS: ADD, PUTS: Put(b"c1", lambda old: None), SWAP: lambda old: (b"c1", None)}[
        script
    ]
    lost = FAULTS[fault](proxy, calls(script))
    result = store.update(b"n", change, LONG)
    lost.wait()
    assert result == (1 if change is ADD else None)
    record = store.read(b"n")
    assert record is not None
    assert (record.version, record.data) == (1, b"c1")


def test_a_lost_answer_is_found_after_others_have_written(
    store: Store, proxy: Proxy, redis_server: Redis
) -> None:
    """The caller is told its own number, not the one that is there by then."""
    with closing(engine(redis_server.unix_url).open()) as other:
        theirs: list[int] = []

        def let_others_come_first(request: bytes) -> bool:
            if lost.spent and calls(ADDS)(request):
                theirs.extend(other.update(b"n", ADD, LONG) for _ in range(5))
            return False

        lost = proxy.swallow_answer(calls(ADDS))
        proxy.lose_request(let_others_come_first)
        assert store.update(b"n", ADD, LONG) == 1
    assert theirs == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_hold_is_taken_once(store: Store, proxy: Proxy, fault: str) -> None:
    """Who has it without knowing gets it, and is not waited for."""
    lost = FAULTS[fault](proxy, calls(HOLD))
    replace(store, b"n", b"a")
    lost.wait()
    store.hold((b"n",), 0).release()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_release_is_made(store: Store, proxy: Proxy, fault: str) -> None:
    """Nobody waits for the lease of one who has let go."""
    hold = store.hold((b"n",), LONG)
    lost = FAULTS[fault](proxy, calls(RELEASE))
    hold.release()
    lost.wait()
    store.hold((b"n",), 0).release()


def test_a_hold_that_was_taken_over_meanwhile_is_lost(
    store: Store, proxy: Proxy, redis_server: Redis
) -> None:
    """A commit that did not arrive is not made when somebody else has the key by then."""

    def and_take_over(request: bytes) -> bool:
        if not calls(COMMIT)(request):
            return False
        redis_server.cli("HSET", "instep:k:n", "h", "another 1 1 1 1")
        return True

    with store.hold((b"n",), LONG) as hold:
        hold.load(b"n")
        proxy.lose_request(and_take_over)
        with pytest.raises(LeaseLost, match="had ended before its commit"):
            hold.commit({b"n": b"a"})
    assert store.read(b"n") is None


def test_a_request_that_comes_late_is_not_done(store: RedisStore) -> None:
    """It may have waited in a buffer of a connection that was given up long ago."""
    place = store.place
    session = Session(place.layout)

    def add(number: int) -> list[object]:
        body = session.places(0) + place.layout.pair(0, b"n")
        body += packed(b"%d" % number, b"%d" % number, b"0", b"=", b"", b"c", b"1", b"0")
        answer: list[object] = place.calls.run(Request(ADDS, 0, 5, 13, body), time.monotonic() + 9)
        return answer

    assert add(1) == [1, b"1"]
    assert add(2) == [1, b"2"]
    assert add(2) == [3, b"2"]
    assert add(1) == [4]
    assert data(store, b"n") == b"c2"


def test_connections_are_cut_at_random(store: Store, proxy: Proxy) -> None:
    """A loss at every twentieth chunk costs time, and nothing else."""
    proxy.cut_randomly(0.05, seed=5)
    with Load(f"redis://127.0.0.1:{proxy.port}") as load:
        load.await_more(300)
        while proxy.cuts < 30:
            load.await_more(10)
    proxy.cut_randomly(0, seed=5)
    assert load.errors == []
    load.check(store)


def test_idle_connections_that_the_server_closed_are_no_error(
    store: Store, proxy: Proxy, redis_server: Redis
) -> None:
    """Whatever was kept for the next call is replaced."""
    store.update(b"n", add_one, LONG)
    redis_server.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert store.update(b"n", add_one, LONG) == 2


def test_a_silent_server_ends_in_an_error_in_time(proxy: Proxy) -> None:
    """The wait is bounded by the call's timeout; the next call is served."""
    url = f"redis://127.0.0.1:{proxy.port}?timeout=0.5"
    with closing(engine(url).open()) as store:
        store.update(b"n", add_one, LONG)
        proxy.freeze()
        for attempt in (
            lambda: store.update(b"n", add_one, 0.5),
            lambda: store.hold((b"n",), 0.5),
            lambda: store.read(b"n"),
        ):
            began = time.monotonic()
            with pytest.raises(StoreError, match="cannot be reached"):
                attempt()
            assert time.monotonic() - began < 15
        proxy.thaw()
        assert store.update(b"n", add_one, LONG) in (2, 3)


def test_scripts_are_sent_again_after_a_flush(store: Store, redis_server: Redis) -> None:
    """SCRIPT FLUSH, or a server that never knew them, costs a round trip."""
    for number in range(1, 4):
        redis_server.cli("SCRIPT", "FLUSH")
        with store.hold((b"n",), LONG) as hold:
            new, result = add_one(hold.load(b"n"))
            redis_server.cli("SCRIPT", "FLUSH")
            hold.commit({b"n": new})
        assert result == number
        redis_server.cli("SCRIPT", "FLUSH")
        assert store.update(b"counter", ADD, LONG) == number


def test_numbers_that_the_server_cannot_add(store: Store) -> None:
    """Beyond 2^53 a script's numbers have gaps: these are added here, and none is off by one."""
    number = 2**53 - 3
    store.update(b"n", put(b"c%x" % number), LONG)
    for amount in (1, 1, 1, 1, 1, -1, -1, -5, 2, 3):
        add = Add(amount, 0, b"c", whole, lambda number: b"c%x" % number)
        number += amount
        assert store.update(b"n", add, LONG) == number
        assert data(store, b"n") == b"c%x" % number
    store.update(b"n", put(b"c-%x" % (2**53 + 1)), LONG)
    add = Add(3, 0, b"c", whole, lambda number: b"c%x" % number)
    assert store.update(b"n", add, LONG) == -(2**53) + 2
    store.update(b"n", put(b"c%x" % (2**52 - 1)), LONG)
    add = Add(2**53 - 2, 0, b"c", whole, lambda number: b"c%x" % number)
    assert store.update(b"n", add, LONG) == 2**52 + 2**53 - 3
