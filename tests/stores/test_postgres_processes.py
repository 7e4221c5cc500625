"""PostgreSQL among processes: forks, deadlocks, greenlets, and who holds what."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from actors import Child, Gate, alone, run, until
from instep import LockTimeout, Misuse, Space
from instep.stores import engine
from instep.stores.base import Store
from instep.stores.postgres import PostgresStore
from instep.testing.steps import LONG, add_one, data, put
from servers import Postgres

Fork = Callable[..., Child]
PLAIN = pytest.mark.parametrize("plain", [False, True], ids=["hooks", "no-hooks"])


@pytest.fixture
def store(postgres_server: Postgres) -> Iterator[PostgresStore]:
    """An empty store."""
    with closing(engine(postgres_server.url).open()) as store:
        assert isinstance(store, PostgresStore)
        yield store


def connections(server: Postgres) -> set[int]:
    """The server's processes that serve the role."""
    rows = server.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'instep'")
    return {pid for (pid,) in rows}


def test_a_timeout_names_the_process_that_holds(store: PostgresStore, fork: Fork) -> None:
    """With its host, its id, and the time at which the transaction began."""
    store.update(b"n", put(b"a"), LONG)
    taken, done = Gate(), Gate()
    settings = store.pool.settings

    def hold() -> None:
        with PostgresStore(settings).hold((b"n", b"new"), LONG):
            taken.open()
            done.pass_through()

    began = time.time()
    child = fork(hold)
    taken.pass_through()
    for attempt in (
        lambda: store.hold((b"n",), 0.1),
        lambda: store.hold((b"other", b"n"), 0.1),
        lambda: store.update(b"n", add_one, 0),
    ):
        with pytest.raises(LockTimeout, match="for n, held by process") as caught:
            attempt()
        assert caught.value.holder
        assert caught.value.holder.pid == child.pid
        assert began - 1 < caught.value.holder.since < time.time() + 1
    with pytest.raises(LockTimeout, match="for new, held by process"):
        store.hold((b"new",), 0.1)
    done.open()
    child.result()
    store.hold((b"other", b"n"), LONG).release()


def test_a_deadlock_between_processes_ends(store: PostgresStore, fork: Fork) -> None:
    """One gets a LockTimeout that says so, and keeps what it held; the other goes on."""
    settings, here, there = store.pool.settings, Gate(), Gate()

    def cross(mine: bytes, other: bytes, ready: Gate, wait: Gate) -> list[str]:
        with PostgresStore(settings).hold((mine,), LONG) as hold:
            ready.open()
            wait.pass_through()
            try:
                hold.extend((other,), LONG)
            except LockTimeout as error:
                hold.commit({mine: b"alone"})
                return ["alone", str(error)]
            hold.commit({mine: b"both", other: b"both"})
            return ["both", ""]

    one = fork(cross, b"first", b"second", here, there)
    two = fork(cross, b"second", b"first", there, here)
    said = dict([one.result(), two.result()])
    assert set(said) == {"alone", "both"}
    assert "Deadlock between processes" in said["alone"]
    assert "Name all of them in one transaction" in said["alone"]
    assert {data(store, b"first"), data(store, b"second")} == {b"both"}


@PLAIN
def test_parent_and_child_go_on(postgres_server: Postgres, plain: bool) -> None:
    """The child opens connections of its own and leaves those of the parent alone."""
    before, after = alone(generations, postgres_server.url, plain)
    assert before == after != []
    until(lambda: not connections(postgres_server))


def generations(fork: Fork, url: str, plain: bool) -> list[list[int]]:
    """Count here, in a child and in its child; our connections before and after that."""
    store = engine(url).open()
    store.update(b"n", add_one, LONG)
    before = served(store)

    def child() -> list[int]:
        mine = store.update(b"n", add_one, LONG)
        with store.hold((b"n",), LONG) as hold:
            hold.commit({b"n": add_one(hold.load(b"n"))[0]})
        return [mine, Child(store.update, b"n", add_one, LONG, plain=plain).result()]

    assert fork(child, plain=plain).result() == [2, 4]
    assert store.update(b"n", add_one, LONG) == 5
    return [before, served(store)]


def served(store: Store) -> list[int]:
    """The server's process of each connection in this process's pool."""
    assert isinstance(store, PostgresStore)
    return sorted(link._pg.backend_pid for link in store.pool._idle)


@PLAIN
def test_a_child_that_is_born_in_a_transaction(postgres_server: Postgres, plain: bool) -> None:
    """It can neither commit nor free nor extend what its parent holds; its own calls wait."""
    said, record = alone(born_in_a_transaction, postgres_server.url, plain)
    assert said == ["refused", "refused", "waits"]
    assert record == "parent"


def born_in_a_transaction(fork: Fork, url: str, plain: bool) -> list[Any]:
    """What a child was told, and what the record is at the end."""
    store = engine(url).open()
    store.update(b"n", put(b"a"), LONG)

    def child() -> list[str]:
        said = []
        for act in (lambda: hold.commit({b"n": b"child"}), lambda: hold.extend((b"m",), 0.1)):
            try:
                act()
            except Misuse:
                said.append("refused")
        hold.release()
        try:
            store.update(b"n", put(b"child"), 0.1)
        except LockTimeout:
            said.append("waits")
        return said

    with store.hold((b"n",), LONG) as hold:
        old = hold.load(b"n")
        said = fork(child, plain=plain).result()
        assert old == b"a"
        hold.commit({b"n": b"parent"})
    return [said, (data(store, b"n") or b"").decode()]


def test_forks_under_load(store: PostgresStore, fork: Fork) -> None:
    """Threads are in transactions at each fork; no increment of anybody is lost."""
    stop, done = threading.Event(), []

    def count() -> None:
        while not stop.is_set():
            done.append(store.update(b"n", add_one, LONG))

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(12):
            fork(store.update, b"n", add_one, LONG).result()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert int(data(store, b"n") or b"0") == len(done) + 12


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_multiprocessing(postgres_server: Postgres) -> None:
    """Its forked processes count too, and end as programs do."""
    space = Space(postgres_server.url)
    counter = space.counter("n")
    counter.increment()

    def count() -> None:
        for _ in range(10):
            counter.increment()

    workers = [multiprocessing.get_context("fork").Process(target=count) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert counter.increment() == 32
    space.close()


def test_greenlets(postgres_server: Postgres) -> None:
    """Under gevent waiting yields: holders sleep in their hold, and all others go on."""
    program = """
from gevent import monkey; monkey.patch_all()
import sys, time, gevent
from instep import Space
space = Space(sys.argv[1] + "?pool=4")
value, ticks = space.value("v", 0), []
other = Space(sys.argv[1] + "?pool=5").value("v", 0)
def tick():
    while True:
        ticks.append(1); gevent.sleep(0.002)
ticking = gevent.spawn(tick)
def add(value):
    def slow(old):
        time.sleep(0.01)
        return old + 1
    for _ in range(5):
        value.update(slow)
jobs = [gevent.spawn(add, each) for each in (value, other) * 4]
gevent.joinall(jobs, raise_error=True)
print(value.get(), len(ticks) > 50)
"""
    assert run(program, postgres_server.url) == "40 True"


def test_a_program_that_ends_without_closing(postgres_server: Postgres) -> None:
    """The interpreter goes down without a warning, also in the middle of a hold."""
    program = """
import sys
from instep.stores import engine
from instep.stores.base import Store
store = engine(sys.argv[1]).open()
hold = store.hold((b"n",), 5)
print(store.read(b"n"))
"""
    assert run(program, postgres_server.url) == "None"
    until(lambda: not connections(postgres_server))


def test_a_signal_handler_that_writes(postgres_server: Postgres) -> None:
    """In the middle of any call of its own thread it uses another connection; nothing hangs."""
    program = """
import random, signal, sys
from instep import Space
space = Space(sys.argv[1])
mine, signals, done = space.counter("mine"), space.counter("signals"), 0
signals.increment(), signals.reset()
def handler(*_):
    global done
    signals.increment()
    done += 1
    signal.setitimer(signal.ITIMER_REAL, random.random() * 1e-3 + 1e-4)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 1e-3)
calls = 0
while done < 100:
    mine.increment()
    calls += 1
signal.signal(signal.SIGALRM, signal.SIG_IGN)
print(mine.value == calls, signals.value == done)
"""
    assert run(program, postgres_server.url) == "True True"


def test_an_exception_of_a_handler_leaves_no_transaction_behind(
    postgres_server: Postgres,
) -> None:
    """Whenever it comes, connections are not mixed up, and keys are let go of."""
    program = """
import random, signal, sys
from instep import LockTimeout, Space
class TimeLimit(Exception): ...
def limit(*_): raise TimeLimit
space = Space(sys.argv[1], timeout=10)
value, last = space.value("v", 0), 0
value.set(0)
for _ in range(150):
    signal.signal(signal.SIGALRM, limit)
    try:
        signal.setitimer(signal.ITIMER_REAL, random.random() * 3e-3 + 1e-5)
        while True:
            last = value.update(lambda old: old + 1)
    except TimeLimit:
        pass
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    assert value.get() in (last, last + 1)
    last = value.get()
print("right")
"""
    assert run(program, postgres_server.url) == "right"


def test_the_pid_is_in_the_name_of_the_connection(
    store: PostgresStore, postgres_server: Postgres
) -> None:
    """An administrator sees whose it is."""
    store.read(b"n")
    rows = postgres_server.sql(
        "SELECT application_name FROM pg_stat_activity WHERE usename = 'instep'"
    )
    assert [name.partition("@")[0] for (name,) in rows] == [f"instep {os.getpid()}"]
