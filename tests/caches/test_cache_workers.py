"""Caches among processes: one flight for all, whoever is killed, wherever they are."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors import Child, Gate, until
from instep import Space

GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent, sys
from instep import Space
cache, made = Space(sys.argv[1]).cache("c", ttl=60), []
def create():
    made.append(1)
    gevent.sleep(0.05)
    return 42
workers = [gevent.spawn(cache.get_or_create, "k", create) for _ in range(50)]
gevent.joinall(workers, timeout=30)
print([worker.value for worker in workers] == [42] * 50, made)
"""


def miss(url: str, gate: Gate, log: str, threads: int, calls: int) -> list[int]:
    """What a worker does: with some threads, ask for the same key at the same moment."""
    cache, found = Space(url, timeout=25).cache("c", ttl=600), []

    def create() -> int:
        with open(log, "a") as file:
            file.write("made\n")
        time.sleep(0.3)
        return 42

    def work() -> None:
        for _ in range(calls):
            found.append(cache.get_or_create("k", create))

    gate.pass_through()
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return found


def test_a_hundred_misses_are_one_flight(
    served: str, fork: Callable[..., Child], tmp_path: Path
) -> None:
    """4 processes with 2 threads each, 100 calls together: the value is made once, on any store."""
    log, gate = tmp_path / "log", Gate()
    children = [fork(miss, served, gate, str(log), 2, calls) for calls in (13, 13, 12, 12)]
    gate.open(4)
    found = [value for child in children for value in child.result(60)]
    assert found == [42] * 100
    assert log.read_text() == "made\n"


def make_for_ever(url: str, making: Gate) -> None:
    """What the victim does."""

    def create() -> int:
        making.open()
        time.sleep(60)
        return 0

    Space(url).cache("c", ttl=60).get_or_create("k", create)


def test_another_takes_over_when_the_maker_is_killed(
    served: str, opened: Space, fork: Callable[..., Child]
) -> None:
    """kill -9 in the middle of a flight: who waits makes the value, long before any usual lease."""
    cache, making = opened.cache("c", ttl=60), Gate()
    victim = fork(make_for_ever, served, making)
    making.pass_through()
    began: list[float] = []

    def create() -> str:
        began.append(time.monotonic())
        return "mine"

    found: list[Any] = []
    waiter = threading.Thread(target=lambda: found.append(cache.get_or_create("k", create)))
    waiter.start()
    time.sleep(0.2)  # so that it waits
    assert not began
    victim.kill()
    killed = time.monotonic()
    waiter.join(25)
    assert found == ["mine"]
    assert began[0] - killed < 9  # of a usual lease, 10 s; a quiet machine needs less than one
    assert cache.get("k") == "mine"


def test_a_paused_maker_overwrites_nothing(
    served: str, opened: Space, fork: Callable[..., Child]
) -> None:
    """Who is stopped for longer than its lease gets what it made, and what others made stays."""
    making, go = Gate(), Gate()
    victim = fork(make_slowly, served, making, go)
    making.pass_through()
    os.kill(victim.pid, 19)
    cache = opened.cache("c", ttl=60)
    if opened.opened().store.powers.leases and not served.startswith("postgresql"):
        assert cache.get_or_create("k", lambda: "mine") == "mine"
    else:  # a kernel or a server that knows that it lives: it is waited for, or set
        cache.set("k", "mine")
    os.kill(victim.pid, 18)
    go.open()
    assert victim.result(30) == "theirs"
    assert cache.get("k") == "mine"


def make_slowly(url: str, making: Gate, go: Gate) -> str:
    """Make a value when the gate opens."""

    def create() -> str:
        making.open()
        go.pass_through()
        return "theirs"

    return Space(url).cache("c", ttl=60).get_or_create("k", create)


def test_a_long_flight_stays_one(served: str, fork: Callable[..., Child], tmp_path: Path) -> None:
    """A flight that takes longer than its lease is renewed: nobody else takes off."""
    log, gate = tmp_path / "log", Gate()
    children = [fork(miss_long, served, gate, str(log)) for _ in range(3)]
    gate.open(3)
    assert [child.result(60) for child in children] == [42] * 3
    assert log.read_text() == "made\n"


def miss_long(url: str, gate: Gate, log: str) -> int:
    """Make a value for three seconds."""

    def create() -> int:
        with open(log, "a") as file:
            file.write("made\n")
        time.sleep(3)
        return 42

    gate.pass_through()
    return Space(url, timeout=25).cache("c", ttl=600).get_or_create("k", create)


def test_figures_are_added_up(opened: Space, fork: Callable[..., Child]) -> None:
    """What three processes and their parent counted is in one sum, before and after a fork."""
    cache = opened.cache("c", ttl=60)
    assert cache.get_or_create("k", lambda: 1) == 1
    assert cache.stats().created == 1
    gate = Gate()

    def work() -> int:
        gate.pass_through()
        for _ in range(10):
            cache.get("k")
        cache.get("missing")
        return cache.stats().created

    children = [fork(work) for _ in range(3)]
    gate.open(3)
    assert [child.result() for child in children] == [1] * 3
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.created) == (30, 4, 1)


def test_greenlets_are_one_flight(served: str) -> None:
    """50 greenlets that miss together: one makes the value, and the others let it run."""
    done = subprocess.run(
        [sys.executable, "-c", GREENLETS, served],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "True [1]\n", done.stderr


def test_a_fork_inside_of_a_flight(tmp_path: Path, fork: Callable[..., Child]) -> None:
    """The child of a maker is not the maker: it waits like any other, and is not refused."""
    url = f"lmdb:{tmp_path / 'state'}?durability=none"
    cache = Space(url, timeout=25).cache("c", ttl=60)
    children: list[Child] = []

    def create() -> str:
        children.append(fork(lambda: cache.get_or_create("k", lambda: "the child's")))
        time.sleep(0.2)
        return "the parent's"

    assert cache.get_or_create("k", create) == "the parent's"
    assert children[0].result() == "the parent's"


def test_the_bound_holds_among_processes(tmp_path: Path, fork: Callable[..., Child]) -> None:
    """4 processes that fill a cache of 50 at once leave no more than that."""
    url = f"lmdb:{tmp_path / 'state'}?durability=none"
    space = Space(url)
    cache = space.cache("c", ttl=600, max_entries=50)

    def fill(name: int) -> None:
        for number in range(300):
            cache.set(f"{name}/{number}", number)

    for child in [fork(fill, name) for name in range(4)]:
        child.result()
    cache.set("last", 1)
    entries = until(lambda: space.describe("c").entries)
    assert entries <= 50 + 4
    assert cache.get("last") == 1
