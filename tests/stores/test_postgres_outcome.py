"""PostgreSQL: what became of a commit whose answer was lost is found out, never guessed."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from actors import Child, until
from instep import Conflict, LeaseLost, Space, StoreError
from instep.stores import engine
from instep.stores.postgres import PostgresStore
from instep.stores.postgres.outcome import Mark, Trace, committed
from instep.testing.steps import LONG, add_one, data, put, replace
from proxy import Proxy
from servers import Postgres, free_port

Fork = Callable[..., Child]


def commits(request: bytes) -> bool:
    """Whether a message of the client ends a transaction by a commit."""
    return b"instep_commit" in request


@pytest.fixture
def store(far: str) -> Iterator[PostgresStore]:
    """A store behind the proxy, with a record."""
    with closing(engine(far).open()) as store:
        store.update(b"n", put(b"0"), LONG)
        assert isinstance(store, PostgresStore)
        yield store


def test_a_call_is_two_round_trips(store: PostgresStore, proxy: Proxy) -> None:
    """Hold and load, then commit; a read is one; both also when it is an update."""
    for step, turns in (
        (lambda: replace(store, b"n", b"1"), 2),
        (lambda: store.update(b"n", add_one, LONG), 2),
        (lambda: store.read(b"n"), 1),
        (lambda: replace(store, b"new", b"1"), 3),
    ):
        before = proxy.round_trips
        step()
        assert proxy.round_trips - before == turns


@pytest.mark.parametrize("name", ["swallow_answer", "cut_after_request", "lose_request"])
def test_a_hold_whose_commit_is_cut(store: PostgresStore, proxy: Proxy, name: str) -> None:
    """It returns if it was committed, and raises if it was not."""
    for turn in range(5):
        fault = getattr(proxy, name)(predicate=commits)
        with store.hold((b"n", b"m"), LONG) as hold:
            old = hold.load(b"n")
            try:
                hold.commit({b"n": b"%d" % turn, b"m": b"%d" % turn})
                done = True
            except StoreError as error:
                done = False
                said = str(error)
        fault.wait()
        assert data(store, b"n") == (b"%d" % turn if done else old)
        assert done or "nothing was written: call again" in said
        assert done or name != "swallow_answer"
        assert not done or name != "lose_request"


@pytest.mark.parametrize("name", ["swallow_answer", "cut_after_request", "lose_request"])
def test_an_update_whose_commit_is_cut_happens_once(
    store: PostgresStore, proxy: Proxy, name: str
) -> None:
    """It is made again if it was not committed, and only then."""
    for turn in range(1, 6):
        fault = getattr(proxy, name)(predicate=commits)
        assert store.update(b"n", add_one, LONG) == turn
        fault.wait()
    assert data(store, b"n") == b"5"


def test_a_session_that_has_not_noticed_is_ended(store: PostgresStore) -> None:
    """While the server cannot tell yet, the transaction is brought to its end."""
    with store.hold((b"n",), LONG) as hold:
        mark = hold._mark
        assert committed(store.pool, mark, (), "a test", LONG) is False
        with pytest.raises(StoreError, match="nothing was written"):
            hold.commit({b"n": b"late"})
    assert data(store, b"n") == b"0"


def test_the_id_of_a_transaction_is_somebody_elses_after_a_crash() -> None:
    """A server that crashed gives the number of a lost transaction to another one, which commits:
    the first one is not taken for committed."""
    with Postgres() as server, closing(engine(server.url).open()) as store:
        store.update(b"n", put(b"0"), LONG)
        for _ in range(10):  # the server writes its log now and then, and then it knows the number
            lost = store.hold((b"n",), LONG)
            server.kill()
            server.start()
            with closing(PostgresStore(store.pool.settings)) as other:
                other.update(b"m", add_one, LONG)
            number = int.from_bytes(lost._mark.xid, "big")
            [(status,)] = server.sql(f"SELECT pg_xact_status('{number}')")
            with pytest.raises(StoreError, match="nothing was written"):
                lost.commit({b"n": b"mine"})
            assert data(store, b"n") == b"0"
            if status == "committed":
                return
        pytest.fail("no number was given twice")


def test_in_another_life_of_the_server_the_records_decide(store: PostgresStore) -> None:
    """An id that may be somebody else's proves nothing; the number in the record does."""
    with store.hold((b"n",), LONG) as hold:
        before = hold._rows[b"n"].txid
        hold.commit({b"n": b"1"})
        mark = hold._mark._replace(life=b"12345678")
    store.pool.ask((("read", (b"n",)),), time.monotonic() + LONG)
    record = store.read(b"n")
    assert record is not None
    after = record.txid.to_bytes(8, "big")
    everything = "UPDATE instep.life SET lower = '0', upper = '99999999999'"
    link = store.pool.take(time.monotonic() + LONG)
    link.run(everything, LONG)
    store.pool.give(link)
    assert committed(store.pool, mark, [Trace(b"n", before, after)], "", LONG) is True
    assert committed(store.pool, mark, [Trace(b"n", after, before)], "", LONG) is False
    with pytest.raises(StoreError, match="could not be found out"):
        committed(store.pool, mark, [Trace(b"n", b"12345678", b"87654321")], "", 0.1)


def test_an_outcome_that_nobody_tells() -> None:
    """The message does not say of the commit what is true of the question only."""
    url = f"postgresql://127.0.0.1:{free_port()}/x"
    with closing(engine(url).open()) as store:
        assert isinstance(store, PostgresStore)
        mark = Mark(bytes(8), b"12345678")
        with pytest.raises(StoreError, match="could not be found out") as caught:
            committed(store.pool, mark, [], "it was cut", 0.1)
    said = str(caught.value)
    assert "refused" in said
    assert "nothing was written" not in said
    assert said.count(url) == 1


def test_a_lost_connection_is_an_error_that_programs_know(
    store: PostgresStore, proxy: Proxy
) -> None:
    """Its class is one of those that they can import, also in their logs."""
    with store.hold((b"n",), LONG) as hold:
        proxy.cut()
        with pytest.raises(StoreError) as caught:
            hold.commit({b"n": b"1"})
    assert type(caught.value) is StoreError


def test_connections_cut_at_random_lose_nothing(far: str, proxy: Proxy) -> None:
    """What was acknowledged is there, what was refused is not, nothing is there twice."""
    space = Space(far, timeout=20)
    counter, value = space.counter("updates"), space.value("holds", 0)
    counter.increment()
    value.set(0)
    numbers: list[int] = []
    held: list[int] = []

    def work() -> None:
        for _ in range(40):
            numbers.append(counter.increment())
            with suppress(StoreError):
                held.append(value.update(lambda old: old + 1))

    proxy.cut_randomly(0.03, seed=5)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    proxy.cut_randomly(0, seed=5)
    assert proxy.cuts > 10
    assert sorted(numbers) == list(range(2, 162))
    assert sorted(held) == list(range(1, len(held) + 1))
    assert value.get() == len(held)
    space.close()


def work(address: str, name: str, seconds: float) -> list[Any]:
    """Count by update and by hold for a while; what was acknowledged, and what was raised."""
    space = Space(address, timeout=15)
    counter, value = space.counter("updates"), space.value("holds", 0)
    mine: list[Any] = [[], [], []]

    def count() -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                mine[0].append(counter.increment())
                mine[1].append(value.update(lambda old: old + 1))
            except (StoreError, Conflict) as error:
                mine[2].append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return mine


def test_a_server_that_is_killed_and_restarted_in_mid_load(fork: Fork) -> None:
    """No acknowledged commit is lost, none is applied twice; whoever is refused is told so."""
    with Postgres() as server:
        Space(server.url).counter("updates").increment()
        workers = [fork(work, server.url, str(number), 4.0) for number in range(2)]
        for kill in (server.kill, lambda: server.stop(immediate=True), server.kill):
            time.sleep(0.7)
            kill()
            time.sleep(0.1)
            server.start()
        said = [worker.result() for worker in workers]
        updates = sorted(number for one in said for number in one[0])
        held = sorted(number for one in said for number in one[1])
        errors = [error for one in said for error in one[2]]
        space = Space(server.url)
        assert all("nothing was written" in error for error in errors), errors
        assert updates == list(range(2, len(updates) + 2))
        assert held == list(range(1, len(held) + 1))
        assert space.counter("updates").value == len(updates) + 1
        assert space.value("holds", 0).get() == len(held)
        space.close()


def test_a_holder_that_is_killed_frees_at_once(postgres_server: Postgres, fork: Fork) -> None:
    """Its unfinished call never happened, and nobody waits for the lease to end."""
    url = postgres_server.url

    def die() -> None:
        store = engine(url).open()
        hold = store.hold((b"n", b"new"), LONG)
        hold.load(b"n")
        replace(store, b"held", b"yes")
        time.sleep(60)

    child = fork(die)
    with closing(engine(url).open()) as store:
        until(lambda: data(store, b"held"))
        child.kill()
        began = time.monotonic()
        store.update(b"n", add_one, LONG)
        store.update(b"new", add_one, LONG)
        assert time.monotonic() - began < LONG  # of a usual lease, 30 s
        assert data(store, b"n") == b"1"


def test_a_holder_that_is_frozen_beyond_its_lease(postgres_server: Postgres, fork: Fork) -> None:
    """Others go on, and when it wakes up its commit is refused; nothing is overwritten."""
    url = f"{postgres_server.url}?lease=0.5"
    read, write = os.pipe()

    def freeze() -> str:
        store = engine(url).open()
        with store.hold((b"n",), LONG) as hold:
            hold.load(b"n")
            os.write(write, b".")
            os.kill(os.getpid(), signal.SIGSTOP)
            try:
                hold.commit({b"n": b"frozen"})
            except LeaseLost as error:
                return str(error)
        return "committed"

    child = fork(freeze)
    os.read(read, 1)
    os.close(read)
    os.close(write)
    with closing(engine(url).open()) as store:
        assert store.update(b"n", put(b"others"), LONG) is None
        os.kill(child.pid, signal.SIGCONT)
        assert "nothing was written; call again" in child.result()
        assert data(store, b"n") == b"others"


def test_a_holder_that_is_busy_keeps_its_lease(postgres_server: Postgres) -> None:
    """User code may run for longer than the lease; the process says that it lives."""
    with closing(engine(f"{postgres_server.url}?lease=2").open()) as store:
        with store.hold((b"n",), LONG) as hold:
            time.sleep(2.5)
            hold.extend((b"m",), LONG)
            time.sleep(1)
            hold.commit({b"n": b"1", b"m": b"1"})
        assert data(store, b"n") == data(store, b"m") == b"1"


def test_a_hold_that_was_lost_says_so_in_its_commit(store: PostgresStore) -> None:
    """Also when nothing was to be written, and when more was to be held."""
    for act in (lambda: hold.commit({}), lambda: hold.extend((b"m",), LONG)):
        with store.hold((b"n",), LONG) as hold:
            hold._link.ask((("limits", (b"0", b"0", b"1")),), LONG)
            time.sleep(0.05)
            with pytest.raises(LeaseLost, match="nothing was written"):
                act()


def test_a_server_that_does_not_tell_its_checkpoint() -> None:
    """After a crash the records alone decide; calls go on as ever."""
    with Postgres(fsync=False) as server:
        server.sql("REVOKE EXECUTE ON FUNCTION pg_control_checkpoint() FROM PUBLIC")
        with closing(engine(server.url).open()) as store:
            assert store.update(b"n", add_one, LONG) == 1
            assert server.sql("SELECT lower::text FROM instep.life") == [("0",)]
